//! Looks for the rate from which on something is so, and says no more than was measured.
//!
//! ```text
//!   no        no           no  no yes yes        yes            yes
//!   1         4                16                64             256     a ladder,
//!             └─────────── 8 ─ 11 13 ┘                                  and then halves of one of its steps
//! ```

use std::collections::BTreeMap;

use crate::compare::format::rate_words;

/// What a search came to, in changes within the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bracket {
    /// All that was measured up to here says no.
    pub low: Option<u32>,
    /// All that was measured from here on says yes.
    pub high: Option<u32>,
    pub least: u32,
    pub most: u32,
    /// Something was measured between the two: neighbouring rates contradict each other.
    pub disagrees: bool,
}

/// Looks for the number of changes from which on it is so, between 1 and `most`; `known` is what was measured before.
pub fn search<E>(
    most: u32,
    mut known: BTreeMap<u32, bool>,
    mut is_so: impl FnMut(u32) -> Result<bool, E>,
) -> Result<Bracket, E> {
    let mut step = 1;
    while step < most {
        known.insert(step, is_so(step)?);
        step = step.saturating_mul(LADDER);
    }
    known.insert(most, is_so(most)?);
    loop {
        let bracket = Bracket::of(&known);
        match (bracket.low, bracket.high) {
            (Some(low), Some(high)) if !bracket.disagrees && !is_narrow(low, high) => {
                let middle = (f64::from(low) * f64::from(high)).sqrt().round() as u32;
                let middle = middle.clamp(low + 1, high - 1);
                known.insert(middle, is_so(middle)?);
            }
            _ => return Ok(bracket),
        }
    }
}

fn is_narrow(low: u32, high: u32) -> bool {
    high - low <= 1 || f64::from(high) / f64::from(low) <= NARROW
}

impl Bracket {
    /// Of all that was measured, which is something.
    pub fn of(known: &BTreeMap<u32, bool>) -> Bracket {
        let low = known.iter().take_while(|(_, is_so)| !**is_so).last().map(|(&at, _)| at);
        let high = known.iter().rev().take_while(|(_, is_so)| **is_so).last().map(|(&at, _)| at);
        let (from, to) = (low.unwrap_or(0), high.unwrap_or(u32::MAX));
        let [least, most] =
            [known.keys().next(), known.keys().last()].map(|at| *at.expect("there is a ladder"));
        Bracket { low, high, least, most, disagrees: known.keys().any(|&at| from < at && at < to) }
    }

    pub fn says(&self, words: &Words, rate: impl Fn(u32) -> f64) -> String {
        let rate = |at: Option<u32>, otherwise: u32| rate_words(rate(at.unwrap_or(otherwise)));
        let (low, high) = (rate(self.low, self.least), rate(self.high, self.most));
        let all = format!("{} to {} changes a second", rate(None, self.least), rate(None, self.most));
        let Words { about, up_to, from, always, never } = words;
        match (self.low, self.high) {
            _ if self.disagrees => {
                format!(
                    "{about}: not decided: rates from {low} to {high} changes a second contradict each other"
                )
            }
            (Some(_), Some(_)) => {
                format!("{about}: {up_to} up to {low} changes a second, {from} from {high} on")
            }
            (Some(_), None) => format!("{about}: {never}, {all}"),
            (None, _) => format!("{about}: {always}, {all}"),
        }
    }

    /// The rates of which something is claimed, and all that were measured.
    pub fn rates(&self, rate: impl Fn(u32) -> f64) -> (Option<f64>, Option<f64>, [f64; 2]) {
        (self.low.map(&rate), self.high.map(&rate), [self.least, self.most].map(&rate))
    }
}

/// How it is said what a search came to.
#[derive(Clone, Copy, Debug)]
pub struct Words {
    /// What was searched for.
    pub about: &'static str,
    /// So it is up to a rate, and so from a higher one on.
    pub up_to: &'static str,
    pub from: &'static str,
    /// And so at each rate that was measured.
    pub never: &'static str,
    pub always: &'static str,
}

/// From one rate that is measured to the next, at first.
const LADDER: u32 = 4;
/// So near to each other two rates on both sides are near enough.
const NARROW: f64 = 1.1;

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: Words = Words {
        about: "bytes",
        up_to: "polling costs more",
        from: "being told",
        never: "polling costs more at each rate measured",
        always: "being told costs more at each rate measured",
    };

    /// What is found where polling costs so much, and each change so much to who is told; and what was measured.
    fn found(most: u32, polled: f64, told: f64) -> (Bracket, Vec<u32>) {
        let mut measured = Vec::new();
        let bracket = search(most, BTreeMap::new(), |changes| {
            measured.push(changes);
            Ok::<_, ()>(told * f64::from(changes) > polled)
        });
        (bracket.unwrap(), measured)
    }

    #[test]
    fn the_crossing_lies_between_two_rates_that_were_measured() {
        for most in [2, 3, 64, 256, 100_000] {
            for crossing in 1..most.min(300) {
                let (bracket, measured) = found(most, f64::from(crossing) + 0.5, 1.0);
                let (low, high) = (bracket.low.unwrap(), bracket.high.unwrap());
                assert!(low <= crossing && crossing < high, "{crossing} of {most}: {bracket:?}");
                assert!(is_narrow(low, high) && !bracket.disagrees);
                assert!(measured.contains(&low) && measured.contains(&high));
                let mut once = measured.clone();
                once.sort_unstable();
                once.dedup();
                assert_eq!(once.len(), measured.len(), "nothing is measured twice");
                assert!(measured.len() <= 16, "{measured:?}");
            }
        }
    }

    #[test]
    fn nothing_is_claimed_beyond_what_was_measured() {
        let (bracket, measured) = found(64, 1000.0, 1.0);
        assert_eq!((bracket.low, bracket.high, measured), (Some(64), None, vec![1, 4, 16, 64]));
        let words = bracket.says(&WORDS, |changes| f64::from(changes) / 4.0);
        assert_eq!(words, "bytes: polling costs more at each rate measured, 0.25 to 16 changes a second");
        let (bracket, measured) = found(64, 0.5, 1.0);
        assert_eq!((bracket.low, bracket.high, measured), (None, Some(1), vec![1, 4, 16, 64]));
        let words = bracket.says(&WORDS, f64::from);
        assert_eq!(words, "bytes: being told costs more at each rate measured, 1 to 64 changes a second");
    }

    #[test]
    fn both_sides_of_it_are_said() {
        let (bracket, _) = found(64, 9.5, 1.0);
        assert_eq!(bracket.rates(|changes| f64::from(changes) / 4.0), (Some(2.25), Some(2.5), [0.25, 16.0]));
        let words = bracket.says(&WORDS, |changes| f64::from(changes) / 4.0);
        assert_eq!(words, "bytes: polling costs more up to 2.25 changes a second, being told from 2.5 on");
    }

    #[test]
    fn what_contradicts_itself_is_not_decided() {
        let noise = BTreeMap::from([(1, false), (4, true), (16, false), (64, true)]);
        let bracket = search(64, BTreeMap::new(), |changes| Ok::<_, ()>(noise[&changes])).unwrap();
        assert_eq!((bracket.low, bracket.high, bracket.disagrees), (Some(1), Some(64), true));
        let words = bracket.says(&WORDS, f64::from);
        assert_eq!(words, "bytes: not decided: rates from 1 to 64 changes a second contradict each other");
        let upside_down = search(64, BTreeMap::new(), |changes| Ok::<_, ()>(changes == 1)).unwrap();
        assert_eq!((upside_down.low, upside_down.high, upside_down.disagrees), (None, None, true));
    }

    #[test]
    fn what_was_measured_before_is_heeded() {
        let mut measured = Vec::new();
        let before = BTreeMap::from([(8, false), (9, true)]);
        let bracket = search(16, before, |changes| {
            measured.push(changes);
            Ok::<_, ()>(changes > 8)
        });
        assert_eq!(bracket.map(|bracket| (bracket.low, bracket.high)), Ok((Some(8), Some(9))));
        assert_eq!(measured, [1, 4, 16]);
        // It is so at each step of the ladder, and not at a rate between two of them.
        let bracket = search(16, BTreeMap::from([(2, false)]), |_| Ok::<_, ()>(true)).unwrap();
        assert_eq!((bracket.low, bracket.high, bracket.disagrees), (None, Some(4), true));
    }

    #[test]
    fn what_fails_is_not_gone_on_with() {
        assert_eq!(
            search(64, BTreeMap::new(), |changes| if changes == 4 { Err(changes) } else { Ok(false) }),
            Err(4)
        );
    }
}
