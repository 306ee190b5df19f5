//! Answers and last words as responses: status line, fields, body.

use super::outbox::{Outbox, SHARED_BYTES_MIN};
use crate::exchange::call::{Answer, Body, Representation};
use crate::exchange::{problem, representation};
use crate::fault::Fault;
use crate::http::head::Version;
use crate::http::response::{self, Send, Writer};
use crate::refusal::Refusal;
use std::sync::Arc;

/// What must be remembered of a request to answer it.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    pub send: Send,
    pub representation: Representation,
    pub version: Version,
    pub persistent: bool,
    /// Seconds for which it would rather wait than be told what it knows (RFC 7240 §4.3).
    pub waits: u32,
}

/// Behind the position in the entity tag of the plain text: two representations never share a
/// strong tag (RFC 9110 §8.8.1), or a cache would take one for the other.
pub const TEXT_MARK: &[u8] = b".text";

const JSON_FIELDS: &[u8] = b"Content-Type: application/json\r\nCache-Control: no-cache\r\nVary: Accept\r\n";
const TEXT_FIELDS: &[u8] =
    b"Content-Type: text/plain; charset=utf-8\r\nCache-Control: no-cache\r\nVary: Accept\r\n";
const PROBLEM_FIELDS: &[u8] = b"Content-Type: application/problem+json\r\nVary: Accept\r\n";

/// What is said to a call, as a response.
pub fn write_answer(asked: Asked, answer: &Answer, date: &[u8; 29], outbox: &mut Outbox) {
    let mut writer = response::begin(answer.status, date, outbox.own());
    match (asked.version, asked.persistent) {
        (_, false) => _ = writer.raw(b"Connection: close\r\n"),
        (Version::Http10, true) => _ = writer.raw(b"Connection: keep-alive\r\n"),
        (Version::Http11, true) => {}
    }
    if let Some(position) = answer.etag {
        writer.quoted("ETag", |out| {
            position.write(out);
            if asked.representation == Representation::Text {
                out.extend_from_slice(TEXT_MARK);
            }
        });
    }
    if asked.waits > 0 {
        writer.pieces("Preference-Applied", ["wait=", itoa::Buffer::new().format(asked.waits)]);
    }
    if let Some(pieces) = answer.location() {
        writer.pieces("Location", pieces);
    }
    if let Some(paging) = &answer.paging {
        writer.field("Link", paging.link.as_bytes());
        writer.field("X-Total-Count", paging.total.to_string().as_bytes());
    }
    let text = asked.representation == Representation::Text;
    match &answer.body {
        Body::Nothing if answer.status == 304 => {
            writer.raw(b"Cache-Control: no-cache\r\nVary: Accept\r\n");
            writer.end_empty();
        }
        Body::Nothing => writer.end_empty(),
        Body::Allow(methods) => {
            writer.field("Allow", methods.as_bytes());
            writer.end_empty();
        }
        Body::Record(record) if text => {
            let line = representation::item_as_line(record.json());
            write_with(writer, TEXT_FIELDS, line.as_bytes(), asked);
        }
        Body::Created { words, .. } if text => write_with(writer, TEXT_FIELDS, words.as_bytes(), asked),
        Body::Record(record) | Body::Created { record, .. } => {
            write_with(writer, JSON_FIELDS, record.json().as_bytes(), asked);
        }
        Body::Json(json) => {
            write_shared(writer, JSON_FIELDS, json, asked).map_or((), |json| outbox.share(json))
        }
        Body::Text(text) => {
            write_shared(writer, TEXT_FIELDS, text, asked).map_or((), |text| outbox.share(text))
        }
        Body::Refused(refusal) => write_refusal(writer, refusal, asked),
    }
}

fn write_with(mut writer: Writer, fields: &[u8], body: &[u8], asked: Asked) {
    writer.raw(fields);
    writer.end_sized(body, asked.send);
}

/// Writes the head, and the body if it is short; a long one is to be shared, not copied.
fn write_shared(mut writer: Writer, fields: &[u8], body: &Arc<[u8]>, asked: Asked) -> Option<Arc<[u8]>> {
    if body.len() < SHARED_BYTES_MIN || asked.send == Send::HeadOnly {
        write_with(writer, fields, body, asked);
        return None;
    }
    writer.raw(fields);
    writer.end_before_body(body.len());
    Some(body.clone())
}

fn write_refusal(mut writer: Writer, refusal: &Refusal, asked: Asked) {
    match refusal {
        Refusal::MethodNotAllowed { allow } => _ = writer.field("Allow", allow.as_bytes()),
        Refusal::MediaTypeUnsupported { accept } => _ = writer.field("Accept", accept.as_bytes()),
        Refusal::ContentCodingUnsupported => _ = writer.raw(b"Accept-Encoding: identity\r\n"),
        Refusal::PatchMediaTypeUnsupported { accept } => _ = writer.field("Accept-Patch", accept.as_bytes()),
        Refusal::Busy => _ = writer.raw(b"Retry-After: 1\r\n"),
        // RFC 9110 §15.5.22: a 426 says what to upgrade to.
        Refusal::WebSocketVersion => {
            // Upgrade is always named by Connection (§7.8), also beside `close`.
            writer.raw(b"Sec-WebSocket-Version: 13\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n");
        }
        _ => {}
    }
    match asked.representation {
        Representation::Json => {
            let problem = problem::of_refusal(refusal, response::reason(refusal.status()));
            write_with(writer, PROBLEM_FIELDS, problem.to_string().as_bytes(), asked);
        }
        Representation::Text => write_with(writer, TEXT_FIELDS, refusal.detail().as_bytes(), asked),
    }
}

/// The last response of a connection whose request could not be read: nobody knows how it was
/// wanted, so it is a problem object.
pub fn write_fault(fault: Fault, send: Send, date: &[u8; 29], outbox: &mut Outbox) {
    let status = fault.verdict().status;
    let problem = problem::of_status(status, response::reason(status), &fault.to_string());
    let mut writer = response::begin(status, date, outbox.own());
    writer.raw(b"Connection: close\r\n");
    writer.raw(PROBLEM_FIELDS);
    writer.end_sized(problem.to_string().as_bytes(), send);
}
