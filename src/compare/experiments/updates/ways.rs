//! The ways of following, each of which differs from one before it in one thing.
//!
//! ```text
//!   poll-new ─┬─ poll-new-conditional            If-None-Match
//!             └─ poll ─┬─ poll-gzip
//!                      └─ poll-conditional ── long-poll       answered when there is something new
//!                                              └── events ── socket      told, again and again
//!                                                              └── socket-deflated
//! ```

use std::time::Duration;

use crate::cli::compare_args::{Compare, Following};
use crate::client::url::Url;
use crate::compare::headers::{self, Extra};
use crate::compare::workloads::ways::ACCEPT_GZIP;

/// All of them, in the order in which they are told.
pub const ALL: &[Following] = &[
    Following::PollNew,
    Following::Poll,
    Following::PollNewConditional,
    Following::PollConditional,
    Following::PollGzip,
    Following::LongPoll,
    Following::Events,
    Following::Socket,
    Following::SocketDeflated,
];

/// What is measured: a way, and how often where it is one that asks every so often; or nobody at all,
/// so that it is known what the changes cost by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    Nobody,
    Polling(Following, Duration),
    Told(Following),
}

impl Lane {
    /// All that was asked for, or these ways.
    pub fn wanted(compare: &Compare, otherwise: &[Following]) -> Vec<Lane> {
        let follow = &compare.follow;
        let wanted = if follow.follow_ways.is_empty() { otherwise } else { &follow.follow_ways };
        let mut lanes = Vec::new();
        for &way in ALL.iter().filter(|way| wanted.contains(way)) {
            if way.is_poll() {
                lanes.extend(follow.poll_seconds.iter().map(|&every| Lane::Polling(way, every)));
            } else {
                lanes.push(Lane::Told(way));
            }
        }
        lanes
    }

    pub fn name(self) -> &'static str {
        match self {
            Lane::Nobody => "nobody",
            Lane::Polling(way, _) | Lane::Told(way) => way.name(),
        }
    }

    /// How often it asks.
    pub fn every(self) -> Option<Duration> {
        if let Lane::Polling(_, every) = self { Some(every) } else { None }
    }

    /// Its name, and how often.
    pub fn words(self) -> String {
        match self.every() {
            Some(every) => format!("{} every {} s", self.name(), every.as_secs_f64()),
            None => self.name().to_owned(),
        }
    }

    /// In which one thing it differs, and from which.
    pub fn differs(self) -> &'static str {
        match self {
            Lane::Nobody => "the changes alone, and nobody who follows",
            Lane::Polling(way, _) | Lane::Told(way) => match way {
                Following::PollNew => "GET every so often, a new connection for each, closed by the client",
                Following::Poll => "as poll-new, but the connection is kept",
                Following::PollNewConditional => "as poll-new, but asked whether it has changed (304)",
                Following::PollConditional => "as poll, but asked whether it has changed (304)",
                Following::PollGzip => "as poll, but gzip accepted",
                Following::LongPoll => {
                    "as poll-conditional, but answered when it has changed, and asked at once"
                }
                Following::Events => "as long-poll, but asked once: Server-Sent Events",
                Following::Socket => "as events, but messages of a WebSocket",
                Following::SocketDeflated => "as socket, but compression offered",
            },
        }
    }
}

impl Following {
    /// Its name, as the flag has it.
    pub fn name(self) -> &'static str {
        match self {
            Following::PollNew => "poll-new",
            Following::Poll => "poll",
            Following::PollNewConditional => "poll-new-conditional",
            Following::PollConditional => "poll-conditional",
            Following::PollGzip => "poll-gzip",
            Following::LongPoll => "long-poll",
            Following::Events => "events",
            Following::Socket => "socket",
            Following::SocketDeflated => "socket-deflated",
        }
    }

    pub fn is_poll(self) -> bool {
        self != Following::LongPoll && !self.is_told_all()
    }

    /// Each change is told, exactly once and in order.
    pub fn is_told_all(self) -> bool {
        self == Following::Events || self.is_on_socket()
    }

    pub fn is_on_socket(self) -> bool {
        matches!(self, Following::Socket | Following::SocketDeflated)
    }

    pub fn is_conditional(self) -> bool {
        matches!(self, Following::PollNewConditional | Following::PollConditional | Following::LongPoll)
    }

    pub fn is_on_new_connections(self) -> bool {
        matches!(self, Following::PollNew | Following::PollNewConditional)
    }

    /// What is asked; with the tag of what is shown, where there is one and it is to be said.
    pub fn encode_request(self, url: &Url, extra: &Extra, tag: Option<&str>) -> String {
        let mut out = format!("GET {} HTTP/1.1\r\nHost: {}\r\n", url.target(), url.authority);
        if let Some(tag) = tag.filter(|_| self.is_conditional()) {
            out += &format!("If-None-Match: {tag}\r\n");
            if self == Following::LongPoll {
                out += &format!("Prefer: wait={LONG_POLL_SECONDS}\r\n");
            }
        }
        // A browser's fields accept it already.
        if self == Following::PollGzip && !headers::accept_gzip(extra) {
            out += &format!("{ACCEPT_GZIP}\r\n");
        }
        for (name, value) in extra {
            if self != Following::Events || !name.eq_ignore_ascii_case("Accept") {
                out += &format!("{name}: {value}\r\n");
            }
        }
        if self == Following::Events {
            out += "Accept: text/event-stream\r\n";
        }
        out + "\r\n"
    }
}

/// Shorter than the shortest patience of what usually stands between two ends.
pub const LONG_POLL_SECONDS: u32 = 30;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::{Cli, Command};
    use clap::{Parser, ValueEnum};

    fn lanes(arguments: &[&str]) -> Vec<String> {
        let all = ["bothways", "compare"].iter().chain(arguments);
        let Command::Compare(compare) = Cli::parse_from(all).command else { panic!() };
        Lane::wanted(&compare, ALL).into_iter().map(Lane::words).collect()
    }

    #[test]
    fn every_way_is_told_by_the_name_of_its_flag() {
        assert_eq!(ALL.len(), Following::value_variants().len());
        for way in ALL {
            assert_eq!(way.to_possible_value().unwrap().get_name(), way.name());
        }
    }

    #[test]
    fn each_way_of_polling_is_measured_with_each_interval() {
        assert_eq!(
            lanes(&["--follow-ways", "socket,poll", "--poll-seconds", "0.5,2"]),
            ["poll every 0.5 s", "poll every 2 s", "socket"]
        );
        assert_eq!(lanes(&[]).len(), ALL.len());
    }

    #[test]
    fn ways_differ_in_one_line() {
        let url: Url = "http://a/tasks/1".parse().unwrap();
        let extra = vec![("Accept".to_owned(), "*/*".to_owned())];
        let request = |way: Following, tag| way.encode_request(&url, &extra, tag);
        let poll = "GET /tasks/1 HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n";
        assert_eq!(request(Following::Poll, Some("\"e-1\"")), poll);
        assert_eq!(request(Following::PollConditional, None), poll);
        let gzip = poll.replace("Accept:", "Accept-Encoding: gzip\r\nAccept:");
        assert_eq!(request(Following::PollGzip, Some("\"e-1\"")), gzip);
        let conditional = poll.replace("Accept", "If-None-Match: \"e-1\"\r\nAccept");
        assert_eq!(request(Following::PollConditional, Some("\"e-1\"")), conditional);
        let long = conditional.replace("\r\nAccept", "\r\nPrefer: wait=30\r\nAccept");
        assert_eq!(request(Following::LongPoll, Some("\"e-1\"")), long);
        assert_eq!(request(Following::Events, None), poll.replace("*/*", "text/event-stream"));
    }
}
