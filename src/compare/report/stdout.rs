//! Standard output of `compare`: a text, or values as JSON.

use std::io::{self, Write};

use serde::Serialize;

use crate::error::CommandError;

/// Prints a text. A pipe that nobody reads any more is no failure.
pub fn print(text: &str) -> Result<(), CommandError> {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(CommandError::Output);
    CommandError::ignore_broken_pipe(written)
}

/// Prints all values as one line of JSON, and not the document, which rounds them and leaves some out. `what` names
/// them in an error.
pub fn print_json(what: &str, values: &impl Serialize) -> Result<(), CommandError> {
    let json = serde_json::to_string(values);
    let json =
        json.map_err(|error| CommandError::Failed(format!("the {what} cannot be written as JSON: {error}")))?;
    print(&(json + "\n"))
}
