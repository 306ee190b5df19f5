//! How long to wait before connecting again.
//!
//! ```text
//! 0.25   0.5   1   2   4   8   10   10 …     seconds at most, each drawn from its upper half
//! ```
//!
//! Drawn, so that all who lost the same server do not come back in the same moment.

use std::time::Duration;

use crate::client::limits::{RETRY_FIRST, RETRY_MAX, RETRY_MIN};

#[derive(Debug)]
pub struct Backoff {
    first: Duration,
    next: Duration,
}

impl Default for Backoff {
    fn default() -> Backoff {
        Backoff { first: RETRY_FIRST, next: RETRY_FIRST }
    }
}

impl Backoff {
    /// It went well: the next wait is a first one.
    pub fn reset(&mut self) {
        self.next = self.first;
    }

    /// A server asks for another first wait, and gets it, within bounds.
    pub fn begin_with(&mut self, first: Duration) {
        self.first = first.clamp(RETRY_MIN, RETRY_MAX);
        self.next = self.next.max(self.first);
    }

    /// Between half of what it may be and all of it, as `drawn` says.
    pub fn wait(&mut self, drawn: u32) -> Duration {
        let most = self.next;
        self.next = most.saturating_mul(2).min(RETRY_MAX);
        most / 2 + (most / 2).mul_f64(f64::from(drawn) / f64::from(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(backoff: &mut Backoff, drawn: u32) -> [u128; 8] {
        [(); 8].map(|()| backoff.wait(drawn).as_millis())
    }

    #[test]
    fn it_doubles_up_to_a_bound_and_begins_anew() {
        let mut backoff = Backoff::default();
        assert_eq!(millis(&mut backoff, u32::MAX), [250, 500, 1000, 2000, 4000, 8000, 10000, 10000]);
        backoff.reset();
        assert_eq!(millis(&mut backoff, 0), [125, 250, 500, 1000, 2000, 4000, 5000, 5000]);
    }

    #[test]
    fn a_server_can_ask_for_another_first_wait() {
        let mut backoff = Backoff::default();
        backoff.begin_with(Duration::from_secs(3));
        assert_eq!(millis(&mut backoff, u32::MAX)[..3], [3000, 6000, 10000]);
        backoff.reset();
        assert_eq!(backoff.wait(u32::MAX), Duration::from_secs(3));
        backoff.begin_with(Duration::ZERO);
        assert_eq!(
            backoff.wait(u32::MAX),
            Duration::from_secs(6),
            "what it has grown to stays until it goes well"
        );
        backoff.reset();
        assert_eq!(backoff.wait(u32::MAX), RETRY_MIN);
        backoff.begin_with(Duration::MAX);
        assert_eq!(backoff.wait(u32::MAX), RETRY_MAX);
    }
}
