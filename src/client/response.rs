//! Reading a response from a stream: head, then body (RFC 9112 §4, §6).

use crate::client::buffered_stream::{Arrival, Stream};
use crate::config::{FIELDS_ROOM, Limits};
use crate::error::CommandError;
use crate::error::ProtocolError;
use crate::http::body::BodyReader;
use crate::http::framing::ResponseFraming;
use crate::http::head::{self, FieldRoom, ResponseHead};
use crate::http::parsed::Parsed;
use crate::http::response::reason;

/// Reads one head and hands it to `take`, together with its bytes as they came, blank line and all.
/// Interim responses (RFC 9110 §15.2) are passed over, but for 101, which is an end.
pub fn read_head<T>(
    stream: &mut Stream,
    asked_with_head: bool,
    take: impl FnOnce(&ResponseHead, &[u8]) -> T,
) -> Result<T, CommandError> {
    let mut searched = 0;
    loop {
        let mut room = FieldRoom::new();
        let bytes = stream.unread();
        match head::parse_response(bytes, &mut searched, &LIMITS, asked_with_head, &mut room) {
            Ok(Parsed::Whole { value: head, used }) if matches!(head.status, 100 | 102..=199) => {
                stream.consume(used);
            }
            Ok(Parsed::Whole { value: head, used }) => {
                let taken = take(&head, &bytes[..used]);
                stream.consume(used);
                return Ok(taken);
            }
            Ok(Parsed::NeedMore) => {
                if stream.read_more()? == Arrival::End {
                    return Err(CommandError::Lost(
                        "the server closed the connection without an answer".to_owned(),
                    ));
                }
            }
            Err(fault) => return Err(unreadable(fault)),
        }
    }
}

/// Reads the body that follows, and hands on each piece as it comes.
pub fn read_body(
    stream: &mut Stream,
    framing: ResponseFraming,
    mut hand_on: impl FnMut(&[u8]) -> Result<(), CommandError>,
) -> Result<(), CommandError> {
    let mut reader = BodyReader::of_response(framing);
    let mut piece = Vec::new();
    loop {
        let progress = reader.read(stream.unread(), &mut piece, &LIMITS).map_err(unreadable)?;
        stream.consume(progress.used);
        if !piece.is_empty() {
            hand_on(&piece)?;
            piece.clear();
        }
        if progress.done {
            return Ok(());
        }
        if stream.read_more()? == Arrival::End {
            return match framing {
                ResponseFraming::UntilClose => Ok(()),
                _ => Err(CommandError::Lost("the server closed the connection inside the body".to_owned())),
            };
        }
    }
}

/// `404 Not Found`, or only the number of a status without a name.
pub fn status_words(status: u16) -> String {
    format!("{status} {}", reason(status)).trim_end().to_owned()
}

fn unreadable(fault: ProtocolError) -> CommandError {
    CommandError::Failed(format!("the server's answer cannot be read: {fault}"))
}

/// What is held at a time is one head or one piece of a body, so a body may be as long as it likes.
const LIMITS: Limits = Limits {
    head_bytes_max: 64 * 1024,
    fields_max: FIELDS_ROOM,
    body_bytes_max: usize::MAX,
    ..Limits::DEFAULT
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::test_server;
    use std::io::Write;
    use std::time::Duration;

    /// Status and body of an answer that comes byte by byte, and then its connection ends.
    fn read(answer: &'static str) -> Result<(u16, String), String> {
        let (address, _server) = test_server::serve(move |mut socket| {
            answer.bytes().for_each(|byte| socket.write_all(&[byte]).unwrap());
        });
        let url = format!("http://{address}/").parse().unwrap();
        let mut stream = Stream::connect(&url, Duration::from_secs(5)).unwrap();
        let head = read_head(&mut stream, false, |head, _| (head.status, head.framing));
        let (status, framing) = head.map_err(|failure| failure.to_string())?;
        let mut body = Vec::new();
        read_body(&mut stream, framing, |piece| body.write_all(piece).map_err(CommandError::Output))
            .map_err(|failure| failure.to_string())?;
        Ok((status, String::from_utf8(body).unwrap()))
    }

    #[track_caller]
    fn check(answer: &'static str, status: u16, body: &str) {
        assert_eq!(read(answer), Ok((status, body.to_owned())), "{answer}");
    }

    #[test]
    fn every_framing_is_read() {
        check("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmilk and more", 200, "milk");
        check("HTTP/1.1 200 OK\r\n\r\nuntil the end", 200, "until the end");
        check(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nmilk\r\n1;a=b\r\n!\r\n0\r\nX: y\r\n\r\n",
            200,
            "milk!",
        );
        check("HTTP/1.1 204 No Content\r\n\r\n", 204, "");
    }

    #[test]
    fn interim_responses_are_passed_over() {
        check(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n\
             HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n",
            201,
            "",
        );
    }

    #[test]
    fn half_an_answer_is_none() {
        let why = |answer| read(answer).unwrap_err();
        assert_eq!(why("HTTP/1.1 200 OK\r\n"), "the server closed the connection without an answer");
        assert_eq!(
            why("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nmilk"),
            "the server closed the connection inside the body"
        );
        assert!(why("SSH-2.0\r\n\r\n").starts_with("the server's answer cannot be read: "));
    }
}
