//! A number as it is written, compared by what it means.
//!
//! JSON says how a number is spelled, and bounds neither its digits nor its greatness (RFC 8259 §6).
//! So it is compared digit by digit, as the decimal that it is: `1.50` is `15e-1`, and of
//! `9007199254740992` and `9007199254740993` one is greater. Numbers compared now as integers and now
//! as doubles would have no order: of three, each could be less than the next.

use std::cmp::Ordering;

/// Zero, or 0.d₁d₂d₃… × 10^`magnitude`, where the first digit is not 0, and neither is the last.
#[derive(Clone, Copy, Debug)]
pub struct Number<'a> {
    negative: bool,
    magnitude: i64,
    /// The digits, in two parts: the point may stand between them.
    digits: [&'a [u8]; 2],
}

impl<'a> Number<'a> {
    /// None: the text is no JSON number.
    pub fn read(text: &'a str) -> Option<Number<'a>> {
        let unsigned = text.strip_prefix('-');
        let (whole, rest) = digits(unsigned.unwrap_or(text).as_bytes());
        if whole.is_empty() || whole.len() > 1 && whole[0] == b'0' {
            return None;
        }
        let (fraction, rest) = match rest {
            [b'.', rest @ ..] => Some(digits(rest)).filter(|(fraction, _)| !fraction.is_empty())?,
            _ => (&[][..], rest),
        };
        let exponent = match rest {
            [] => 0,
            [b'e' | b'E', exponent @ ..] => read_exponent(exponent)?,
            _ => return None,
        };
        Some(Number::of(unsigned.is_some(), whole, fraction, exponent))
    }

    fn of(negative: bool, whole: &'a [u8], fraction: &'a [u8], exponent: i64) -> Number<'a> {
        let whole = without_leading_zeros(whole);
        let (fraction, magnitude) = match whole.len() {
            0 => {
                let shorter = without_leading_zeros(fraction);
                (shorter, exponent - (fraction.len() - shorter.len()) as i64)
            }
            length => (fraction, exponent + length as i64),
        };
        let fraction = without_trailing_zeros(fraction);
        let whole = if fraction.is_empty() { without_trailing_zeros(whole) } else { whole };
        Number { negative, magnitude, digits: [whole, fraction] }
    }

    /// -1, 0 or 1. There is one zero, whatever its sign.
    fn sign(&self) -> i8 {
        match (self.digits.iter().all(|part| part.is_empty()), self.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        }
    }

    fn cmp_size(&self, other: &Number) -> Ordering {
        let [ours, theirs] = [self, other].map(|number| number.digits.into_iter().flatten());
        self.magnitude.cmp(&other.magnitude).then_with(|| ours.cmp(theirs))
    }
}

impl Ord for Number<'_> {
    fn cmp(&self, other: &Number) -> Ordering {
        self.sign().cmp(&other.sign()).then_with(|| match self.sign() {
            0 => Ordering::Equal,
            1 => self.cmp_size(other),
            _ => other.cmp_size(self),
        })
    }
}

impl PartialOrd for Number<'_> {
    fn partial_cmp(&self, other: &Number) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Number<'_> {
    fn eq(&self, other: &Number) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Number<'_> {}

/// The digits in front, and what stands behind them.
fn digits(text: &[u8]) -> (&[u8], &[u8]) {
    text.split_at(text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len()))
}

fn read_exponent(text: &[u8]) -> Option<i64> {
    let (negative, unsigned) = match text {
        [b'-', unsigned @ ..] => (true, unsigned),
        [b'+', unsigned @ ..] => (false, unsigned),
        _ => (false, text),
    };
    let (digits, rest) = digits(unsigned);
    if digits.is_empty() || !rest.is_empty() {
        return None;
    }
    let digit = |sum: i64, digit: &u8| sum.saturating_mul(10).saturating_add(i64::from(digit - b'0'));
    let exponent = digits.iter().fold(0, digit).min(EXPONENT_MAX);
    Some(if negative { -exponent } else { exponent })
}

fn without_leading_zeros(digits: &[u8]) -> &[u8] {
    &digits[digits.iter().take_while(|&&digit| digit == b'0').count()..]
}

fn without_trailing_zeros(digits: &[u8]) -> &[u8] {
    &digits[..digits.len() - digits.iter().rev().take_while(|&&digit| digit == b'0').count()]
}

/// A greater exponent counts as this one; digits before or behind the point, which move it, are far
/// fewer than what is left of an `i64`.
const EXPONENT_MAX: i64 = i64::MAX / 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number<'_> {
        Number::read(text).unwrap_or_else(|| panic!("{text} is a number"))
    }

    #[test]
    fn numbers_are_compared_by_what_they_mean() {
        let in_order: &[&[&str]] = &[
            &["-1E400"],
            &["-12345678901234567890124"],
            &["-12345678901234567890123", "-12345678901234567890123.00"],
            &["-10.5", "-1.05e1", "-105E-1"],
            &["-2"],
            &["-1e-400"],
            &["0", "-0", "0.000", "0e99", "-0.0E-5"],
            &["1e-99999999999999999999"],
            &["0.0012", "1.2e-3", "12E-4", "0.00120"],
            &["0.1"],
            &["0.10000000000000000001"],
            &["1", "1.0", "10e-1", "0.1E+1", "0.01e002"],
            &["2"],
            &["10", "1e1", "10.0"],
            &["100"],
            &["100.5", "1005e-1"],
            &["9007199254740992"],
            &["9007199254740993", "9007199254740993.0"],
            &["1E400", "10e399"],
            &["1E401"],
            &["1E99999999999999999999"],
        ];
        for (n, same) in in_order.iter().enumerate() {
            for (m, others) in in_order.iter().enumerate() {
                for (one, other) in same.iter().flat_map(|one| others.iter().map(move |other| (one, other))) {
                    assert_eq!(number(one).cmp(&number(other)), n.cmp(&m), "{one} and {other}");
                }
            }
        }
    }

    #[test]
    fn what_json_does_not_spell_as_a_number_is_none() {
        for bad in
            ["", "-", "+1", "01", "1.", ".5", "1e", "1e+", "0x1", " 1", "1 ", "1,5", "NaN", "--1", "1.e1"]
        {
            assert!(Number::read(bad).is_none(), "{bad}");
        }
    }
}
