//! The page of the claims: the verdict on each, and the figures that it is made from.

use crate::compare::claims::claim::{Claim, Verdict};
use crate::compare::claims::claim_text::fill;
use crate::compare::claims::evidence::Evidence;
use crate::compare::report::document::{Block, Cell, Document, Output, Table};

/// A claim, and the result of this run.
pub struct ClaimResult {
    pub claim: &'static Claim,
    pub holds: Option<bool>,
    /// The verdict with its condition, and the reason. `None` where not all evidence was measured.
    pub verdict: Option<[String; 2]>,
    /// The figures, also those that are no evidence yet.
    counted: Option<String>,
}

impl ClaimResult {
    pub fn new(claim: &'static Claim, evidence: &Evidence) -> ClaimResult {
        let verdict = || {
            (claim.holds)(evidence)?;
            Some([words(claim.verdict, &fill(claim.condition, evidence)?), fill(claim.because, evidence)?])
        };
        let (holds, verdict) = ((claim.holds)(evidence), verdict());
        let counted = fill(claim.counted, evidence).or_else(|| fill(claim.counted, &evidence.so_far()));
        ClaimResult { claim, holds, verdict, counted }
    }
}

fn words(verdict: Verdict, condition: &str) -> String {
    let between = if verdict == Verdict::TrueIf { ':' } else { ';' };
    format!("**{}**{between} {condition}", verdict.words())
}

/// The page: a table of all verdicts, and then a section for each claim.
pub fn document(results: &[ClaimResult]) -> Document {
    let complete = results.iter().all(|result| result.verdict.is_some());
    let mut document = Document::new("What is said, and what is counted", String::new(), complete);
    document.paragraphs(Output::All, INTRODUCTION);
    let mut table = Table::new(["what is said", "verdict"]);
    for ClaimResult { claim, verdict, .. } in results {
        let verdict = verdict.as_ref().map_or(NO_VERDICT, |[verdict, _]| verdict);
        let link = format!("[{}](#{})", claim.said, anchor(claim.said));
        table.row(link, [Cell::Words(verdict.to_owned())]);
    }
    document.add(Output::All, Block::Table(table));
    for ClaimResult { claim, verdict, counted, .. } in results {
        document.heading(Output::All, 2, claim.said);
        let (words, when) = match verdict {
            Some([verdict, because]) => (format!("Verdict: {verdict}. {because}"), "Counted"),
            None => (format!("There is {NO_VERDICT}."), "Counted by then"),
        };
        document.paragraph(Output::All, words);
        let counted = counted.as_deref().unwrap_or("nothing").to_owned();
        let again: Vec<String> = claim.again.iter().map(|command| format!("`{command}`")).collect();
        let terms =
            [("Experiment", claim.experiment.to_owned()), (when, counted), ("Again", again.join(", "))];
        let terms = terms.map(|(term, words)| (term.to_owned(), words));
        document.add(Output::All, Block::Terms(terms.to_vec()));
    }
    document
}

const NO_VERDICT: &str = "no verdict: interrupted";

/// Returns the anchor that GitHub gives a heading.
fn anchor(heading: &str) -> String {
    let name = heading.to_lowercase().replace(' ', "-");
    name.chars().filter(|c| c.is_alphanumeric() || "-_".contains(*c)).collect()
}

const INTRODUCTION: [&str; 2] = [
    "\
Things that are commonly said of REST and of WebSocket. For each there is an experiment, what was counted in it, a
verdict, and the commands that do it again. This page is what `bothways compare --claims --rounds 5` prints. A test
prints it anew: the verdicts must hold, and whatever is counted must be the same to the last digit. Where a number has
`~` before it, it is of one run (memory, microseconds, how many acknowledgements a long answer has, what random names
compress to), and only the verdict is held to it. What is computed from what was counted, and was not tried, is said to be.",
    "\
A call is a GET of an item of 64 bytes, unless something else is said. REST is done by plain HTTP/1.1, and the socket by
JSON-RPC in text messages. Bytes are all of them from the IP header on, both ways. What a call costs is what it costs on a
connection that is there: 40 calls on one, less 20 on another, for each of 20. So what is acknowledged in the first exchange
alone is not in it, and is named where it counts. (The commands that do it again have it in their figures: of 20 calls each
has a twentieth of it.) What TLS, HTTP/2 or a proxy would change is not in any of this.
[What is measured, and how](reference/compare.md).",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::Cli;
    use crate::compare::claims::claim_list;
    use crate::compare::report::markdown::markdown;

    fn page(results: &[ClaimResult]) -> String {
        markdown(&document(results))
    }

    #[test]
    fn every_command_can_be_given() {
        for command in claim_list::all().flat_map(|claim| claim.again) {
            assert!(Cli::read(command.split_whitespace()).is_ok(), "{command}");
        }
    }

    #[test]
    fn every_statement_has_a_heading_of_its_own() {
        let mut anchors: Vec<String> = claim_list::all().map(|claim| anchor(claim.said)).collect();
        anchors.sort();
        anchors.dedup();
        assert_eq!(anchors.len(), claim_list::all().count());
    }

    #[test]
    fn what_was_not_measured_has_no_verdict() {
        let claim = claim_list::all().next().unwrap();
        let counted = Some("2 segments".to_owned());
        let entries = [ClaimResult { claim, holds: None, verdict: None, counted }];
        let text = page(&entries);
        assert!(text.starts_with("**INCOMPLETE**"), "{text}");
        assert!(
            text.contains("Counted by then: 2 segments") && text.contains("no verdict: interrupted"),
            "{text}"
        );
        assert!(!text.contains("Verdict:") && !text.contains("**false**"), "{text}");
    }

    #[test]
    fn what_was_measured_has_one() {
        let claim = claim_list::all().next().unwrap();
        let verdict = Some([words(claim.verdict, "one connection"), "For so it is.".to_owned()]);
        let text = page(&[ClaimResult { claim, holds: Some(true), verdict, counted: Some("1".to_owned()) }]);
        assert!(text.starts_with("# What is said") && text.contains("**false**; one connection"), "{text}");
    }
}
