//! The thread of the keeper: it waits, and reads the clock.

use crate::meter;
use crate::store::desk::{Desk, Taken};
use crate::store::keeper::Keeper;
use std::time::Instant;

/// Until no loop asks for anything any more. An error: something that was answered is not safe, or
/// the disk has failed.
pub fn run(mut keeper: Keeper, desk: &Desk) -> Result<(), String> {
    loop {
        let wait = keeper.next_deadline().map(|deadline| deadline.saturating_duration_since(Instant::now()));
        match desk.take(wait) {
            Taken::Writes(asked) => keeper.settle(asked, Instant::now()),
            Taken::Nothing => keeper.save(Instant::now()),
            Taken::Closed => return keeper.close(Instant::now()),
        }
        meter::hand_in();
    }
}
