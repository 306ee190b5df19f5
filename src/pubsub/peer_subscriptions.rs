//! The subscriptions of one peer.
//!
//! ```text
//!   NeedsSnapshot ── snapshot ──▶ Live ── output queue is full ──▶ At(seq) ── changes replayed ──▶ Live
//!         ▲                                                          │ changes no longer retained
//!         └───────────────────────────── gone ───────────────────────┘
//! ```

use crate::api::topic::Deliver;
use crate::model::call::Call;
use crate::pubsub::topics::ChannelId;

/// One subscription of a peer.
#[derive(Clone, Copy, Debug)]
pub struct Subscription {
    pub channel: ChannelId,
    pub deliver: Deliver,
    pub cursor: Cursor,
}

/// How far a subscriber has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cursor {
    /// It has received nothing yet.
    NeedsSnapshot,
    /// It has every change up to this seq, and misses later ones.
    At(u64),
    /// It has every change, and occupies this slot in the list of its channel.
    Live(u32),
}

impl Subscription {
    pub fn is_live(&self) -> bool {
        matches!(self.cursor, Cursor::Live(_))
    }
}

/// Everything that one peer subscribes to, and the call of a long poll. A peer without either owns no memory for it.
#[derive(Default)]
pub struct PeerSubscriptions(Option<Box<Registered>>);

#[derive(Default)]
struct Registered {
    subscriptions: Vec<Subscription>,
    /// A GET whose response is held until there is a change (RFC 6202 §2).
    held: Option<Call<'static>>,
}

impl PeerSubscriptions {
    pub fn all(&self) -> &[Subscription] {
        self.0.as_ref().map_or(&[], |registered| &registered.subscriptions)
    }

    pub fn add(&mut self, subscription: Subscription) {
        self.0.get_or_insert_default().subscriptions.push(subscription);
    }

    /// Replaces the `n`th subscription.
    pub fn set(&mut self, n: usize, subscription: Subscription) {
        self.0.get_or_insert_default().subscriptions[n] = subscription;
    }

    pub fn remove(&mut self, channel: ChannelId) -> Option<Subscription> {
        let subscriptions = &mut self.0.as_mut()?.subscriptions;
        let n = subscriptions.iter().position(|subscription| subscription.channel == channel)?;
        Some(subscriptions.remove(n))
    }

    /// Removes the last subscription. After the last one nothing is left, the held call included.
    pub fn pop(&mut self) -> Option<Subscription> {
        let subscription = self.0.as_mut()?.subscriptions.pop();
        if subscription.is_none() {
            self.0 = None;
        }
        subscription
    }

    /// Moves a live subscriber back to the last change that it has.
    pub fn mark_behind(&mut self, channel: ChannelId, seq: u64) {
        let mut subscriptions = self.0.iter_mut().flat_map(|registered| &mut registered.subscriptions);
        if let Some(subscription) = subscriptions.find(|subscription| subscription.channel == channel) {
            subscription.cursor = Cursor::At(seq);
        }
    }

    pub fn hold(&mut self, call: Call<'static>) {
        self.0.get_or_insert_default().held = Some(call);
    }

    pub fn held_mut(&mut self) -> Option<&mut Call<'static>> {
        self.0.as_mut()?.held.as_mut()
    }
}
