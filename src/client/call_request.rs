//! A call as the command line gives it, for either transport.

use std::time::Duration;

use crate::client::client_connection::status_words;
use crate::client::fields::Field;
use crate::client::url::Url;
use crate::error::CommandError;

#[derive(Debug)]
pub struct CallRequest<'a> {
    /// In upper case: methods are case-sensitive (RFC 9110 §9.1), and all in use are upper case.
    pub method: String,
    pub url: Url,
    pub fields: Vec<Field<'a>>,
    pub body: Option<Vec<u8>>,
    pub output: OutputMode,
    /// Longest wait for the connection, and for each part of the answer.
    pub timeout: Duration,
}

/// How much of the answer is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputMode {
    Body,
    /// Status and fields first, as `curl -i` prints them.
    HeadAndBody,
}

/// Returns the failure that a status of 400 or more is.
pub fn check_status(status: u16) -> Result<(), CommandError> {
    if status < 400 {
        return Ok(());
    }
    Err(CommandError::Failed(format!("the server answered {}", status_words(status))))
}
