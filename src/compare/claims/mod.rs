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
pub mod claim;
pub mod delivery;
pub mod evidence;
pub mod following;

use std::fmt::Write as _;
use std::io::{self, Write as _};

use crate::compare::claims::claim::{Claim, Verdict};
use crate::compare::claims::evidence::Evidence;
use crate::compare::interleaved_runs::{Turns, interrupted};
use crate::error::CommandError;

/// Of the server: a change that is written on one has to reach those who follow on the other.
pub const LOOPS: u16 = 2;

/// Gathers the evidence, prints the page, and fails where a verdict does not hold. Where it is interrupted, only
/// what all the evidence is there for has a verdict, and that is a failure all the same.
pub fn run(turns: &Turns) -> Result<(), CommandError> {
    if turns.counting.wire().is_none() {
        let words =
            format!("--claims counts packet by packet, and cannot here: {}", turns.counting.method().says);
        return Err(CommandError::Failed(words));
    }
    let evidence = Evidence::gather(turns)?;
    let entries: Vec<Entry> = claim::all().map(|claim| Entry::new(claim, &evidence)).collect();
    let mut out = io::stdout().lock();
    let written = out.write_all(page(&entries).as_bytes()).and_then(|()| out.flush());
    CommandError::ignore_broken_pipe(written.map_err(CommandError::Output))?;
    if let Some(entry) = entries.iter().find(|entry| entry.holds == Some(false)) {
        let verdict = entry.claim.verdict.words();
        let words = format!("the verdict on {:?}, {verdict}, does not hold here", entry.claim.said);
        return Err(CommandError::Failed(words));
    }
    match entries.iter().find(|entry| entry.verdict.is_none()) {
        None => Ok(()),
        Some(_) if turns.is_interrupted() => Err(interrupted()),
        Some(entry) => Err(CommandError::Failed(format!("{:?} has no figures", entry.claim.said))),
    }
}

/// A claim, and what this run says to it.
struct Entry {
    claim: &'static Claim,
    holds: Option<bool>,
    /// With its condition, and why. None: not all that it takes was measured.
    verdict: Option<[String; 2]>,
    /// Also of what is no evidence yet.
    counted: Option<String>,
}

impl Entry {
    fn new(claim: &'static Claim, evidence: &Evidence) -> Entry {
        let verdict = || {
            (claim.holds)(evidence)?;
            Some([words(claim.verdict, &(claim.condition)(evidence)?), (claim.because)(evidence)?])
        };
        let (holds, verdict) = ((claim.holds)(evidence), verdict());
        let counted = (claim.counted)(evidence).or_else(|| (claim.counted)(&evidence.so_far()));
        Entry { claim, holds, verdict, counted }
    }
}

fn words(verdict: Verdict, condition: &str) -> String {
    let between = if verdict == Verdict::TrueIf { ':' } else { ';' };
    format!("**{}**{between} {condition}", verdict.words())
}

fn page(entries: &[Entry]) -> String {
    let mut out = String::new();
    if entries.iter().any(|entry| entry.verdict.is_none()) {
        out +=
            "**INCOMPLETE**: this was interrupted. What has not been measured to the end has no verdict.\n\n";
    }
    out += INTRODUCTION;
    out += "\n| what is said | verdict |\n| --- | --- |\n";
    let no_verdict = "no verdict: interrupted";
    for Entry { claim, verdict, .. } in entries {
        let verdict = verdict.as_ref().map_or(no_verdict, |[verdict, _]| verdict);
        _ = writeln!(out, "| [{}](#{}) | {verdict} |", claim.said, anchor(claim.said));
    }
    for Entry { claim, verdict, counted, .. } in entries {
        _ = write!(out, "\n## {}\n\n", claim.said);
        _ = match verdict {
            Some([verdict, because]) => writeln!(out, "Verdict: {verdict}. {because}\n"),
            None => writeln!(out, "There is {no_verdict}.\n"),
        };
        let when = if verdict.is_some() { "Counted" } else { "Counted by then" };
        let counted = counted.as_deref().unwrap_or("nothing");
        let again: Vec<String> = claim.again.iter().map(|command| format!("`{command}`")).collect();
        _ = writeln!(
            out,
            "- Experiment: {}\n- {when}: {counted}\n- Again: {}",
            claim.experiment,
            again.join(", ")
        );
    }
    out
}

/// As links to headings are made.
fn anchor(heading: &str) -> String {
    let name = heading.to_lowercase().replace(' ', "-");
    name.chars().filter(|c| c.is_alphanumeric() || "-_".contains(*c)).collect()
}

const INTRODUCTION: &str = "\
# What is said, and what is counted

Things that are commonly said of REST and of WebSocket. For each there is an experiment, what was counted in it, a
verdict, and the commands that do it again. This page is what `bothways compare --claims --rounds 5` prints. A test
prints it anew: the verdicts must hold, and whatever is counted must be the same to the last digit. Where a number has
`~` before it, it is of one run (memory, microseconds, how many acknowledgements a long answer has, what random names
compress to), and only the verdict is held to it. What is computed from what was counted, and was not tried, is said to be.

A call is a GET of an item of 64 bytes, unless something else is said. REST is done by plain HTTP/1.1, and the socket by
JSON-RPC in text messages. Bytes are all of them from the IP header on, both ways. What a call costs is what it costs on a
connection that is there: 40 calls on one, less 20 on another, for each of 20. So what is acknowledged in the first exchange
alone is not in it, and is named where it counts. (The commands that do it again have it in their figures: of 20 calls each
has a twentieth of it.) What TLS, HTTP/2 or a proxy would change is not in any of this.
[What is measured, and how](reference/compare.md).
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::Cli;

    #[test]
    fn every_command_can_be_given() {
        for command in claim::all().flat_map(|claim| claim.again) {
            assert!(Cli::read(command.split_whitespace()).is_ok(), "{command}");
        }
    }

    #[test]
    fn every_statement_has_a_heading_of_its_own() {
        let mut anchors: Vec<String> = claim::all().map(|claim| anchor(claim.said)).collect();
        anchors.sort();
        anchors.dedup();
        assert_eq!(anchors.len(), claim::all().count());
    }

    #[test]
    fn what_was_not_measured_has_no_verdict() {
        let claim = claim::all().next().unwrap();
        let counted = Some("2 segments".to_owned());
        let entries = [Entry { claim, holds: None, verdict: None, counted }];
        let text = page(&entries);
        assert!(text.starts_with("**INCOMPLETE**"), "{text}");
        assert!(
            text.contains("Counted by then: 2 segments") && text.contains("no verdict: interrupted"),
            "{text}"
        );
        assert!(!text.contains("Verdict:") && !text.contains("**false**"), "{text}");
    }

    #[test]
    fn golden() {
        let mut entries: Vec<Entry> = claim::all()
            .map(|claim| Entry {
                claim,
                holds: Some(true),
                verdict: Some([words(claim.verdict, "one connection"), "For so it is.".to_owned()]),
                counted: Some("1".to_owned()),
            })
            .collect();
        let folder = std::path::PathBuf::from(std::env::var("GOLDEN").unwrap());
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("claims.md"), page(&entries)).unwrap();
        (entries[1].verdict, entries[1].counted) = (None, None);
        std::fs::write(folder.join("claims1.md"), page(&entries)).unwrap();
    }

    #[test]
    fn what_was_measured_has_one() {
        let claim = claim::all().next().unwrap();
        let verdict = Some([words(claim.verdict, "one connection"), "For so it is.".to_owned()]);
        let text = page(&[Entry { claim, holds: Some(true), verdict, counted: Some("1".to_owned()) }]);
        assert!(text.starts_with("# What is said") && text.contains("**false**; one connection"), "{text}");
    }
}
