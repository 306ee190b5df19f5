//! A course put together piece by piece.
//!
//! ```text
//!   Recipe::new(url, What::Get).every(10).on(8)     GET, a new connection after each tenth, by eight callers
//! ```

use crate::client::call_request::{CallRequest, OutputMode};
use crate::client::handshake::CompressionOffer;
use crate::client::rpc_request;
use crate::client::url::Url;
use crate::compare::headers::{ACCEPT_GZIP, Extra};
use crate::compare::load_connection::ANSWER_WAIT;
use crate::compare::workloads::call_plan::{Lasts, Plan, Road, Workload};
use crate::error::CommandError;

/// What is asked.
#[derive(Clone, Debug)]
pub enum What {
    Get,
    /// The same, gzip accepted.
    GetGzip,
    /// Whether it still has this tag: it has (304).
    IfChanged(String),
    /// A GET as JSON-RPC over a WebSocket.
    Call,
    /// The same, compression offered.
    DeflatedCall,
    /// A message of so many bytes, to have it back.
    Echo(usize),
    /// Nothing: a message comes every second.
    Clock,
}

/// One caller on one connection that is kept, and one call at a time, unless something else is said.
#[derive(Clone, Debug)]
pub struct Recipe {
    url: Url,
    what: What,
    extra: Extra,
    lasts: Lasts,
    callers: usize,
    at_once: usize,
}

impl Recipe {
    pub fn new(url: &Url, what: What) -> Recipe {
        Recipe { url: url.clone(), what, extra: Extra::new(), lasts: Lasts::All, callers: 1, at_once: 1 }
    }

    /// Fields beside Host.
    pub fn with(self, extra: &Extra) -> Recipe {
        Recipe { extra: extra.clone(), ..self }
    }

    /// A new connection after so many calls.
    pub fn every(self, calls: u32) -> Recipe {
        Recipe { lasts: if calls == 1 { Lasts::OneCall } else { Lasts::Calls(calls) }, ..self }
    }

    /// A new connection for each call, which the server closes.
    pub fn closed_by_server(self) -> Recipe {
        Recipe { lasts: Lasts::OneCallOfServer, ..self }
    }

    /// On so many connections, with a thread each.
    pub fn on(self, callers: usize) -> Recipe {
        Recipe { callers, ..self }
    }

    /// So many calls without waiting for an answer.
    pub fn at_once(self, calls: usize) -> Recipe {
        Recipe { at_once: calls, ..self }
    }

    pub fn course(&self) -> Result<Workload, CommandError> {
        let Recipe { url, what, extra, .. } = self;
        let get = |line: &str| Road::Http(encode_request(url, line, extra));
        let call = |offered| {
            Ok::<_, CommandError>(Road::Socket { texts: encode_calls(url, self.at_once)?, offered })
        };
        let road = match what {
            What::Get if self.lasts == Lasts::OneCallOfServer => get("Connection: close\r\n"),
            What::Get => get(""),
            What::GetGzip => get(&format!("{ACCEPT_GZIP}\r\n")),
            What::IfChanged(tag) => get(&format!("If-None-Match: {tag}\r\n")),
            What::Call => call(CompressionOffer::None)?,
            What::DeflatedCall => call(CompressionOffer::PermessageDeflate)?,
            What::Echo(bytes) => Road::Echo { text: "x".repeat(*bytes) },
            What::Clock => Road::Clock,
        };
        let expected = if matches!(what, What::IfChanged(_)) { 304 } else { 200 };
        let plan = Plan { url: url.clone(), road, lasts: self.lasts, expected, extra: extra.clone() };
        Ok(Workload { plan, callers: self.callers, calls_in_one_write: self.at_once })
    }
}

/// The courses of named recipes, each with that many calls.
pub fn courses(recipes: &[(&str, Recipe)], calls: u32) -> Result<Vec<(Workload, u32)>, CommandError> {
    recipes.iter().map(|(_, recipe)| Ok((recipe.course()?, calls))).collect()
}

/// Encodes a GET. `line` is a header field with its CRLF, or empty.
fn encode_request(url: &Url, line: &str, extra: &Extra) -> Vec<u8> {
    let mut out = format!("GET {} HTTP/1.1\r\nHost: {}\r\n{line}", url.target(), url.authority);
    for (name, value) in extra {
        out += &format!("{name}: {value}\r\n");
    }
    out += "\r\n";
    out.into_bytes()
}

/// Encodes the same call `calls` times, with the ids 1, 2, ….
fn encode_calls(url: &Url, calls: usize) -> Result<Vec<String>, CommandError> {
    let request = CallRequest {
        method: "GET".to_owned(),
        url: url.clone(),
        fields: Vec::new(),
        body: None,
        output: OutputMode::Body,
        timeout: ANSWER_WAIT,
    };
    let text = rpc_request::encode(&request)?;
    let of_first = format!("\"id\":{},", rpc_request::ID);
    Ok((1..=calls).map(|id| text.replacen(&of_first, &format!("\"id\":{id},"), 1)).collect())
}
