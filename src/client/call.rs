//! `bothways call METHOD URL [BODY]`: one call, over the transport that the URL names.

use std::io::{self, Read, Write};
use std::time::Duration;

use crate::client::call_request::{CallRequest, OutputMode};
use crate::client::fields;
use crate::client::over_http;
use crate::client::over_websocket;
use crate::client::url::Scheme;
use crate::error::CommandError;
use crate::http::headers::is_token;

/// One call, as a person gives it: nothing is parsed yet.
#[derive(Clone, Debug)]
pub struct CallOptions {
    pub method: String,
    pub url: String,
    /// Header lines, each `Name: value`.
    pub headers: Vec<String>,
    /// `-` is standard input.
    pub body: Option<String>,
    pub output: OutputMode,
    /// Longest wait for the connection, and for each part of the answer.
    pub timeout: Duration,
}

/// Makes the call, and prints the answer to standard output. An answer of 400 or more is printed
/// like others, and is a failure. Nothing is said of it when nobody reads standard output any more.
pub fn run(call: &CallOptions) -> Result<(), CommandError> {
    let outcome = make(call, &mut io::stdin(), &mut io::stdout().lock());
    CommandError::ignore_broken_pipe(outcome)
}

fn make(call: &CallOptions, input: &mut impl Read, out: &mut impl Write) -> Result<(), CommandError> {
    let asked = understand(call, input)?;
    match asked.url.scheme {
        Scheme::Http => over_http::make(&asked, out),
        Scheme::Ws => over_websocket::make(&asked, out),
    }
}

fn understand<'a>(call: &'a CallOptions, input: &mut impl Read) -> Result<CallRequest<'a>, CommandError> {
    if !is_token(call.method.as_bytes()) {
        return Err(CommandError::Usage(format!("{:?} is not a method", call.method)));
    }
    let (url, fields) = (call.url.parse()?, fields::parse(&call.headers)?);
    Ok(CallRequest {
        method: call.method.to_ascii_uppercase(),
        url,
        fields,
        body: read_body(call.body.as_deref(), input)?,
        output: call.output,
        timeout: call.timeout,
    })
}

/// `-` is standard input.
fn read_body(text: Option<&str>, input: &mut impl Read) -> Result<Option<Vec<u8>>, CommandError> {
    if text != Some("-") {
        return Ok(text.map(|text| text.as_bytes().to_vec()));
    }
    let mut body = Vec::new();
    let read = input.read_to_end(&mut body);
    read.map_err(|error| CommandError::Failed(format!("standard input cannot be read: {error}")))?;
    Ok(Some(body))
}

#[cfg(test)]
pub use tests::make_for_test;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args;
    use clap::Parser;

    /// For tests of both transports: makes a call as the command line gives it, and returns what it prints and how it
    /// ends.
    pub fn make_for_test(arguments: &[&str], input: &str) -> (String, Result<(), String>) {
        let line = [&["bothways", "call", "--max-seconds", "5"], arguments].concat();
        let args::Command::Call(call) = args::Cli::parse_from(line).command else { panic!("call was said") };
        let mut out = Vec::new();
        let outcome = make(&call.into(), &mut input.as_bytes(), &mut out);
        let outcome = outcome.map_err(|failure| format!("{} {failure}", failure.exit_status()));
        (String::from_utf8(out).unwrap(), outcome)
    }

    #[test]
    fn wrong_usage_is_told_before_anything_is_sent() {
        let outcome = |arguments: &[&str]| make_for_test(arguments, "").1.unwrap_err();
        assert_eq!(outcome(&["GET", "tasks"]), "2 URL must begin with http:// or ws://");
        assert_eq!(outcome(&["G T", "http://a/"]), "2 \"G T\" is not a method");
        assert!(outcome(&["GET", "http://a/", "-H", "x"]).starts_with("2 -H \"x\" is not a field"));
    }

    #[test]
    fn a_dash_reads_standard_input() {
        let body = |text| read_body(text, &mut &b"milk"[..]).unwrap();
        assert_eq!(body(Some("-")), Some(b"milk".to_vec()));
        assert_eq!(body(Some("tea")), Some(b"tea".to_vec()));
        assert_eq!(body(None), None);
    }
}
