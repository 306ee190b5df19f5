//! The question and the answer.

use crate::error::ApiError;
use crate::model::change::{Conditions, Position};
use crate::model::record::Record;
use std::borrow::Cow;
use std::sync::Arc;

/// What is asked to be done. `Get` is also HTTP's HEAD: what differs is on the wire only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
    Options,
}

impl Method {
    /// Must all calls before it be answered first? Not where the answer is known when it is
    /// settled, and no longer than the call: then several may be under way together. A patch may
    /// be short and its answer long, so one after the other leaves.
    pub fn waits_its_turn(self) -> bool {
        !matches!(self, Method::Post | Method::Put | Method::Delete)
    }
}

/// How the one who asks wants to be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// One answer.
    Answer,
    /// One answer, as soon as it is another than the one known, or after so many seconds.
    Wait(u32),
    /// A WebSocket, where the resource offers one.
    Socket,
    /// Every change from now on, or from an earlier place.
    Follow(Box<Start>),
    /// No further change.
    Unfollow,
}

impl Wish {
    /// Is it about what changes, and not about what is?
    pub fn is_of_changes(&self) -> bool {
        matches!(self, Wish::Follow(_) | Wish::Unfollow)
    }
}

/// Where following is to begin, and how, as it was asked. What is absent may stand in the query.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Start {
    pub since: Option<Box<str>>,
    pub deliver: Option<Box<str>>,
}

/// What is said on a socket after its handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Talk {
    /// The time, once a second. What the peer says is read and dropped.
    Clock,
    /// Every message comes back.
    Echo,
    /// Calls and answers.
    Calls,
}

/// A value can be shown in several ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Representation {
    Json,
    Text,
    Html,
    Xml,
}

impl Representation {
    pub const COUNT: usize = 4;
}

/// One question, asked by either road. It borrows from the bytes it came in where it can.
#[derive(Clone, Debug, PartialEq)]
pub struct Call<'a> {
    pub method: Method,
    /// As sent, still percent-encoded.
    pub path: Cow<'a, str>,
    /// Without the question mark.
    pub query: Cow<'a, str>,
    /// Media type of the body, as sent.
    pub content_type: Option<Cow<'a, str>>,
    pub conditions: Conditions,
    /// As sent. It counts for a POST only.
    pub idempotency_key: Option<Box<str>>,
    pub body: Cow<'a, [u8]>,
    pub wish: Wish,
    pub representation: Representation,
}

impl Call<'_> {
    /// The same call, free of the bytes it came in.
    pub fn into_owned(self) -> Call<'static> {
        Call {
            method: self.method,
            path: Cow::Owned(self.path.into_owned()),
            query: Cow::Owned(self.query.into_owned()),
            content_type: self.content_type.map(|t| Cow::Owned(t.into_owned())),
            conditions: self.conditions,
            idempotency_key: self.idempotency_key,
            body: Cow::Owned(self.body.into_owned()),
            wish: self.wish,
            representation: self.representation,
        }
    }
}

/// What is said to a call.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub status: u16,
    /// Position of the last change to what was asked for.
    pub etag: Option<Position>,
    pub body: Body,
    /// Where this is one page of a list. Boxed, for the usual answer is none.
    pub paging: Option<Box<Paging>>,
}

/// Where a page stands among the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paging {
    /// The value of a Link field (RFC 8288 §3).
    pub link: String,
    /// How many items there are on all pages.
    pub total: usize,
}

/// The value that an answer carries.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    Nothing,
    /// One item.
    Record(Record),
    /// One item just created in the collection of that name, and the words for those who would
    /// rather read a sentence.
    Created {
        record: Record,
        collection: Arc<str>,
        words: &'static str,
        /// An earlier call with the same key has created it, and this one nothing.
        replayed: bool,
    },
    /// Any other JSON value, shared by all who ask for it.
    Json(Arc<[u8]>),
    /// Plain text, which is UTF-8.
    Text(Arc<[u8]>),
    /// A page.
    Html(Arc<[u8]>),
    Xml(Arc<[u8]>),
    /// Text of a media type of its own, as what belongs to the pages: mostly it is built in.
    File {
        media_type: &'static str,
        text: Cow<'static, str>,
    },
    /// Methods that the resource takes.
    Allow(&'static str),
    Refused(Box<ApiError>),
}

impl Answer {
    pub fn new(status: u16, body: Body) -> Answer {
        Answer { status, etag: None, body, paging: None }
    }

    /// Path of what was created, in pieces. None of them needs an escape.
    pub fn location(&self) -> Option<[&str; 4]> {
        match &self.body {
            Body::Created { record, collection, .. } => Some(["/", collection, "/", record.id()]),
            _ => None,
        }
    }
}

impl From<ApiError> for Answer {
    fn from(refusal: ApiError) -> Answer {
        Answer::new(refusal.status(), Body::Refused(Box::new(refusal)))
    }
}

/// Builders for tests.
#[cfg(test)]
impl<'a> Call<'a> {
    /// A call without body and conditions, answered with JSON.
    pub fn new(method: Method, path: &'a str) -> Call<'a> {
        Call {
            method,
            path: path.into(),
            query: Cow::Borrowed(""),
            content_type: None,
            conditions: Conditions::default(),
            idempotency_key: None,
            body: Cow::Borrowed(b""),
            wish: Wish::Answer,
            representation: Representation::Json,
        }
    }

    pub fn get(path: &'a str) -> Call<'a> {
        Call::new(Method::Get, path)
    }

    pub fn query(self, query: &'a str) -> Call<'a> {
        Call { query: query.into(), ..self }
    }

    pub fn body(self, body: &'a str) -> Call<'a> {
        Call { body: body.as_bytes().into(), ..self }
    }

    pub fn wish(self, wish: Wish) -> Call<'a> {
        Call { wish, ..self }
    }
}
