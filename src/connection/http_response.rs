//! Answers and last words as responses: status line, fields, body.

use crate::config::CompressionConfig;
use crate::connection::outbox::{Outbox, SHARED_BYTES_MIN};
use crate::connection::turn_context::TurnContext;
use crate::error::ApiError;
use crate::error::ProtocolError;
use crate::http::content_coding;
use crate::http::cors::Crossing;
use crate::http::head::RequestHead;
use crate::http::response::{self, Send, Writer};
use crate::http::version::Version;
use crate::model::call::{Answer, Body, Representation};
use crate::model::change::{GZIP_MARK, Position};
use crate::model::problem;
use crate::model::record::Record;
use crate::render::html;
use crate::render::text;
use crate::render::xml;
use std::borrow::Cow;
use std::sync::Arc;

/// What must be remembered of a request to answer it.
#[derive(Clone, Debug)]
pub struct Asked {
    pub send: Send,
    pub representation: Representation,
    pub version: Version,
    pub persistent: bool,
    pub coding: Coding,
    /// Seconds for which it would rather wait than be told what it knows (RFC 7240 §4.3).
    pub waits: u32,
    pub crossing: Crossing,
}

/// How the body of a read may travel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Coding {
    /// It is no read, or nothing is compressed here.
    NotAsked,
    Identity,
    /// As gzip; and the client says that it has it as gzip at these positions.
    Gzip {
        held: Vec<Position>,
    },
}

/// Behind the position in the entity tag of each representation: no two of them share a strong tag
/// (RFC 9110 §8.8.1), or a cache would take one for the other.
const MARKS: [(Representation, &str); Representation::COUNT - 1] =
    [(Representation::Text, ".text"), (Representation::Html, ".html"), (Representation::Xml, ".xml")];

/// What an entity tag of ours says.
pub struct Marked<'b> {
    /// As text.
    pub position: &'b [u8],
    pub representation: Representation,
    pub is_coded: bool,
}

/// None: no tag of ours.
pub fn read_tag(opaque: &[u8]) -> Option<Marked<'_>> {
    let (opaque, is_coded) = match opaque.strip_suffix(GZIP_MARK.as_bytes()) {
        Some(before) => (before, true),
        None => (opaque, false),
    };
    let Some(dot) = opaque.iter().position(|&byte| byte == b'.') else {
        return Some(Marked { position: opaque, representation: Representation::Json, is_coded });
    };
    let (position, mark) = opaque.split_at(dot);
    let &(representation, _) = MARKS.iter().find(|(_, of)| of.as_bytes() == mark)?;
    Some(Marked { position, representation, is_coded })
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
    /// What the head says of it before it is known what is asked.
    #[inline]
    pub fn new(head: &RequestHead, crossing: Crossing) -> Asked {
        Asked {
            send: if head.method == "HEAD" { Send::HeadOnly } else { Send::HeadAndBody },
            representation: Representation::Json,
            version: head.version,
            persistent: head.persistent,
            coding: Coding::NotAsked,
            waits: 0,
            crossing,
        }
    }

    fn pick(&self, fields: BodyFields) -> &'static [u8] {
        fields[usize::from(!matches!(self.crossing, Crossing::Unsaid))]
    }
}

/// The head of a stream. It ends where the connection does, so no length is said (RFC 9112 §6.3).
pub fn write_stream_head(asked: &Asked, turn: &mut TurnContext, outbox: &mut Outbox) {
    turn.metrics.count_answer(200);
    let mut writer = response::begin(200, &turn.date, outbox.own());
    writer.raw(b"Connection: close\r\n");
    asked.crossing.write(&mut writer);
    writer.raw(asked.pick(EVENTS));
    writer.end_empty();
}

/// What is said to a call, as a response.
pub fn write_answer(asked: Asked, answer: &Answer, turn: &mut TurnContext, outbox: &mut Outbox) {
    let asked = &asked;
    turn.metrics.count_answer(answer.status);
    let content = Content::of(answer, asked);
    let coded = match (&content, &asked.coding) {
        (Some(content), Coding::Gzip { .. }) => content.coded(turn),
        _ => None,
    };
    let is_coded = match &asked.coding {
        Coding::Gzip { held } if answer.status == 304 => answer.etag.is_some_and(|now| held.contains(&now)),
        _ => coded.is_some(),
    };
    let mut writer = response::begin(answer.status, &turn.date, outbox.own());
    match (asked.version, asked.persistent) {
        (_, false) => _ = writer.raw(b"Connection: close\r\n"),
        (Version::Http10, true) => _ = writer.raw(b"Connection: keep-alive\r\n"),
        (Version::Http11, true) => {}
    }
    if let Some(position) = answer.etag {
        writer.quoted("ETag", |out| write_tag(position, asked.representation, is_coded, out));
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
    if let Some(content) = content {
        let rest = write_content(writer, content, coded, asked, turn.compression);
        return rest.into_iter().for_each(|rest| outbox.share(rest));
    }
    match &answer.body {
        Body::Allow(methods) => {
            writer.field("Allow", methods.as_bytes());
            asked.crossing.write_preflight(methods, &mut writer);
            end_without_body(writer, asked);
        }
        Body::Refused(refusal) => write_refusal(writer, refusal, asked),
        _ if answer.status == 304 => {
            writer.raw(asked.pick(UNCHANGED));
            if matches!(asked.coding, Coding::Gzip { .. }) {
                writer.raw(VARIES_BY_CODING);
            }
            writer.end_empty();
        }
        _ => end_without_body(writer, asked),
    }
}

fn write_tag(position: Position, representation: Representation, is_coded: bool, out: &mut Vec<u8>) {
    position.write(out);
    if representation != Representation::Json {
        let mark = MARKS.iter().find(|(of, _)| *of == representation);
        out.extend_from_slice(mark.map_or("", |(_, mark)| mark).as_bytes());
    }
    if is_coded {
        out.extend_from_slice(GZIP_MARK.as_bytes());
    }
}

/// A body, and the fields in front of it.
struct Content<'a> {
    /// Where it is not among the fields.
    media_type: Option<&'static str>,
    fields: BodyFields,
    text: Text<'a>,
}

enum Text<'a> {
    Own(Cow<'a, [u8]>),
    /// Others may ask for it, too.
    Shared(&'a Arc<[u8]>),
}

impl<'a> Content<'a> {
    /// What answers well, in the representation that was asked for.
    #[inline]
    fn of(answer: &'a Answer, asked: &Asked) -> Option<Content<'a>> {
        let shared = |fields, text| Content { media_type: None, fields, text: Text::Shared(text) };
        Some(match &answer.body {
            Body::Nothing | Body::Allow(_) | Body::Refused(_) => return None,
            Body::Created { words, .. } if asked.representation == Representation::Text => {
                Content::own(TEXT, words.as_bytes())
            }
            Body::Created { record, collection, .. } => {
                Content::item(record, Some(collection), answer.etag, asked)
            }
            Body::Record(record) => Content::item(record, None, answer.etag, asked),
            Body::Json(text) => shared(JSON, text),
            Body::Text(text) => shared(TEXT, text),
            Body::Html(text) => shared(HTML, text),
            Body::Xml(text) => shared(XML, text),
            Body::File { media_type, text } => {
                Content { media_type: Some(media_type), ..Content::own(FILE, text.as_bytes()) }
            }
        })
    }

    #[inline]
    fn own(fields: BodyFields, text: impl Into<Cow<'a, [u8]>>) -> Content<'a> {
        Content { media_type: None, fields, text: Text::Own(text.into()) }
    }

    /// An answer to a change, or an item that was asked for.
    #[inline]
    fn item(
        record: &'a Record,
        collection: Option<&str>,
        position: Option<Position>,
        asked: &Asked,
    ) -> Content<'a> {
        let json = record.json();
        match asked.representation {
            Representation::Json => Content::own(JSON, json.as_bytes()),
            Representation::Text => Content::own(TEXT, text::item_as_line(json).into_bytes()),
            Representation::Html => Content::own(HTML, html::item(collection, json, position).into_bytes()),
            Representation::Xml => Content::own(XML, xml::item(json).into_bytes()),
        }
    }

    fn bytes(&self) -> &[u8] {
        match &self.text {
            Text::Own(text) => text,
            Text::Shared(text) => text,
        }
    }

    /// As gzip, where it is worth it.
    fn coded(&self, turn: &mut TurnContext) -> Option<Arc<[u8]>> {
        let TurnContext { compression, codecs, .. } = turn;
        match &self.text {
            Text::Own(text) => codecs.gzip.gzip(text, compression).map(Into::into),
            Text::Shared(text) => codecs.gzip.gzip_cached(text, compression),
        }
    }
}

/// Writes the head, and the body if it is short; a long one is to be shared, not copied.
#[inline]
fn write_content(
    mut writer: Writer,
    content: Content,
    coded: Option<Arc<[u8]>>,
    asked: &Asked,
    compression: &CompressionConfig,
) -> Option<Arc<[u8]>> {
    if let Some(media_type) = content.media_type {
        writer.field("Content-Type", media_type.as_bytes());
    }
    writer.raw(asked.pick(content.fields));
    if asked.coding != Coding::NotAsked && content_coding::is_worth(content.bytes().len(), compression) {
        writer.raw(VARIES_BY_CODING);
    }
    let shared = match (&coded, &content.text) {
        (Some(coded), _) => {
            writer.raw(b"Content-Encoding: gzip\r\n");
            coded
        }
        (None, Text::Shared(text)) => text,
        (None, Text::Own(text)) => {
            writer.end_sized(text, asked.send);
            return None;
        }
    };
    if shared.len() < SHARED_BYTES_MIN || asked.send == Send::HeadOnly {
        writer.end_sized(shared, asked.send);
        return None;
    }
    writer.end_before_body(shared.len());
    Some(shared.clone())
}

/// Only where a body is long enough to be coded.
const VARIES_BY_CODING: &[u8] = b"Vary: Accept-Encoding\r\n";

/// There is nothing to represent, so Accept did not count.
fn end_without_body(mut writer: Writer, asked: &Asked) {
    if !matches!(asked.crossing, Crossing::Unsaid) {
        writer.raw(b"Vary: Origin\r\n");
    }
    writer.end_empty();
}

fn write_refusal(mut writer: Writer, refusal: &ApiError, asked: &Asked) {
    match refusal {
        ApiError::MethodNotAllowed { allow } => _ = writer.field("Allow", allow.as_bytes()),
        ApiError::MediaTypeUnsupported { accept } => _ = writer.field("Accept", accept.as_bytes()),
        ApiError::ContentCodingUnsupported => _ = writer.raw(b"Accept-Encoding: identity\r\n"),
        ApiError::PatchMediaTypeUnsupported { accept } => _ = writer.field("Accept-Patch", accept.as_bytes()),
        ApiError::Busy | ApiError::StoreBehind => _ = writer.raw(b"Retry-After: 1\r\n"),
        // RFC 9110 §15.5.22: a 426 says what to upgrade to.
        ApiError::WebSocketVersion => {
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
    writer.raw(asked.pick(fields));
    writer.end_sized(text.as_bytes(), asked.send);
}

/// The last response of a connection whose request could not be read: nobody knows how it was
/// wanted, so it is a problem object.
pub fn write_fault(fault: ProtocolError, send: Send, turn: &mut TurnContext, outbox: &mut Outbox) {
    let status = fault.codes().status;
    let problem = problem::of_status(status, response::reason(status), &fault.to_string());
    turn.metrics.count_answer(status);
    let mut writer = response::begin(status, &turn.date, outbox.own());
    writer.raw(b"Connection: close\r\n");
    writer.raw(PROBLEM_JSON[0]);
    writer.end_sized(problem.to_string().as_bytes(), send);
}
