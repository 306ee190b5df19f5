//! The ways of following a resource. Each differs from an earlier one in one thing.
//!
//! ```text
//!   poll-new ─┬─ poll-new-conditional            If-None-Match
//!             └─ poll ─┬─ poll-gzip
//!                      └─ poll-conditional ── long-poll       answered when there is something new
//!                                              └── events ── socket      pushed
//!                                                              └── socket-deflated
//! ```

use crate::client::event_stream_connection;
use crate::client::url::Url;
use crate::compare::headers::{self, ACCEPT_GZIP, Extra};

/// All ways, in the order of reports.
pub const ALL: &[UpdateWay] = &[
    UpdateWay::PollNew,
    UpdateWay::Poll,
    UpdateWay::PollNewConditional,
    UpdateWay::PollConditional,
    UpdateWay::PollGzip,
    UpdateWay::LongPoll,
    UpdateWay::Events,
    UpdateWay::Socket,
    UpdateWay::SocketDeflated,
];

/// One way of following a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum UpdateWay {
    /// Polling, each time on a new connection.
    PollNew,
    /// Polling on one connection.
    Poll,
    /// `PollNew` with `If-None-Match`.
    PollNewConditional,
    /// `Poll` with `If-None-Match`.
    PollConditional,
    /// `Poll` with `Accept-Encoding: gzip`.
    PollGzip,
    /// A conditional request whose response is held until there is a change, repeated at once.
    LongPoll,
    /// Server-Sent Events.
    Events,
    /// Messages of a WebSocket.
    Socket,
    /// `Socket` with permessage-deflate.
    SocketDeflated,
}

impl UpdateWay {
    /// The name on the command line and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            UpdateWay::PollNew => "poll-new",
            UpdateWay::Poll => "poll",
            UpdateWay::PollNewConditional => "poll-new-conditional",
            UpdateWay::PollConditional => "poll-conditional",
            UpdateWay::PollGzip => "poll-gzip",
            UpdateWay::LongPoll => "long-poll",
            UpdateWay::Events => "events",
            UpdateWay::Socket => "socket",
            UpdateWay::SocketDeflated => "socket-deflated",
        }
    }

    /// Describes in which one thing it differs, and from which other way.
    pub fn difference(self) -> &'static str {
        match self {
            UpdateWay::PollNew => "GET every so often, a new connection for each, closed by the client",
            UpdateWay::Poll => "as poll-new, but the connection is kept",
            UpdateWay::PollNewConditional => "as poll-new, but asked whether it has changed (304)",
            UpdateWay::PollConditional => "as poll, but asked whether it has changed (304)",
            UpdateWay::PollGzip => "as poll, but gzip accepted",
            UpdateWay::LongPoll => "as poll-conditional, but answered when it has changed, and asked at once",
            UpdateWay::Events => "as long-poll, but asked once: Server-Sent Events",
            UpdateWay::Socket => "as events, but messages of a WebSocket",
            UpdateWay::SocketDeflated => "as socket, but compression offered",
        }
    }

    /// Returns whether it sends requests at an interval.
    pub fn is_poll(self) -> bool {
        self != UpdateWay::LongPoll && !self.is_told_all()
    }

    /// Returns whether each change is pushed, exactly once and in order.
    pub fn is_told_all(self) -> bool {
        self == UpdateWay::Events || self.is_on_socket()
    }

    pub fn is_on_socket(self) -> bool {
        matches!(self, UpdateWay::Socket | UpdateWay::SocketDeflated)
    }

    pub fn is_conditional(self) -> bool {
        matches!(self, UpdateWay::PollNewConditional | UpdateWay::PollConditional | UpdateWay::LongPoll)
    }

    pub fn is_on_new_connections(self) -> bool {
        matches!(self, UpdateWay::PollNew | UpdateWay::PollNewConditional)
    }

    /// Encodes a request. `tag` is the entity tag of the last response; only conditional ways send it.
    pub fn encode_request(self, url: &Url, extra: &Extra, tag: Option<&str>) -> String {
        if self == UpdateWay::Events {
            return event_stream_connection::encode_request(&url.authority, &url.target(), extra, &[]);
        }
        let mut out = format!("GET {} HTTP/1.1\r\nHost: {}\r\n", url.target(), url.authority);
        if let Some(tag) = tag.filter(|_| self.is_conditional()) {
            out += &format!("If-None-Match: {tag}\r\n");
            if self == UpdateWay::LongPoll {
                out += &format!("Prefer: wait={LONG_POLL_SECONDS}\r\n");
            }
        }
        // The header fields of a browser include it.
        if self == UpdateWay::PollGzip && !headers::accept_gzip(extra) {
            out += &format!("{ACCEPT_GZIP}\r\n");
        }
        for (name, value) in extra {
            out += &format!("{name}: {value}\r\n");
        }
        out + "\r\n"
    }
}

/// Wait of a long poll: below the usual idle timeout of a proxy, 60 s.
pub const LONG_POLL_SECONDS: u32 = 30;

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn ways_differ_in_one_line() {
        let url: Url = "http://a/tasks/1".parse().unwrap();
        let extra = vec![("Accept".to_owned(), "*/*".to_owned())];
        let request = |way: UpdateWay, tag| way.encode_request(&url, &extra, tag);
        let poll = "GET /tasks/1 HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n";
        assert_eq!(request(UpdateWay::Poll, Some("\"e-1\"")), poll);
        assert_eq!(request(UpdateWay::PollConditional, None), poll);
        let gzip = poll.replace("Accept:", "Accept-Encoding: gzip\r\nAccept:");
        assert_eq!(request(UpdateWay::PollGzip, Some("\"e-1\"")), gzip);
        let conditional = poll.replace("Accept", "If-None-Match: \"e-1\"\r\nAccept");
        assert_eq!(request(UpdateWay::PollConditional, Some("\"e-1\"")), conditional);
        let long = conditional.replace("\r\nAccept", "\r\nPrefer: wait=30\r\nAccept");
        assert_eq!(request(UpdateWay::LongPoll, Some("\"e-1\"")), long);
        assert_eq!(request(UpdateWay::Events, None), poll.replace("*/*", "text/event-stream"));
    }
}
