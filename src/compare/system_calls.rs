//! System calls of the server between two scrapes of its metrics.

use std::collections::BTreeMap;

use crate::compare::costs::{Figure, Spread};

/// The counts of one scrape by name, or `None` if the server does not count.
pub type SystemCalls = Option<BTreeMap<String, u64>>;

/// Returns the system calls between the scrapes `from` and `to`, without those of one scrape: these lie between the two
/// scrapes of `pair`, which followed each other. `None` if a count decreased, since then it is of another process.
pub fn calls_between(pair: &[SystemCalls; 2], from: &SystemCalls, to: &SystemCalls) -> SystemCalls {
    let [first, second] = [pair[0].as_ref()?, pair[1].as_ref()?];
    let (from, to) = (from.as_ref()?, to.as_ref()?);
    let mut between = BTreeMap::new();
    for name in [first, second, from, to].into_iter().flat_map(BTreeMap::keys) {
        let [first, second, from, to] =
            [first, second, from, to].map(|calls| calls.get(name).copied().unwrap_or(0));
        let of_scrape = second.checked_sub(first)?;
        between.insert(name.clone(), to.checked_sub(from)?.saturating_sub(of_scrape));
    }
    Some(between)
}

/// The figures of all system calls that a round has, by name. `of` returns the calls of a round, and the number by which
/// they are divided.
pub fn figures_by_name<R>(
    unit: &'static str,
    rounds: &[R],
    of: impl Fn(&R) -> Option<(&BTreeMap<String, u64>, f64)>,
) -> BTreeMap<String, Figure> {
    let mut values: BTreeMap<&String, Vec<f64>> = BTreeMap::new();
    for (calls, divisor) in rounds.iter().filter_map(of) {
        for (name, &count) in calls {
            values.entry(name).or_default().push(count as f64 / divisor);
        }
    }
    let figures = values.into_iter().filter_map(|(name, values)| {
        Some((name.clone(), Figure { unit, spread: Spread::of(values.into_iter())? }))
    });
    figures.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn between(scrapes: &[SystemCalls; 2], last: &SystemCalls) -> SystemCalls {
        calls_between(scrapes, &scrapes[1], last)
    }

    #[test]
    fn what_a_scrape_makes_is_not_the_rounds() {
        let at = |read: u64| Some(BTreeMap::from([("read".to_owned(), read)]));
        assert_eq!(between(&[at(10), at(12)], &at(34)), at(20));
        assert_eq!(between(&[None, None], &None), None);
    }

    #[test]
    fn counts_that_go_back_say_nothing() {
        let at = |read: u64| Some(BTreeMap::from([("read".to_owned(), read)]));
        for [first, second, last] in [[1000, 1002, 400], [1000, 400, 1002]] {
            assert_eq!(between(&[at(first), at(second)], &at(last)), None);
        }
        assert_eq!(between(&[at(1), at(2)], &Some(BTreeMap::new())), None, "one that is not named is 0");
    }
}
