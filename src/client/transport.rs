//! One connection on which a resource is followed, by the road that the URL names: opened, and listened
//! to by a thread of its own.
//!
//! ```text
//! ws:    opening ─→ Incoming ─→ messages ─┐
//!                                         ├─→ Connected, Message …, Over     always last
//! http:  request ─→ BodyReader ─→ events ─┘
//! ```

use std::sync::mpsc::SyncSender;
use std::thread;
use std::time::Duration;

use crate::client::buffered_stream::Stream;
use crate::client::event_stream::{Reader, Said};
use crate::client::handshake;
use crate::client::limits::{ANSWER_WAIT, MESSAGE_BYTES_MAX};
use crate::client::response::{self, status_words};
use crate::client::resume_point::Place;
use crate::client::url::{Scheme, Url};
use crate::client::websocket::{Heard, Outgoing, closed_line};
use crate::error::CommandError;
use crate::error::ProtocolError;
use crate::http::headers::{Known, trim};
use crate::websocket::close::{self, Closing};

/// What there is to act on.
#[derive(Debug)]
pub enum News {
    /// There is a connection; on a socket, something can be said.
    Connected(Option<Outgoing>),
    /// With the id of its event, if it came in one.
    Message {
        text: String,
        id: Option<String>,
    },
    Binary {
        bytes: usize,
    },
    /// To be answered with the same payload.
    Ping(Vec<u8>),
    Pong,
    /// To be answered with the same code.
    Close(Closing),
    /// How long to wait before connecting again.
    Retry(Duration),
    /// The connection is no more, and nothing more is heard of it.
    Over(Over),
    /// SIGINT or SIGTERM.
    Interrupted,
}

/// How a connection ended.
#[derive(Debug)]
pub enum Over {
    Failed(CommandError),
    /// A rule was broken: to be told to the server.
    Broken(ProtocolError),
    /// The server says in good order that nothing is to come.
    Done(String),
}

/// Connects, and tells what is heard from that place on. A server that is silent for so long is lost.
pub fn follow(url: &Url, place: &Place, silence_max: Duration, tell: SyncSender<News>) {
    let (url, target, id) = (url.clone(), place.target(url), place.last_event_id());
    thread::spawn(move || {
        let over = match url.scheme {
            Scheme::Ws => by_messages(&url, &target, silence_max, &tell),
            Scheme::Http => by_events(&url, &target, id.as_deref(), silence_max, &tell),
        };
        // Who went in the meantime does not wait for it.
        let _ = tell.send(News::Over(over.unwrap_or_else(Over::Failed)));
    });
}

fn by_messages(
    url: &Url,
    target: &str,
    silence_max: Duration,
    tell: &SyncSender<News>,
) -> Result<Over, CommandError> {
    let (mut incoming, outgoing) = handshake::open(url, target, None, ANSWER_WAIT)?;
    incoming.wait_for_reads(Some(silence_max))?;
    send(tell, News::Connected(Some(outgoing)))?;
    loop {
        let news = match incoming.hear()? {
            Heard::Text(text) => News::Message { text, id: None },
            Heard::Binary { bytes } => News::Binary { bytes },
            Heard::Ping(payload) => News::Ping(payload),
            Heard::Pong => News::Pong,
            Heard::Close(closing) => News::Close(closing),
            Heard::Broken(fault) => return Ok(Over::Broken(fault)),
            Heard::End => {
                return Err(CommandError::Lost(closed_line(close::ABNORMAL, "without a close frame")));
            }
        };
        send(tell, news)?;
    }
}

fn by_events(
    url: &Url,
    target: &str,
    id: Option<&str>,
    silence_max: Duration,
    tell: &SyncSender<News>,
) -> Result<Over, CommandError> {
    let mut stream = Stream::connect(url, ANSWER_WAIT)?;
    stream.write(encode_request(&url.authority, target, id).as_bytes())?;
    let (status, framing, is_stream) = response::read_head(&mut stream, false, |head, _| {
        let kind = head.fields.first(Known::ContentType).unwrap_or_default();
        let kind = kind.split(|&byte| byte == b';').next().unwrap_or_default();
        (head.status, head.framing, trim(kind).eq_ignore_ascii_case(b"text/event-stream"))
    })?;
    match status {
        200 if is_stream => {}
        200 => return Err(CommandError::Failed("the server's answer is no event stream".to_owned())),
        204 => return Ok(Over::Done(format!("the server ended the stream: {}", status_words(status)))),
        _ => {
            return Err(handshake::refused(
                "the server refused the event stream",
                status,
                &mut stream,
                framing,
            ));
        }
    }
    stream.wait_for_reads(Some(silence_max))?;
    send(tell, News::Connected(None))?;
    let mut reader = Reader::new(MESSAGE_BYTES_MAX);
    response::read_body(&mut stream, framing, |piece| {
        let mut at = 0;
        let unreadable = |why| CommandError::Failed(format!("the server's events cannot be read: {why}"));
        while let Some(said) = reader.next(piece, &mut at).map_err(unreadable)? {
            send(
                tell,
                match said {
                    Said::Event { data, id } => News::Message { text: data, id },
                    Said::Retry(wait) => News::Retry(wait),
                },
            )?;
        }
        Ok(())
    })?;
    Err(CommandError::Lost("the server ended the stream".to_owned()))
}

fn encode_request(authority: &str, target: &str, id: Option<&str>) -> String {
    let id = id.map_or_else(String::new, |id| format!("Last-Event-ID: {id}\r\n"));
    format!(
        "GET {target} HTTP/1.1\r\nHost: {authority}\r\nAccept: text/event-stream\r\n\
         Cache-Control: no-store\r\nConnection: close\r\n{id}\r\n"
    )
}

/// Waits until there is room for it.
fn send(tell: &SyncSender<News>, news: News) -> Result<(), CommandError> {
    tell.send(news).map_err(|_| CommandError::Lost("nobody listens any more".to_owned()))
}
