//! Tables that others have published, repeated: their figure and ours stand side by side, and then one
//! thing is varied at a time.
//!
//! ```text
//!   --like TABLE ─▶ courses ─▶ Turns ─▶ rounds ─▶ Row: published │ here │ measured, or made of what was
//!                     └ quantum_leap, gupta, arena              └ terminal, JSON
//! ```
//!
//! Where a published figure is not known for certain its place is empty: nothing is filled in. Where it is
//! interrupted, so are the places of ours that were not measured by then.

pub mod gupta;
pub mod http_arena;
pub mod push_cost;
pub mod quantum_leap;
pub mod reproduction;
mod table;

use crate::compare::interleaved_runs::Turns;
use crate::compare::link::LinkReport;
use crate::compare::options::{CompareOptions, PublishedTable};
use crate::compare::report::stdout;
use crate::compare::report::text::text;
use crate::compare::reproductions::reproduction::Repetition;
use crate::compare::run_error::interrupted;
use crate::error::CommandError;

/// Repeats that table, and prints it: also when it is interrupted, which is a failure all the same.
pub fn run(
    like: PublishedTable,
    options: &CompareOptions,
    distance: Option<LinkReport>,
    turns: &Turns,
) -> Result<(), CommandError> {
    let (published_by, (sections, notes)) = match like {
        PublishedTable::QuantumLeap => {
            (quantum_leap::PUBLISHED_BY, quantum_leap::repeat(options.calls, turns)?)
        }
        PublishedTable::Gupta2014 => (gupta::PUBLISHED_BY, gupta::repeat(options.calls, turns)?),
        PublishedTable::HttpArena => {
            let connections = options.in_flight.into();
            (http_arena::PUBLISHED_BY, http_arena::repeat(options.calls, connections, turns)?)
        }
    };
    let mut rows = sections.iter().flat_map(|section| &section.rows);
    let lacking = rows.find(|row| row.rounds < turns.rounds.into());
    if let (Some(row), false) = (lacking, turns.server.is_interrupted()) {
        return Err(CommandError::Failed(format!("{:?} is not known of every round", row.what)));
    }
    let complete = lacking.is_none();
    let repetition = Repetition {
        bothways: env!("CARGO_PKG_VERSION"),
        like: like.name(),
        published_by,
        complete,
        counting: turns.counting.method(),
        distance,
        rounds: turns.rounds,
        sections,
        notes,
    };
    if options.json {
        stdout::print_json("table", &repetition)?;
    } else {
        stdout::print(&text(&table::document(&repetition)))?;
    }
    if complete { Ok(()) } else { Err(interrupted()) }
}
