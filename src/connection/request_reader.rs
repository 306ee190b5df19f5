//! What the head of a request asks: a call of the resources, a stream or a socket; or why it is refused before
//! anyone looks at a resource.

use crate::config::{CompressionConfig, OnOff};
use crate::connection::http_response::{Asked, Coding, Marked, read_tag};
use crate::connection::turn_context::TurnContext;
use crate::error::ApiError;
use crate::error::ProtocolError;
use crate::http::cookie;
use crate::http::cors::{Caller, Deed};
use crate::http::entity_tag;
use crate::http::framing::Framing;
use crate::http::head::RequestHead;
use crate::http::headers::{Fields, Known};
use crate::http::negotiation;
use crate::metrics::browsers::{self, BrowserId};
use crate::model::call::{Call, Method, Representation, Start, Wish};
use crate::model::change::{Conditions, Position, Tags};
use crate::model::json_rpc;
use crate::websocket::handshake::{self, Handshake};
use crate::websocket::permessage_deflate::Agreement;
use std::borrow::Cow;

/// A request, understood; or already known to be refused, once its body is read.
#[derive(Debug)]
pub enum Question<'a> {
    Call(Call<'a>),
    Refused(ApiError),
}

/// What the 101 of a handshake says.
#[derive(Clone, Debug)]
pub struct ServerHandshake {
    pub key: [u8; 24],
    pub calls: bool,
    pub compression: Option<Agreement>,
}

impl<'a> Question<'a> {
    /// A page may not do everything.
    #[inline]
    pub fn is_forbidden(&self, caller: Caller) -> bool {
        matches!(self, Question::Call(call) if !caller.may(deed(call)))
    }

    pub fn with_body(mut self, body: Cow<'a, [u8]>) -> Question<'a> {
        if let Question::Call(call) = &mut self {
            call.body = body;
        }
        self
    }

    pub fn into_owned(self) -> Question<'static> {
        match self {
            Question::Call(call) => Question::Call(call.into_owned()),
            Question::Refused(refusal) => Question::Refused(refusal),
        }
    }
}

/// What that head asks, apart from its body; and how it wants to be answered.
#[inline]
pub fn read<'b>(
    head: &RequestHead<'_, 'b>,
    turn: &TurnContext,
    asked: &mut Asked,
    offer: &mut Option<Box<ServerHandshake>>,
) -> Result<Question<'b>, ProtocolError> {
    let fields = &head.fields;
    let mut wish = Wish::Answer;
    if fields.has(Known::Accept) {
        let mut lines = fields.all(Known::Accept);
        let chosen = match (lines.next(), lines.next()) {
            // What most say needs no weighing.
            (Some(b"*/*" | b"application/json"), None) => Some(0),
            _ => negotiation::choose(fields.all(Known::Accept), &OFFERS),
        };
        match chosen {
            Some(EVENTS) if matches!(head.method, "GET" | "HEAD") => {
                let since = fields.first(Known::LastEventId).and_then(|id| str::from_utf8(id).ok());
                let start = Start { since: since.map(Into::into), deliver: None };
                wish = Wish::Follow(Box::new(start));
            }
            Some(offer) if offer != EVENTS => asked.representation = OFFERED[offer],
            _ => return Ok(Question::Refused(ApiError::NotAcceptable)),
        }
    }
    let Some(method) = method(head.method) else {
        return Ok(Question::Refused(ApiError::MethodUnknown));
    };
    if method == Method::Get {
        asked.coding = coding(fields, asked.representation, turn.compression);
    }
    if let Some(refusal) = unfit_content(method, fields) {
        return Ok(Question::Refused(refusal));
    }
    let Some(conditions) = conditions(method, asked, fields) else {
        return Ok(Question::Refused(ApiError::ConditionMalformed));
    };
    let idempotency_key = if method == Method::Post && fields.has(Known::IdempotencyKey) {
        let Some(key) = only_text(fields, Known::IdempotencyKey) else {
            return Ok(Question::Refused(ApiError::IdempotencyKeyMalformed));
        };
        Some(key.into())
    } else {
        None
    };
    if wish == Wish::Answer
        && fields.has(Known::Prefer)
        && method == Method::Get
        && conditions.if_none_match.is_some()
        && let Some(seconds) = negotiation::preferred_wait(fields.all(Known::Prefer))
    {
        asked.waits = seconds.min(turn.timeouts.hold.as_secs().try_into().unwrap_or(u32::MAX));
        wish = Wish::Wait(asked.waits);
    }
    if fields.has(Known::Upgrade) {
        match handshake::read(head) {
            Handshake::NotAsked => {}
            Handshake::Malformed { why } => {
                return Ok(Question::Refused(ApiError::HandshakeMalformed { why }));
            }
            Handshake::WrongVersion => return Ok(Question::Refused(ApiError::WebSocketVersion)),
            Handshake::Offered(_) if !matches!(head.framing, Framing::None | Framing::Sized(0)) => {
                return Err(ProtocolError::UpgradeWithBody);
            }
            Handshake::Offered(offered) => {
                wish = Wish::Socket;
                let mut key = [0; 24];
                key.copy_from_slice(offered.key);
                *offer = Some(Box::new(ServerHandshake {
                    key,
                    calls: offered.offers_subprotocol(json_rpc::SUBPROTOCOL),
                    compression: Agreement::choose(offered.extensions(), turn.compression),
                }));
            }
        }
    }
    let content_type =
        fields.first(Known::ContentType).map(|value| std::str::from_utf8(value).unwrap_or("unreadable"));
    let call = Call {
        method,
        path: Cow::Borrowed(head.path),
        query: Cow::Borrowed(head.query),
        content_type: content_type.map(Cow::Borrowed),
        conditions,
        idempotency_key,
        body: Cow::Borrowed(b""),
        wish,
        representation: asked.representation,
    };
    Ok(Question::Call(call))
}

/// Most heads have no cookie, and that is known already.
pub fn visitor(fields: Fields) -> Option<BrowserId> {
    fields
        .has(Known::Cookie)
        .then(|| cookie::value(fields, browsers::COOKIE).and_then(BrowserId::parse))
        .flatten()
}

/// Media types that Accept may name, best first, and what is meant by each.
const OFFERS: [&str; 6] =
    ["application/json", "text/plain", "text/html", "application/xml", "text/xml", "text/event-stream"];
/// Not a state, but what changes.
const EVENTS: usize = 5;
const OFFERED: [Representation; EVENTS] = [
    Representation::Json,
    Representation::Text,
    Representation::Html,
    Representation::Xml,
    Representation::Xml,
];

/// Only reads are coded: what answers a change is short, and its tag is kept for the next one.
#[inline]
fn coding(fields: &Fields, wanted: Representation, compression: &CompressionConfig) -> Coding {
    if compression.switch == OnOff::Off {
        return Coding::NotAsked;
    }
    if !fields.has(Known::AcceptEncoding) || !negotiation::takes_gzip(fields.all(Known::AcceptEncoding)) {
        return Coding::Identity;
    }
    Coding::Gzip { held: held(fields, wanted) }
}

/// Positions of which the client says that it has them as gzip.
fn held(fields: &Fields, wanted: Representation) -> Vec<Position> {
    let Some(entity_tag::Tags::List(list)) = entity_tag::parse(fields.all(Known::IfNoneMatch)) else {
        return Vec::new();
    };
    let coded = list.iter().filter_map(|tag| read_tag(tag.opaque));
    let coded = coded.filter(|marked| marked.is_coded && marked.representation == wanted);
    coded.filter_map(|marked| position(marked.position)).collect()
}

/// None: it is none of ours.
fn position(text: &[u8]) -> Option<Position> {
    str::from_utf8(text).ok()?.parse().ok()
}

/// What a page must be allowed to do for this to be done.
fn deed(call: &Call) -> Deed {
    match (call.method, &call.wish) {
        (Method::Post | Method::Put | Method::Patch | Method::Delete, _) => Deed::Change,
        (Method::Get | Method::Options, Wish::Answer) => Deed::Read,
        (Method::Get | Method::Options, _) => Deed::Follow,
    }
}

/// Methods are case-sensitive (RFC 9110 §9.1). HEAD is a GET whose answer is cut short.
fn method(name: &str) -> Option<Method> {
    Some(match name {
        "GET" | "HEAD" => Method::Get,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "PATCH" => Method::Patch,
        "DELETE" => Method::Delete,
        "OPTIONS" => Method::Options,
        _ => return None,
    })
}

/// What the head alone says against a body: a coding that is not undone here (RFC 9110 §8.4), or
/// that it is a part (§14.5).
fn unfit_content(method: Method, fields: &Fields) -> Option<ApiError> {
    if fields.has(Known::ContentEncoding)
        && matches!(method, Method::Post | Method::Put | Method::Patch)
        && !fields.list(Known::ContentEncoding).all(|coding| coding.eq_ignore_ascii_case(b"identity"))
    {
        return Some(ApiError::ContentCodingUnsupported);
    }
    (fields.has(Known::ContentRange) && method == Method::Put).then_some(ApiError::PartialPut)
}

/// None: it is there more than once, or is not UTF-8.
fn only_text<'b>(fields: &Fields<'_, 'b>, known: Known) -> Option<&'b str> {
    let mut lines = fields.all(known);
    let (first, second) = (lines.next()?, lines.next());
    if second.is_some() { None } else { str::from_utf8(first).ok() }
}

/// None: one of the two is malformed.
fn conditions(method: Method, asked: &Asked, fields: &Fields) -> Option<Conditions> {
    let mut conditions = Conditions::default();
    // They are about representations, of which OPTIONS selects none (RFC 9110 §13.2.1).
    if method == Method::Options {
        return Some(conditions);
    }
    // A GET is about the representation it selects; a write about the item, whichever was seen.
    let wanted = (method == Method::Get).then_some(asked);
    // If-Match compares strongly, so a weak tag matches nothing there (RFC 9110 §13.1.1).
    if fields.has(Known::IfMatch) {
        conditions.if_match = Some(tags(fields, Known::IfMatch, wanted, |tag| !tag.weak)?);
    }
    if fields.has(Known::IfNoneMatch) {
        conditions.if_none_match = Some(tags(fields, Known::IfNoneMatch, wanted, |_| true)?);
    }
    Some(conditions)
}

fn tags(
    fields: &Fields,
    known: Known,
    wanted: Option<&Asked>,
    counts: impl Fn(&entity_tag::Tag) -> bool,
) -> Option<Box<Tags>> {
    let meant = |tag: &entity_tag::Tag| {
        let Marked { position: text, representation, is_coded } = read_tag(tag.opaque)?;
        let is_meant = wanted.is_none_or(|wanted| {
            wanted.representation == representation
                && (!is_coded || matches!(wanted.coding, Coding::Gzip { .. }))
        });
        is_meant.then(|| position(text)).flatten()
    };
    Some(Box::new(match entity_tag::parse(fields.all(known))? {
        entity_tag::Tags::Any => Tags::Any,
        entity_tag::Tags::List(list) => {
            Tags::List(list.iter().filter(|tag| counts(tag)).filter_map(meant).collect())
        }
    }))
}
