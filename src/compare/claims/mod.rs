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
pub mod claim_list;
pub mod claim_text;
pub mod claims_page;
pub mod delivery;
pub mod evidence;
pub mod following;

use crate::compare::claims::claims_page::ClaimResult;
use crate::compare::claims::evidence::Evidence;
use crate::compare::interleaved_runs::Turns;
use crate::compare::report::markdown::markdown;
use crate::compare::report::stdout;
use crate::compare::run_error::interrupted;
use crate::error::CommandError;

/// Gathers the evidence, prints the page, and fails where a verdict does not hold. Where it is interrupted, only
/// what all the evidence is there for has a verdict, and that is a failure all the same.
pub fn run(turns: &Turns) -> Result<(), CommandError> {
    if turns.counting.wire().is_none() {
        let words =
            format!("--claims counts packet by packet, and cannot here: {}", turns.counting.method().says);
        return Err(CommandError::Failed(words));
    }
    let evidence = Evidence::gather(turns)?;
    let results: Vec<ClaimResult> =
        claim_list::all().map(|claim| ClaimResult::new(claim, &evidence)).collect();
    stdout::print(&markdown(&claims_page::document(&results)))?;
    if let Some(result) = results.iter().find(|result| result.holds == Some(false)) {
        let verdict = result.claim.verdict.words();
        let words = format!("the verdict on {:?}, {verdict}, does not hold here", result.claim.said);
        return Err(CommandError::Failed(words));
    }
    match results.iter().find(|result| result.verdict.is_none()) {
        None => Ok(()),
        Some(_) if turns.server.is_interrupted() => Err(interrupted()),
        Some(result) => Err(CommandError::Failed(format!("{:?} has no figures", result.claim.said))),
    }
}
