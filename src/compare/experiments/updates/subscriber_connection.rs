//! One connection of a follower, and what each byte on it was for.
//!
//! ```text
//!   HTTP      head ─▶ fields         body ─▶ payload                 chunk lines ─▶ framing
//!   events    head ─▶ fields         `id:`, `data:`, line ends, heartbeats ─▶ framing
//!   socket    handshake ─▶ fields    frame headers, pings, pongs, closes ─▶ framing
//!             of a notice: value ─▶ payload, the JSON-RPC around it ─▶ fields; one that is compressed ─▶ deflated
//! ```

use std::time::Duration;

use crate::client::buffered_stream::{Arrival, Stream};
use crate::client::event_stream::{self, Said};
use crate::client::handshake::{self, Asks, Offered};
use crate::client::limits::MESSAGE_BYTES_MAX;
use crate::client::response::{self, status_words};
use crate::client::websocket::random;
use crate::compare::costs::{Application, Both};
use crate::compare::experiments::updates::subscriber::{Follower, failed};
use crate::compare::experiments::updates::subscriber_stats::untold;
use crate::compare::experiments::updates::ways::LONG_POLL_SECONDS;
use crate::compare::experiments::updates::ways::UpdateWay;
use crate::compare::load_client::ANSWER_WAIT;
use crate::compare::load_connection::{agree, broken, network_of};
use crate::compare::run_error::RunError;
use crate::error::CommandError;
use crate::http::content_coding;
use crate::http::framing::ResponseFraming;
use crate::http::headers::Known;
use crate::http::parsed::Parsed;
use crate::model::json_rpc::SUBPROTOCOL;
use crate::netlab::sys;
use crate::websocket::close;
use crate::websocket::frame::{self, Header, Opcode, Role};
use crate::websocket::message::{Event, Reader, Step};
use crate::websocket::permessage_deflate::Inflater;

#[derive(Debug)]
pub struct Line {
    stream: Stream,
    hearing: Hearing,
    /// What had been said before it.
    before: Both<Application>,
    /// The server has ended its side.
    ended: bool,
}

/// How what comes is taken apart.
#[derive(Debug)]
enum Hearing {
    Answers,
    Events(event_stream::Reader),
    Messages(Box<Messages>),
}

#[derive(Debug)]
struct Messages {
    reader: Reader,
    /// Of the message that is read. This server says each in one frame.
    header: Option<Header>,
}

/// What came of one notice.
#[derive(Debug)]
pub struct Notice {
    pub text: String,
    pub came: Came,
}

/// How it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Came {
    AsItIs,
    /// In so many bytes, of which nobody can say whether they are payload or what stands around it.
    Deflated {
        bytes: u64,
    },
}

/// One response to a poll.
#[derive(Debug)]
pub struct Answer {
    /// None: it has not changed.
    pub body: Option<String>,
    pub tag: Option<String>,
    pub is_persistent: bool,
}

impl Line {
    pub fn connect(follower: &Follower) -> Result<Line, CommandError> {
        let stream = Stream::connect(follower.url, ANSWER_WAIT)?;
        stream.wait_for_reads(Some(SILENCE_MAX))?;
        let asked = if follower.asks_kernel { Some(stream.writing_end()?) } else { None };
        let before = follower.ledger.note(|tally| {
            tally.connections += 1;
            tally.open = asked.map(|socket| (socket, tally.said));
            tally.said
        });
        Ok(Line { stream, hearing: Hearing::Answers, before, ended: false })
    }

    /// Of one who is told.
    pub fn begin(follower: &Follower) -> Result<Line, RunError> {
        let mut line = Line::connect(follower)?;
        if follower.way.is_on_socket() {
            line.shake_hands(follower)?;
        } else {
            line.ask_for_events(follower)?;
        }
        Ok(line)
    }

    fn shake_hands(&mut self, follower: &Follower) -> Result<(), RunError> {
        let is_deflated = follower.way == UpdateWay::SocketDeflated;
        let offered = if is_deflated { Offered::Deflate } else { Offered::Nothing };
        let asks = Asks { subprotocol: Some(SUBPROTOCOL), offered, extra: follower.extra };
        let (host, target) = (&follower.url.authority, follower.url.target());
        let shaken = handshake::shake_hands(&mut self.stream, host, &target, &asks)?;
        follower.ledger.note(|tally| {
            tally.asked += 1;
            tally.said.sent.fields += shaken.asked_bytes;
            tally.said.received.fields += shaken.answered_bytes;
        });
        let reader = match shaken.agreement {
            Some(agreement) => Reader::inflating(Role::Client, Inflater::new(agreement.server)),
            None if is_deflated => {
                return Err(failed("the server does not agree to compression".to_owned()));
            }
            None => Reader::new(Role::Client),
        };
        self.hearing = Hearing::Messages(Box::new(Messages { reader, header: None }));
        Ok(())
    }

    fn ask_for_events(&mut self, follower: &Follower) -> Result<(), RunError> {
        let request = follower.way.encode_request(follower.url, follower.extra, None);
        self.stream.write(request.as_bytes())?;
        let (status, framing) =
            response::read_head(&mut self.stream, false, |head, _| (head.status, head.framing))?;
        let head_bytes = self.stream.used_bytes();
        follower.ledger.note(|tally| {
            tally.asked += 1;
            tally.said.sent.fields += request.len() as u64;
            tally.said.received.fields += head_bytes;
        });
        if status != 200 {
            let what = "the server refused the event stream";
            return Err(handshake::refused(what, status, &mut self.stream, framing).into());
        }
        if framing != ResponseFraming::UntilClose {
            return Err(failed("the server's event stream has a length, or comes in chunks".to_owned()));
        }
        self.hearing = Hearing::Events(event_stream::Reader::new(MESSAGE_BYTES_MAX));
        Ok(())
    }

    /// Asks, and waits for the whole answer.
    pub fn get(&mut self, follower: &Follower, tag: Option<&str>) -> Result<Answer, RunError> {
        let request = follower.way.encode_request(follower.url, follower.extra, tag);
        let stream = &mut self.stream;
        stream.write(request.as_bytes())?;
        // At once: the answer to a long poll may come in another part of the round.
        follower.ledger.note(|tally| {
            tally.asked += 1;
            tally.said.sent.fields += request.len() as u64;
        });
        let before = stream.used_bytes();
        let (status, framing, is_persistent, tag, is_coded) =
            response::read_head(stream, false, |head, _| {
                let tag = head.fields.iter().find(|(name, _)| name.eq_ignore_ascii_case("ETag"));
                let tag = tag.map(|(_, value)| String::from_utf8_lossy(value).into_owned());
                (
                    head.status,
                    head.framing,
                    head.persistent,
                    tag,
                    head.fields.list_has(Known::ContentEncoding, "gzip"),
                )
            })?;
        let head_end = stream.used_bytes();
        let mut body = Vec::new();
        response::read_body(stream, framing, |piece| {
            body.extend_from_slice(piece);
            Ok(())
        })?;
        let (fields, payload) = (head_end - before, body.len() as u64);
        let framing_bytes = stream.used_bytes() - head_end - payload;
        self.ended = framing == ResponseFraming::UntilClose;
        let said = Application { payload, fields, framing: framing_bytes, deflated: 0 };
        follower.ledger.note(|tally| tally.said.received += said);
        match status {
            200 => {
                let body = if is_coded {
                    let whole = content_coding::gunzip(&body, MESSAGE_BYTES_MAX);
                    whole.ok_or_else(|| failed("the body of an answer to a poll is no gzip".to_owned()))?
                } else {
                    body
                };
                let body = String::from_utf8_lossy(&body).into_owned();
                Ok(Answer { body: Some(body), tag, is_persistent })
            }
            304 => Ok(Answer { body: None, tag, is_persistent }),
            _ => Err(failed(format!("the server answered {} to a poll", status_words(status)))),
        }
    }

    /// The next notice. What it is made of is not yet written down; all else is.
    pub fn hear_notice(&mut self, follower: &Follower) -> Result<Notice, RunError> {
        loop {
            let before = self.stream.used_bytes();
            let heard = match &mut self.hearing {
                Hearing::Events(reader) => hear_events(reader, &mut self.stream)?,
                Hearing::Messages(messages) => messages.hear(&mut self.stream)?,
                Hearing::Answers => unreachable!("nobody is told anything on this line"),
            };
            let used = self.stream.used_bytes() - before;
            let mut pong = Vec::new();
            if let Heard::Ping(payload) = &heard {
                frame::encode_masked(Opcode::Pong, payload, random()?, &mut pong);
                self.stream.write(&pong)?;
            }
            let notice_bytes = if let Heard::Notice(notice) = &heard { notice.bytes() } else { 0 };
            follower.ledger.note(|tally| {
                // What came of it before was taken for framing.
                let framing = &mut tally.said.received.framing;
                *framing = *framing + used - notice_bytes;
                tally.said.sent.framing += pong.len() as u64;
            });
            match heard {
                Heard::Notice(notice) => return Ok(notice),
                Heard::Ping(_) | Heard::Nothing => {}
                // To a line on which nobody speaks, the end comes as a surprise.
                Heard::NeedMore => match self.stream.read_more()? {
                    Arrival::Bytes => {}
                    Arrival::End => {
                        return Err(CommandError::Lost("the server ended the stream".to_owned()).into());
                    }
                },
            }
        }
    }

    /// Ends what is told in good order: the server is told so, and ends the connection.
    pub fn leave(mut self, follower: &Follower) -> Result<(), RunError> {
        let mut out = Vec::new();
        if let (Hearing::Events(_), true) = (&self.hearing, follower.asks_kernel) {
            // Our FIN would count as a byte.
            return self.close(follower);
        }
        if let Hearing::Messages(_) = self.hearing {
            let mut body = Vec::new();
            close::encode_body(close::NORMAL, "", &mut body);
            frame::encode_masked(Opcode::Close, &body, random()?, &mut out);
            self.stream.write(&out)?;
        } else {
            let ended = self.stream.socket().shutdown(std::net::Shutdown::Write);
            ended.map_err(|error| failed(format!("the connection cannot be ended: {error}")))?;
        }
        let before = self.stream.used_bytes();
        while self.stream.read_more()? == Arrival::Bytes {}
        self.stream.consume(self.stream.unread().len());
        self.ended = true;
        let used = self.stream.used_bytes() - before;
        follower.ledger.note(|tally| {
            tally.said.sent.framing += out.len() as u64;
            tally.said.received.framing += used;
        });
        self.close(follower)
    }

    /// Holds what was said on it against what the kernel has counted, where the kernel is asked.
    pub fn close(self, follower: &Follower) -> Result<(), RunError> {
        if !follower.asks_kernel {
            return Ok(());
        }
        let socket = self.stream.socket();
        let info = sys::tcp_info(socket).map_err(untold)?;
        let is_ipv6 = socket.peer_addr().is_ok_and(|address| address.is_ipv6());
        follower.ledger.note(|tally| {
            let said = tally.said - self.before;
            agree(&info, &said, self.ended).map_err(RunError::Inconsistent)?;
            tally.closed += network_of(&info, &said, is_ipv6);
            tally.open = None;
            Ok(())
        })
    }
}

impl Notice {
    /// As it came, without what it came in.
    fn bytes(&self) -> u64 {
        match self.came {
            Came::AsItIs => self.text.len() as u64,
            Came::Deflated { bytes } => bytes,
        }
    }
}

enum Heard {
    Notice(Notice),
    Ping(Vec<u8>),
    Nothing,
    NeedMore,
}

fn hear_events(reader: &mut event_stream::Reader, stream: &mut Stream) -> Result<Heard, RunError> {
    let mut at = 0;
    let said = reader.next(stream.unread(), &mut at);
    stream.consume(at);
    let unreadable = |why| failed(format!("the server's events cannot be read: {why}"));
    Ok(match said.map_err(unreadable)? {
        Some(Said::Event { data, .. }) => Heard::Notice(Notice { text: data, came: Came::AsItIs }),
        Some(Said::Retry(_)) => Heard::Nothing,
        None => Heard::NeedMore,
    })
}

impl Messages {
    fn hear(&mut self, stream: &mut Stream) -> Result<Heard, RunError> {
        let Messages { reader, header } = self;
        if !reader.is_half_read()
            && let Ok(Parsed::Whole { value, .. }) = Header::parse(stream.unread())
        {
            *header = Some(value);
        }
        let came = match header {
            Some(Header { rsv1: true, payload_bytes, .. }) => Came::Deflated { bytes: *payload_bytes },
            _ => Came::AsItIs,
        };
        let (bytes, at) = stream.unread_mut();
        Ok(match reader.next(bytes, at, MESSAGE_BYTES_MAX).map_err(broken)? {
            Step::NeedMore => Heard::NeedMore,
            Step::Event(Event::Text(text)) => Heard::Notice(Notice { text: text.as_str().to_owned(), came }),
            Step::Event(Event::Ping(payload)) => Heard::Ping(payload.to_vec()),
            Step::Event(Event::Close(_)) => {
                return Err(CommandError::Lost("the server closed the socket".to_owned()).into());
            }
            Step::Event(_) => Heard::Nothing,
        })
    }
}

/// A long poll is held no longer than it asked to be, and a stream has heartbeats before that.
const SILENCE_MAX: Duration = Duration::from_secs(LONG_POLL_SECONDS as u64 + ANSWER_WAIT.as_secs());
