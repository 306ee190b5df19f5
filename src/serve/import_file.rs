//! The file that a new store begins with.

use crate::api::import::{self, Wrong};
use crate::error::CommandError;
use crate::store::snapshot::Stocked;
use std::fs;
use std::io::{self, Read};
use std::path::Path;

/// What is in the file; `-` is standard input. Every fault that is found in it is a line of the failure.
pub fn read(path: &Path, item_bytes_max: usize) -> Result<Vec<Stocked>, CommandError> {
    let is_input = path == Path::new("-");
    let shown = if is_input { "standard input".to_owned() } else { path.display().to_string() };
    let failed = |why: String| CommandError::Failed(format!("{shown}: {why}"));
    let bytes = if is_input {
        let mut bytes = Vec::new();
        io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        fs::read(path)
    };
    let text = String::from_utf8(bytes.map_err(|error| failed(error.to_string()))?).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
        failed(format!("it is not UTF-8, in line {line}"))
    })?;
    // Windows puts a mark in front that is no part of the text (RFC 8259 §8.1 lets us pass over it).
    import::read(text.strip_prefix('\u{feff}').unwrap_or(&text), item_bytes_max)
        .map_err(|wrong| CommandError::Failed(lines(&shown, &wrong)))
}

/// One line for each place.
fn lines(shown: &str, wrong: &Wrong) -> String {
    let mut lines: Vec<String> = wrong.places.iter().map(|place| format!("{shown}: {place}")).collect();
    if wrong.more > 0 {
        lines.push(format!("{shown}: and {} more", wrong.more));
    }
    lines.join("\n")
}
