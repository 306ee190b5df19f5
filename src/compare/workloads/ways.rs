//! The ways of asking, each of which differs from one before it in one thing, and what a caller does in
//! each of them.
//!
//! ```text
//!   new ─ closed by the server ── new-closed
//!    └ kept ─┬ conditional        304 instead of 200
//!            ├ kept-gzip          compressed bodies
//!            ├ pipelined          several in one write
//!            ├ parallel           several connections
//!            └ socket ─┬ socket-deflated
//!                      ├ socket-pipelined
//!                      └ socket-parallel
//! ```

use crate::cli::compare_args::{Compare, Way};
use crate::client::call::{Asked, OutputMode};
use crate::client::handshake::Offered;
use crate::client::rpc_request;
use crate::client::url::Url;
use crate::compare::headers::{self, Extra};
use crate::compare::load_client::ANSWER_WAIT;
use crate::compare::workloads::call_plan::{Lasts, Plan, Road};
use crate::error::CommandError;

/// All of them, in the order in which they are told.
pub const ALL: &[Way] = &[
    Way::New,
    Way::NewClosed,
    Way::Kept,
    Way::Conditional,
    Way::KeptGzip,
    Way::Pipelined,
    Way::Parallel,
    Way::Socket,
    Way::SocketDeflated,
    Way::SocketPipelined,
    Way::SocketParallel,
];

/// A way, and how much of it is done at a time.
#[derive(Debug)]
pub struct Course {
    pub way: Way,
    pub plan: Plan,
    pub callers: usize,
    pub calls_in_one_write: usize,
}

/// Its name, as the flag has it.
pub fn name(way: Way) -> &'static str {
    match way {
        Way::New => "new",
        Way::NewClosed => "new-closed",
        Way::Kept => "kept",
        Way::Conditional => "conditional",
        Way::KeptGzip => "kept-gzip",
        Way::Pipelined => "pipelined",
        Way::Parallel => "parallel",
        Way::Socket => "socket",
        Way::SocketDeflated => "socket-deflated",
        Way::SocketPipelined => "socket-pipelined",
        Way::SocketParallel => "socket-parallel",
    }
}

/// Whether several calls go in one write.
fn is_pipelined(way: Way) -> bool {
    matches!(way, Way::Pipelined | Way::SocketPipelined)
}

/// In which one thing it differs, and from which.
pub fn differs(way: Way, compare: &Compare) -> String {
    let in_flight = compare.in_flight;
    let in_one_write = || match compare.calls.min(compare.depth.into()) {
        1 => "1 call in one write".to_owned(),
        calls => format!("{calls} calls in one write"),
    };
    match way {
        Way::New => "HTTP, a connection for each call, closed by the client".to_owned(),
        Way::NewClosed => "as new, but closed by the server".to_owned(),
        Way::Kept => "as new, but the connection is kept".to_owned(),
        Way::Conditional => "as kept, but asked whether it has changed (304)".to_owned(),
        Way::KeptGzip => "as kept, but gzip accepted".to_owned(),
        Way::Pipelined => format!("as kept, but {}", in_one_write()),
        Way::Parallel => format!("as kept, but on {in_flight} connections at a time"),
        Way::Socket => "as kept, but by JSON-RPC over a WebSocket".to_owned(),
        Way::SocketDeflated => "as socket, but compression offered".to_owned(),
        Way::SocketPipelined => format!("as socket, but {}", in_one_write()),
        Way::SocketParallel => format!("as socket, but on {in_flight} connections at a time"),
    }
}

/// What of that is not so with these fields.
pub fn differs_in_nothing(way: Way, extra: &Extra) -> Option<&'static str> {
    let is_same = way == Way::KeptGzip && headers::accept_gzip(extra);
    is_same.then_some("as kept: gzip is accepted by --headers already")
}

impl Course {
    /// What the callers of that way do; the tag is that of what they ask for.
    pub fn new(
        way: Way,
        compare: &Compare,
        url: &Url,
        tag: Option<&str>,
        extra: &Extra,
    ) -> Result<Course, CommandError> {
        let calls_in_one_write = if is_pipelined(way) { compare.depth.into() } else { 1 };
        let callers = match way {
            Way::Parallel | Way::SocketParallel => compare.in_flight.into(),
            _ => 1,
        };
        let lasts = match way {
            Way::New => Lasts::OneCall,
            Way::NewClosed => Lasts::OneCallOfServer,
            _ => Lasts::All,
        };
        let road = match way {
            Way::Socket | Way::SocketDeflated | Way::SocketPipelined | Way::SocketParallel => Road::Socket {
                texts: encode_calls(url, calls_in_one_write)?,
                offered: if way == Way::SocketDeflated { Offered::Deflate } else { Offered::Nothing },
            },
            Way::NewClosed => Road::Http(encode_request(url, &["Connection: close"], extra)),
            Way::Conditional => {
                let tag = tag.ok_or_else(|| CommandError::Failed(NO_TAG.to_owned()))?;
                Road::Http(encode_request(url, &[&format!("If-None-Match: {tag}")], extra))
            }
            // A browser's fields accept it already.
            Way::KeptGzip if !headers::accept_gzip(extra) => {
                Road::Http(encode_request(url, &[ACCEPT_GZIP], extra))
            }
            Way::New | Way::Kept | Way::KeptGzip | Way::Pipelined | Way::Parallel => {
                Road::Http(encode_request(url, &[], extra))
            }
        };
        let expected = if way == Way::Conditional { 304 } else { 200 };
        let plan = Plan { url: url.clone(), road, lasts, expected, extra: extra.clone() };
        Ok(Course { way, plan, callers, calls_in_one_write })
    }
}

pub const ACCEPT_GZIP: &str = "Accept-Encoding: gzip";
const NO_TAG: &str = "the answer has no ETag, so it cannot be asked whether it has changed";

pub fn encode_request(url: &Url, lines: &[&str], extra: &Extra) -> Vec<u8> {
    let mut out = format!("GET {} HTTP/1.1\r\nHost: {}\r\n", url.target(), url.authority);
    for line in lines {
        out += &format!("{line}\r\n");
    }
    for (name, value) in extra {
        out += &format!("{name}: {value}\r\n");
    }
    out += "\r\n";
    out.into_bytes()
}

/// The same call so many times, each with an id of its own, from 1 on.
pub fn encode_calls(url: &Url, calls: usize) -> Result<Vec<String>, CommandError> {
    let asked = Asked {
        method: "GET".to_owned(),
        url: url.clone(),
        fields: Vec::new(),
        body: None,
        print: OutputMode::Body,
        wait: ANSWER_WAIT,
    };
    let text = rpc_request::encode(&asked)?;
    let of_first = format!("\"id\":{},", rpc_request::ID);
    Ok((1..=calls).map(|id| text.replacen(&of_first, &format!("\"id\":{id},"), 1)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::{Cli, Command};
    use clap::{Parser, ValueEnum};

    fn request(way: Way) -> String {
        let Command::Compare(compare) = Cli::parse_from(["bothways", "compare"]).command else { panic!() };
        let url = "http://a/tasks/1?b=c".parse().unwrap();
        let extra = vec![("X".to_owned(), "y".to_owned())];
        match Course::new(way, &compare, &url, Some("\"e-1\""), &extra).unwrap().plan.road {
            Road::Http(bytes) => String::from_utf8(bytes).unwrap(),
            Road::Socket { texts, .. } => texts.last().unwrap().clone(),
            other => panic!("{other:?} is no way"),
        }
    }

    #[test]
    fn every_way_is_told_by_the_name_of_its_flag() {
        assert_eq!(ALL, Way::value_variants());
        for &way in ALL {
            assert_eq!(way.to_possible_value().unwrap().get_name(), name(way));
        }
    }

    #[test]
    fn what_differs_is_what_is_done() {
        let told = |way, flags: &[&str]| {
            let command = Cli::parse_from([&["bothways", "compare"], flags].concat()).command;
            let Command::Compare(compare) = command else { panic!() };
            differs(way, &compare)
        };
        assert_eq!(told(Way::Pipelined, &[]), "as kept, but 50 calls in one write");
        assert_eq!(told(Way::Pipelined, &["--calls", "3"]), "as kept, but 3 calls in one write");
        assert_eq!(told(Way::SocketPipelined, &["--calls", "1"]), "as socket, but 1 call in one write");
        let browser = headers::read("browser").unwrap();
        assert!(differs_in_nothing(Way::KeptGzip, &browser).unwrap().starts_with("as kept: "));
        assert_eq!(differs_in_nothing(Way::Kept, &browser), None);
        assert_eq!(differs_in_nothing(Way::KeptGzip, &Extra::new()), None);
    }

    #[test]
    fn ways_differ_in_one_line() {
        assert_eq!(request(Way::Kept), "GET /tasks/1?b=c HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n");
        assert_eq!(request(Way::New), request(Way::Kept));
        assert!(request(Way::NewClosed).contains("\r\nConnection: close\r\n"));
        assert!(request(Way::KeptGzip).contains("\r\nAccept-Encoding: gzip\r\n"));
        assert!(request(Way::Conditional).contains("\r\nIf-None-Match: \"e-1\"\r\n"));
        let call = r#"{"jsonrpc":"2.0","id":1,"method":"get","params":{"path":"/tasks/1","query":"b=c"}}"#;
        assert_eq!(request(Way::Socket), call);
        assert_eq!(request(Way::SocketPipelined), call.replace("\"id\":1", "\"id\":50"));
    }
}
