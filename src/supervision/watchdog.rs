//! Signs of life, for as long as every loop turns.
//!
//! A sign that comes from a thread of its own would say only that this thread lives. So each loop's
//! mailbox is rung, and a sign is given when all have looked into theirs since the last one. A loop that has
//! ended is not waited for: what is left to do then has a time of its own, which the supervisor knows.

use super::notices::Supervisor;
use crate::event_loop::mailbox::Sender;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// Rings, and looks, so often in the time that the supervisor waits. With half of it (as
/// sd_watchdog_enabled(3) has it) a single turn that is a little longer could cost the process.
const LOOKS: u32 = 4;

/// Begins to watch, and ends with the last loop.
pub fn begin(supervisor: Arc<Supervisor>, within: Duration, loops: Vec<Sender>) -> io::Result<()> {
    let watch = move || {
        let mut rounds = Rounds::default();
        loop {
            let seen: Vec<Option<u64>> = loops.iter().map(Sender::looks).collect();
            match rounds.see(&seen) {
                Sign::Ended => return,
                Sign::None => {}
                Sign::Alive => supervisor.alive(),
            }
            loops.iter().for_each(Sender::ring);
            thread::sleep(within / LOOKS);
        }
    };
    thread::Builder::new().name("watchdog".to_owned()).spawn(watch).map(|_| ())
}

#[derive(Default)]
struct Rounds {
    /// What every loop had counted when the last sign was given.
    last: Vec<Option<u64>>,
}

#[derive(Debug, PartialEq, Eq)]
enum Sign {
    Alive,
    /// Somebody has not turned.
    None,
    Ended,
}

impl Rounds {
    /// What each loop has counted by now; nothing where it has ended.
    fn see(&mut self, seen: &[Option<u64>]) -> Sign {
        if seen.iter().all(Option::is_none) {
            return Sign::Ended;
        }
        let begins = self.last.is_empty();
        let turned = |(now, last): (&Option<u64>, &Option<u64>)| now.is_none() || now > last;
        if !begins && !seen.iter().zip(&self.last).all(turned) {
            return Sign::None;
        }
        self.last = seen.to_vec();
        if begins { Sign::None } else { Sign::Alive }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_is_given_when_every_loop_has_turned_since_the_last() {
        let mut rounds = Rounds::default();
        assert_eq!(rounds.see(&[Some(0), Some(0)]), Sign::None);
        assert_eq!(rounds.see(&[Some(1), Some(0)]), Sign::None);
        assert_eq!(rounds.see(&[Some(2), Some(0)]), Sign::None);
        assert_eq!(rounds.see(&[Some(2), Some(1)]), Sign::Alive);
        assert_eq!(rounds.see(&[Some(2), Some(2)]), Sign::None);
        assert_eq!(rounds.see(&[Some(3), None]), Sign::Alive);
        assert_eq!(rounds.see(&[Some(3), None]), Sign::None);
        assert_eq!(rounds.see(&[None, None]), Sign::Ended);
    }
}
