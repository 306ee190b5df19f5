//! A course put together piece by piece, for tables that are not of the [`ways`].
//!
//! ```text
//!   Recipe::new(url, What::Get).every(10).on(8)     GET, a new connection after each tenth, by eight callers
//! ```

use crate::client::handshake::CompressionOffer;
use crate::client::url::Url;
use crate::compare::headers::{ACCEPT_GZIP, Extra};
use crate::compare::workloads::call_plan::{Lasts, Plan, Road};
use crate::compare::workloads::ways::Way;
use crate::compare::workloads::workload::{self, Workload};
use crate::error::CommandError;

/// What is asked.
#[derive(Clone, Debug)]
pub enum What {
    Get,
    /// The same, gzip accepted.
    GetGzip,
    /// Whether it still has this tag: it has (304).
    IfChanged(String),
    /// A GET as JSON-RPC over a WebSocket.
    Call,
    /// The same, compression offered.
    DeflatedCall,
    /// A message of so many bytes, to have it back.
    Echo(usize),
    /// Nothing: a message comes every second.
    Clock,
}

/// One caller on one connection that is kept, and one call at a time, unless something else is said.
#[derive(Clone, Debug)]
pub struct Recipe {
    url: Url,
    what: What,
    extra: Extra,
    lasts: Lasts,
    callers: usize,
    at_once: usize,
}

impl Recipe {
    pub fn new(url: &Url, what: What) -> Recipe {
        Recipe { url: url.clone(), what, extra: Extra::new(), lasts: Lasts::All, callers: 1, at_once: 1 }
    }

    /// Fields beside Host.
    pub fn with(self, extra: &Extra) -> Recipe {
        Recipe { extra: extra.clone(), ..self }
    }

    /// A new connection after so many calls.
    pub fn every(self, calls: u32) -> Recipe {
        Recipe { lasts: if calls == 1 { Lasts::OneCall } else { Lasts::Calls(calls) }, ..self }
    }

    /// On so many connections, with a thread each.
    pub fn on(self, callers: usize) -> Recipe {
        Recipe { callers, ..self }
    }

    /// So many calls without waiting for an answer.
    pub fn at_once(self, calls: usize) -> Recipe {
        Recipe { at_once: calls, ..self }
    }

    pub fn course(self) -> Result<Workload, CommandError> {
        let Recipe { url, what, extra, lasts, callers, at_once } = self;
        let expected = if matches!(what, What::IfChanged(_)) { 304 } else { 200 };
        let calls = |offered| {
            Ok::<_, CommandError>(Road::Socket { texts: workload::encode_calls(&url, at_once)?, offered })
        };
        let (way, road) = match what {
            What::Get => (Way::Kept, Road::Http(workload::encode_request(&url, &[], &extra))),
            What::GetGzip => {
                (Way::KeptGzip, Road::Http(workload::encode_request(&url, &[ACCEPT_GZIP], &extra)))
            }
            What::IfChanged(tag) => {
                let line = format!("If-None-Match: {tag}");
                (Way::Conditional, Road::Http(workload::encode_request(&url, &[&line], &extra)))
            }
            What::Call => (Way::Socket, calls(CompressionOffer::None)?),
            What::DeflatedCall => (Way::SocketDeflated, calls(CompressionOffer::PermessageDeflate)?),
            What::Echo(bytes) => (Way::Socket, Road::Echo { text: "x".repeat(bytes) }),
            What::Clock => (Way::Socket, Road::Clock),
        };
        let plan = Plan { url, road, lasts, expected, extra };
        Ok(Workload { way, plan, callers, calls_in_one_write: at_once })
    }
}
