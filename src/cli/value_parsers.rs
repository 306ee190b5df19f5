//! Parsers of values that several flags have.

use crate::config::FIELDS_ROOM;
use clap::builder::RangedU64ValueParser;
use std::time::Duration;

pub fn at_least_one() -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..)
}

/// The value of `--fields-max`: a connection has room for [`FIELDS_ROOM`] fields.
pub fn fields_max(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count) if (1..=FIELDS_ROOM).contains(&count) => Ok(count),
        _ => Err(format!("must be 1 to {FIELDS_ROOM}")),
    }
}

/// Decimal seconds, from one millisecond to a year.
pub fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(value) if (0.001..=31_536_000.0).contains(&value) => Ok(Duration::from_secs_f64(value)),
        _ => Err("must be 0.001 to 31536000".to_owned()),
    }
}
