//! The clock of the source article.

/// `time` is local time as `HH:MM:SS`.
pub fn announcement(time: &str) -> String {
    format!("The time is: {time}")
}
