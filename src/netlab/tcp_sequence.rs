//! Which part of what one side of a connection says was said before (RFC 9293 §3.4).
//!
//! ```text
//!   said        ├──────────┤     ├───────┤
//!   missing                 ╎╎╎╎╎                 came late, if it comes
//!   end                                  ▲        what begins here is new
//! ```
//!
//! What was lost, or was thought to be, travels again. What one processor sends may overtake what another
//! has sent before: that is late, and not sent again.

use std::ops::Range;

/// The sequence numbers that were seen, of one direction. They go round after 2³², and are kept as if they
/// did not.
#[derive(Debug, Default)]
pub struct Sequence {
    /// Behind the last of them; none has come where there is no end.
    end: Option<i64>,
    missing: Vec<Range<i64>>,
}

impl Sequence {
    /// How many of these numbers had not been seen.
    pub fn take(&mut self, first: u32, count: u64) -> u64 {
        if count == 0 {
            return 0;
        }
        let end = self.end.unwrap_or_else(|| first.into());
        let from = end + i64::from(first.wrapping_sub(end as u32) as i32);
        let to = from + count as i64;
        let filled = self.fill(from, to);
        if from > end {
            self.missing.push(end..from);
        }
        self.end = Some(end.max(to));
        filled + (to - from.max(end)).max(0) as u64
    }

    /// How many of those that were missing lie between these two.
    fn fill(&mut self, from: i64, to: i64) -> u64 {
        let before = length(&self.missing);
        let halves = self
            .missing
            .drain(..)
            .flat_map(|hole| [hole.start..hole.end.min(from), hole.start.max(to)..hole.end]);
        self.missing = halves.filter(|hole| hole.start < hole.end).collect();
        before - length(&self.missing)
    }
}

fn length(holes: &[Range<i64>]) -> u64 {
    holes.iter().map(|hole| (hole.end - hole.start) as u64).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(said: &[(u32, u64, u64)]) {
        let mut sequence = Sequence::default();
        for &(first, count, new) in said {
            assert_eq!(sequence.take(first, count), new, "{count} from {first} on, in {said:?}");
        }
    }

    #[test]
    fn what_follows_is_new_and_what_was_said_is_not() {
        check(&[(100, 1, 1), (101, 47, 47), (101, 47, 0), (148, 0, 0), (148, 10, 10), (140, 20, 2)]);
    }

    #[test]
    fn what_was_overtaken_is_new_when_it_comes() {
        check(&[(0, 10, 10), (20, 10, 10), (10, 4, 4), (10, 10, 6), (10, 10, 0), (30, 1, 1)]);
        check(&[(0, 10, 10), (20, 10, 10), (40, 10, 10), (0, 60, 30), (0, 60, 0)]);
        check(&[(0, 10, 10), (30, 10, 10), (15, 5, 5), (10, 20, 15)]);
    }

    #[test]
    fn numbers_go_round() {
        check(&[(u32::MAX - 1, 4, 4), (2, 3, 3), (u32::MAX, 1, 0), (4, 2, 1)]);
    }
}
