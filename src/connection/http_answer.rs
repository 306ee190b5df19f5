//! Answers and last words as responses: status line, fields, body.

use super::outbox::{Outbox, SHARED_BYTES_MIN};
use crate::exchange::call::{Answer, Body, Representation};
use crate::exchange::change::Position;
use crate::exchange::record::Record;
use crate::exchange::{html, problem, representation, xml};
use crate::fault::Fault;
use crate::http::head::Version;
use crate::http::origin::Crossing;
use crate::http::response::{self, Send, Writer};
use crate::meter;
use crate::refusal::Refusal;
use std::borrow::Cow;
use std::sync::Arc;

/// What must be remembered of a request to answer it.
#[derive(Clone, Debug)]
pub struct Asked {
    pub send: Send,
    pub representation: Representation,
    pub version: Version,
    pub persistent: bool,
    /// Seconds for which it would rather wait than be told what it knows (RFC 7240 §4.3).
    pub waits: u32,
    pub crossing: Crossing,
}

/// Behind the position in the entity tag of each representation: no two of them share a strong tag
/// (RFC 9110 §8.8.1), or a cache would take one for the other.
const MARKS: [(Representation, &str); Representation::COUNT - 1] =
    [(Representation::Text, ".text"), (Representation::Html, ".html"), (Representation::Xml, ".xml")];

/// What stands before the mark of an entity tag, and the representation that it marks. None: no
/// tag of ours.
pub fn represented(opaque: &[u8]) -> Option<(&[u8], Representation)> {
    let Some(dot) = opaque.iter().position(|&byte| byte == b'.') else {
        return Some((opaque, Representation::Json));
    };
    let (position, mark) = opaque.split_at(dot);
    let marked = MARKS.iter().find(|(_, of)| of.as_bytes() == mark);
    marked.map(|&(representation, _)| (position, representation))
}

/// Fields in front of a body: as everyone gets them; and where the origin of who asks counts too.
type BodyFields = [&'static [u8]; 2];

macro_rules! body_fields {
    ($($line:literal)*) => {
        [
            concat!($($line, "\r\n",)* "Vary: Accept\r\n").as_bytes(),
            concat!($($line, "\r\n",)* "Vary: Accept, Origin\r\n").as_bytes(),
        ]
    };
}

const JSON: BodyFields = body_fields!("Content-Type: application/json" "Cache-Control: no-cache");
const TEXT: BodyFields = body_fields!("Content-Type: text/plain; charset=utf-8" "Cache-Control: no-cache");
const XML: BodyFields =
    body_fields!("Content-Type: application/xml" "Cache-Control: no-cache" "X-Content-Type-Options: nosniff");
// A page runs our script and no other, speaks with this server only (`'self'` takes in ws: and wss:),
// and stands in nobody's frame. Whatever markup got into it all the same could do nothing.
const HTML: BodyFields = body_fields!(
    "Content-Type: text/html; charset=utf-8"
    "Cache-Control: no-cache"
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    "X-Content-Type-Options: nosniff"
);
const FILE: BodyFields = body_fields!("Cache-Control: no-cache" "X-Content-Type-Options: nosniff");
const EVENTS: BodyFields = body_fields!("Content-Type: text/event-stream" "Cache-Control: no-cache");
const UNCHANGED: BodyFields = body_fields!("Cache-Control: no-cache");
const PROBLEM_JSON: BodyFields = body_fields!("Content-Type: application/problem+json");
const PROBLEM_XML: BodyFields =
    body_fields!("Content-Type: application/problem+xml" "X-Content-Type-Options: nosniff");

impl Asked {
    fn pick(&self, fields: BodyFields) -> &'static [u8] {
        fields[usize::from(!matches!(self.crossing, Crossing::Unsaid))]
    }
}

/// The head of a stream. It ends where the connection does, so no length is said (RFC 9112 §6.3).
pub fn write_stream_head(asked: &Asked, date: &[u8; 29], outbox: &mut Outbox) {
    meter::answer(200);
    let mut writer = response::begin(200, date, outbox.own());
    writer.raw(b"Connection: close\r\n");
    asked.crossing.write(&mut writer);
    writer.raw(asked.pick(EVENTS));
    writer.end_empty();
}

/// What is said to a call, as a response.
pub fn write_answer(asked: Asked, answer: &Answer, date: &[u8; 29], outbox: &mut Outbox) {
    let asked = &asked;
    meter::answer(answer.status);
    let mut writer = response::begin(answer.status, date, outbox.own());
    match (asked.version, asked.persistent) {
        (_, false) => _ = writer.raw(b"Connection: close\r\n"),
        (Version::Http10, true) => _ = writer.raw(b"Connection: keep-alive\r\n"),
        (Version::Http11, true) => {}
    }
    if let Some(position) = answer.etag {
        writer.quoted("ETag", |out| {
            position.write(out);
            if asked.representation != Representation::Json {
                let mark = MARKS.iter().find(|(of, _)| *of == asked.representation);
                out.extend_from_slice(mark.map_or("", |(_, mark)| mark).as_bytes());
            }
        });
    }
    if asked.waits > 0 {
        writer.pieces("Preference-Applied", ["wait=", itoa::Buffer::new().format(asked.waits)]);
    }
    if let Some(pieces) = answer.location() {
        writer.pieces("Location", pieces);
    }
    if let Body::Created { replayed: true, .. } = &answer.body {
        writer.raw(b"Idempotent-Replayed: true\r\n");
    }
    if let Some(paging) = &answer.paging {
        writer.field("Link", paging.link.as_bytes());
        writer.field("X-Total-Count", paging.total.to_string().as_bytes());
    }
    asked.crossing.write(&mut writer);
    match &answer.body {
        Body::Nothing if answer.status == 304 => {
            writer.raw(asked.pick(UNCHANGED));
            writer.end_empty();
        }
        Body::Nothing => end_without_body(writer, asked),
        Body::Allow(methods) => {
            writer.field("Allow", methods.as_bytes());
            asked.crossing.write_preflight(methods, &mut writer);
            end_without_body(writer, asked);
        }
        Body::Created { words, .. } if asked.representation == Representation::Text => {
            write_with(writer, TEXT, words.as_bytes(), asked);
        }
        Body::Created { record, collection, .. } => {
            write_record(writer, record, Some(collection), answer.etag, asked);
        }
        Body::Record(record) => write_record(writer, record, None, answer.etag, asked),
        Body::Json(text) => share(write_shared(writer, JSON, text, asked), outbox),
        Body::Text(text) => share(write_shared(writer, TEXT, text, asked), outbox),
        Body::Html(text) => share(write_shared(writer, HTML, text, asked), outbox),
        Body::Xml(text) => share(write_shared(writer, XML, text, asked), outbox),
        Body::File { media_type, text } => {
            writer.field("Content-Type", media_type.as_bytes());
            write_with(writer, FILE, text.as_bytes(), asked);
        }
        Body::Refused(refusal) => write_refusal(writer, refusal, asked),
    }
}

/// An answer to a change, or an item that was asked for.
fn write_record(
    writer: Writer,
    record: &Record,
    collection: Option<&str>,
    position: Option<Position>,
    asked: &Asked,
) {
    let json = record.json();
    match asked.representation {
        Representation::Json => write_with(writer, JSON, json.as_bytes(), asked),
        Representation::Text => {
            write_with(writer, TEXT, representation::item_as_line(json).as_bytes(), asked);
        }
        Representation::Html => {
            let page = html::item(collection, json, position);
            write_with(writer, HTML, page.as_bytes(), asked);
        }
        Representation::Xml => write_with(writer, XML, xml::item(json).as_bytes(), asked),
    }
}

/// There is nothing to represent, so Accept did not count.
fn end_without_body(mut writer: Writer, asked: &Asked) {
    if !matches!(asked.crossing, Crossing::Unsaid) {
        writer.raw(b"Vary: Origin\r\n");
    }
    writer.end_empty();
}

fn write_with(mut writer: Writer, fields: BodyFields, body: &[u8], asked: &Asked) {
    writer.raw(asked.pick(fields));
    writer.end_sized(body, asked.send);
}

/// Writes the head, and the body if it is short; a long one is to be shared, not copied.
fn write_shared(
    mut writer: Writer,
    fields: BodyFields,
    body: &Arc<[u8]>,
    asked: &Asked,
) -> Option<Arc<[u8]>> {
    if body.len() < SHARED_BYTES_MIN || asked.send == Send::HeadOnly {
        write_with(writer, fields, body, asked);
        return None;
    }
    writer.raw(asked.pick(fields));
    writer.end_before_body(body.len());
    Some(body.clone())
}

fn share(body: Option<Arc<[u8]>>, outbox: &mut Outbox) {
    if let Some(body) = body {
        outbox.share(body);
    }
}

fn write_refusal(mut writer: Writer, refusal: &Refusal, asked: &Asked) {
    match refusal {
        Refusal::MethodNotAllowed { allow } => _ = writer.field("Allow", allow.as_bytes()),
        Refusal::MediaTypeUnsupported { accept } => _ = writer.field("Accept", accept.as_bytes()),
        Refusal::ContentCodingUnsupported => _ = writer.raw(b"Accept-Encoding: identity\r\n"),
        Refusal::PatchMediaTypeUnsupported { accept } => _ = writer.field("Accept-Patch", accept.as_bytes()),
        Refusal::Busy | Refusal::StoreBehind => _ = writer.raw(b"Retry-After: 1\r\n"),
        // RFC 9110 §15.5.22: a 426 says what to upgrade to.
        Refusal::WebSocketVersion => {
            // Upgrade is always named by Connection (§7.8), also beside `close`.
            writer.raw(b"Sec-WebSocket-Version: 13\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n");
        }
        _ => {}
    }
    let problem = || problem::of_refusal(refusal, response::reason(refusal.status()));
    let (fields, text) = match asked.representation {
        Representation::Json => (PROBLEM_JSON, problem().to_string().into()),
        Representation::Text => (TEXT, refusal.detail()),
        Representation::Html => (HTML, html::problem(&problem()).into()),
        Representation::Xml => (PROBLEM_XML, Cow::<str>::from(xml::problem(&problem()))),
    };
    write_with(writer, fields, text.as_bytes(), asked);
}

/// The last response of a connection whose request could not be read: nobody knows how it was
/// wanted, so it is a problem object.
pub fn write_fault(fault: Fault, send: Send, date: &[u8; 29], outbox: &mut Outbox) {
    let status = fault.verdict().status;
    let problem = problem::of_status(status, response::reason(status), &fault.to_string());
    meter::answer(status);
    let mut writer = response::begin(status, date, outbox.own());
    writer.raw(b"Connection: close\r\n");
    writer.raw(PROBLEM_JSON[0]);
    writer.end_sized(problem.to_string().as_bytes(), send);
}
