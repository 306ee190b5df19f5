//! What is commonly said of REST and WebSocket, and whether it is so: each statement has an experiment, a
//! verdict, and a predicate on figures that the verdict must pass whenever the page is made.
//!
//! ```text
//!   --claims ─▶ Evidence: small courses ─▶ ledger: each Claim holds? ─▶ the page, as markdown
//!                 ├ courses   counted, and the same on every machine     │
//!                 ├ told      who sees which change                      └ one that does not hold
//!                 └ held      memory, which varies: marked with ~          fails the command
//! ```

pub mod asking;
pub mod evidence;
pub mod following;
pub mod ledger;
pub mod told;

use std::fmt::Write as _;
use std::io::{self, Write as _};

use crate::compare::turns::Turns;
use crate::failure::Failure;
use evidence::Evidence;
use ledger::{Claim, Verdict};

/// Of the server: a change that is written on one has to reach those who follow on the other.
pub const LOOPS: u16 = 2;

/// Gathers the evidence, prints the page, and fails where a verdict does not hold.
pub fn run(turns: &Turns) -> Result<(), Failure> {
    if turns.counting.wire().is_none() {
        let words =
            format!("--claims counts packet by packet, and cannot here: {}", turns.counting.method().says);
        return Err(Failure::Failed(words));
    }
    let evidence = Evidence::gather(turns)?;
    let text = page(&evidence);
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(Failure::Output);
    Failure::pass_over_broken_pipe(written)?;
    match ledger::all().find(|claim| !(claim.holds)(&evidence)) {
        None => Ok(()),
        Some(claim) => {
            let verdict = claim.verdict.words();
            Err(Failure::Failed(format!("the verdict on {:?}, {verdict}, does not hold here", claim.said)))
        }
    }
}

fn page(evidence: &Evidence) -> String {
    let mut out = INTRODUCTION.to_owned();
    out += "\n| what is said | verdict |\n| --- | --- |\n";
    for claim in ledger::all() {
        _ = writeln!(out, "| [{}](#{}) | {} |", claim.said, anchor(claim.said), verdict(claim, evidence));
    }
    for claim in ledger::all() {
        _ = write!(
            out,
            "\n## {}\n\nVerdict: {}. {}\n\n- Experiment: {}\n- Counted: {}\n- Again: `{}`\n",
            claim.said,
            verdict(claim, evidence),
            (claim.because)(evidence),
            claim.experiment,
            (claim.counted)(evidence),
            claim.again
        );
    }
    out
}

/// With its condition, where it has one.
fn verdict(claim: &Claim, evidence: &Evidence) -> String {
    let words = claim.verdict.words();
    match (claim.verdict, claim.condition) {
        (Verdict::TrueIf, Some(condition)) => format!("**{words}**: {}", condition(evidence)),
        (_, Some(condition)) => format!("**{words}**; {}", condition(evidence)),
        (_, None) => format!("**{words}**"),
    }
}

/// As links to headings are made.
fn anchor(heading: &str) -> String {
    let name = heading.to_lowercase().replace(' ', "-");
    name.chars().filter(|c| c.is_alphanumeric() || "-_".contains(*c)).collect()
}

const INTRODUCTION: &str = "\
# What is said, and what is counted

Things that are commonly said of REST and of WebSocket. For each there is an experiment, what was counted in it, a
verdict, and the command that does it again. This page is what `bothways compare --claims --rounds 5` prints. A test
prints it anew: the verdicts must hold, and whatever is counted must be the same to the last digit. Where a number has
`~` before it, it is of one run (memory, microseconds, what random names compress to), and only the verdict is held to it.

A call is a GET of an item of 64 bytes, unless something else is said. REST is done by plain HTTP/1.1, and the socket by
JSON-RPC in text messages. Bytes are all of them from the IP header on, both ways; 20 calls on a connection. What
TLS, HTTP/2 or a proxy would change is not in it. [What is measured, and how](reference/compare.md).
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;
    use clap::Parser;

    #[test]
    fn every_command_can_be_given() {
        for claim in ledger::all() {
            assert!(Cli::try_parse_from(claim.again.split_whitespace()).is_ok(), "{}", claim.again);
        }
    }

    #[test]
    fn every_statement_has_a_heading_of_its_own() {
        let mut anchors: Vec<String> = ledger::all().map(|claim| anchor(claim.said)).collect();
        anchors.sort();
        anchors.dedup();
        assert_eq!(anchors.len(), ledger::all().count());
    }

    #[test]
    fn a_condition_is_there_where_the_verdict_needs_one() {
        for claim in ledger::all() {
            assert_eq!(
                claim.verdict == Verdict::TrueIf,
                claim.verdict == Verdict::TrueIf && claim.condition.is_some()
            );
        }
    }
}
