//! How far the request that is read next has come.

use crate::connection::http_response::Asked;
use crate::connection::request_reader::Question;
use crate::http::body::BodyReader;

#[derive(Debug)]
pub enum RequestState {
    Head { searched: usize },
    Body(Box<RequestInProgress>),
    Blocked(Box<(Question<'static>, Asked)>),
    Ended,
}

#[derive(Debug)]
pub struct RequestInProgress {
    pub question: Question<'static>,
    pub asked: Asked,
    pub reader: BodyReader,
    pub body: Vec<u8>,
    /// The peer waits for a 100 (Continue), which stands behind the answers owed before.
    pub invites: bool,
}

impl Default for RequestState {
    fn default() -> RequestState {
        RequestState::Head { searched: 0 }
    }
}
