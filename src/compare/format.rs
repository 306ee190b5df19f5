//! Numbers as text.

use crate::compare::costs::Spread;

/// The median, with the minimum and maximum if the rounds differ.
pub fn words(spread: &Spread) -> String {
    match shown(spread) {
        (median, None) => median,
        (median, Some([min, max])) => format!("{median} ({min} to {max})"),
    }
}

/// The median, and the minimum and maximum if their shown digits differ from it.
pub fn shown(spread: &Spread) -> (String, Option<[String; 2]>) {
    let [median, min, max] = [spread.median, spread.min, spread.max].map(number);
    let differ = min != median || max != median;
    (median, differ.then_some([min, max]))
}

/// A bandwidth with its unit.
pub fn rate(bits: u64) -> String {
    match bits as f64 {
        bits @ ..1e6 => format!("{} kbit/s", number(bits / 1e3)),
        bits @ ..1e9 => format!("{} Mbit/s", number(bits / 1e6)),
        bits => format!("{} Gbit/s", number(bits / 1e9)),
    }
}

/// A number with its significant digits.
pub fn number(value: f64) -> String {
    let text = match value.abs() {
        ..10.0 => format!("{value:.3}"),
        ..1000.0 => format!("{value:.1}"),
        _ => return format!("{value:.0}"),
    };
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A rate of changes per second, with three decimal places at most.
pub fn rate_words(rate: f64) -> String {
    let text = format!("{rate:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_the_digits_that_mean_something() {
        let all = [2.0, 2.002, 0.04, 312.0, 205.5, 12_345.6, 0.0, -80.25].map(number);
        assert_eq!(all, ["2", "2.002", "0.04", "312", "205.5", "12346", "0", "-80.2"]);
    }

    #[test]
    fn a_rate_has_the_unit_that_suits_it() {
        let all = [56_000, 1_500_000, 2_000_000_000].map(rate);
        assert_eq!(all, ["56 kbit/s", "1.5 Mbit/s", "2 Gbit/s"]);
    }

    #[test]
    fn rounds_that_differ_are_never_one_number() {
        assert_eq!(words(&Spread { median: 2.0, min: 2.0, max: 2.0 }), "2");
        assert_eq!(words(&Spread { median: 2.0, min: 2.0, max: 2.02 }), "2 (2 to 2.02)");
    }
}
