//! The disk, as the keeper finds it: good, full, or failed.
//!
//! ```text
//!               no room                          the store ends where it should
//!   Good ──────────────────▶ Full until it is ──────────────────────────────────▶ Good
//!     └─ anything else fails     tried again ─── it ends elsewhere ─┐
//!                └──────────────────────────────────────────────────┴──▶ Failed
//! ```
//!
//! After a failure the file is not touched any more. Where there was no room it is opened anew from time to
//! time; what is in it need not be loaded then, for the keeper has it.

use super::guarded::Failed;
use super::keys::Keys;
use super::on_disk::OnDisk;
use super::rows::Rows;
use super::shelf::Shelf;
use super::standing::{Board, Standing};
use super::store_error::StoreError;
use crate::exchange::change::{Change, Position};
use crate::refusal::Refusal;
use crate::timeouts::Timeouts;
use std::mem;
use std::time::Instant;

pub struct Disk {
    state: State,
    reopen: Reopen,
    /// Says good only when the keeper does: there may be something to be saved first.
    board: Board,
}

enum State {
    Good(OnDisk),
    /// There was no room. It is tried again at this time; the store has these rows of changes.
    Full(Instant, Rows),
    /// Nothing is stored any more, for this reason.
    Failed(String),
}

/// Opens the store again.
pub type Reopen = Box<dyn FnMut() -> Result<OnDisk, StoreError> + Send>;

impl Disk {
    pub fn new(store: OnDisk, reopen: Reopen, board: Board) -> Disk {
        Disk { state: State::Good(store), reopen, board }
    }

    #[cfg(test)]
    pub fn reopen_by(&mut self, reopen: Reopen) {
        self.reopen = reopen;
    }

    pub fn is_good(&self) -> bool {
        matches!(self.state, State::Good(_))
    }

    pub fn is_full(&self) -> bool {
        matches!(self.state, State::Full(..))
    }

    /// When to look at it: when something is to be saved, or when there may be room again. That also where
    /// nothing is to be saved: as long as /readyz says no, nobody may ask for anything.
    pub fn deadline(&self, save_by: Option<Instant>) -> Option<Instant> {
        match self.state {
            State::Good(_) => save_by,
            State::Full(at, _) => Some(at),
            State::Failed(_) => None,
        }
    }

    /// Makes changes safe, or says what whoever asked for them is told.
    pub fn commit(
        &mut self,
        changes: &[Change],
        shelf: &Shelf,
        keys: &Keys,
        now: Instant,
    ) -> Result<(), Refusal> {
        let State::Good(store) = &mut self.state else {
            unreachable!("nothing is decided while the disk is not good");
        };
        let Err(error) = store.commit(changes, shelf, keys) else { return Ok(()) };
        let standing = match store.trouble().get() {
            Some(failed) if failed.is_for_want_of_room() => self.wait_for_room(&failed, now),
            failed => self.give_up(failed.map_or_else(|| error.to_string(), |failed| failed.to_string())),
        };
        Err(standing.refusal().expect("it is not good"))
    }

    fn wait_for_room(&mut self, failed: &Failed, now: Instant) -> Standing {
        log::error!("writes are refused until there is room on the disk: {failed}");
        // Closed at once, so that it can be opened again.
        if let State::Good(store) = mem::replace(&mut self.state, State::Failed(failed.to_string())) {
            self.state = State::Full(now + Timeouts::STORE_RETRY, store.into_rows());
        }
        self.stand(Standing::Full)
    }

    fn give_up(&mut self, why: String) -> Standing {
        log::error!("writes are refused until the server is started anew: {why}");
        self.state = State::Failed(why);
        self.stand(Standing::Failed)
    }

    fn stand(&mut self, standing: Standing) -> Standing {
        self.board.set(standing);
        standing
    }

    /// Where there was no room: is it open again now? The store must end at this position.
    pub fn try_again(&mut self, safe: Position, now: Instant) -> bool {
        let State::Full(at, rows) = &mut self.state else { return false };
        if *at > now {
            return false;
        }
        let opened = (self.reopen)().and_then(|store| Ok((store.position()?, store)));
        match opened {
            Ok((position, store)) if position == safe => {
                self.state = State::Good(store.going_on(mem::take(rows)));
                return true;
            }
            Ok((position, _)) => {
                self.give_up(format!("the store is at {position} where it should be at {safe}"));
            }
            Err(error) => {
                log::warn!("the store cannot be opened again: {error}");
                *at = now + Timeouts::STORE_RETRY;
            }
        }
        false
    }

    /// Its time to be tried again has come.
    pub fn look_now(&mut self, now: Instant) {
        if let State::Full(at, _) = &mut self.state {
            *at = now;
        }
    }

    /// An error: so many changes that were answered are not safe, or the disk has failed.
    pub fn close(self, at_risk: usize) -> Result<(), String> {
        match self.state {
            State::Good(store) => store.close().map_err(|error| error.to_string()),
            State::Full(..) if at_risk == 0 => Ok(()),
            State::Full(..) => {
                Err(format!("the disk is full, and {at_risk} changes that were answered are lost"))
            }
            State::Failed(why) => Err(why),
        }
    }
}
