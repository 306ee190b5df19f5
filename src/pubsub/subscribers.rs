//! The subscribers of one loop: what they have received, and what they are sent next.
//!
//! A live subscriber costs one write of bytes that all live subscribers of its channel share. For one that does not
//! read, nothing is queued beyond a limit: it falls behind, and later resumes from its own cursor like a client that
//! disconnected and came back. A new subscriber starts behind, too. So there is one way to catch up, and no gap.

use crate::api::read_context::ReadCache;
use crate::api::topic::{Deliver, Follow, From, Interest};
use crate::connection::Connection;
use crate::connection::broadcast::{Broadcast, Form};
use crate::connection::turn_context::TurnContext;
use crate::error::ApiError;
use crate::metrics::loop_metrics::Metrics;
use crate::metrics::totals::MetricId;
use crate::model::change::{Change, Op, Position};
use crate::model::notification::{self, About};
use crate::model::record::Record;
use crate::pubsub::catch_up::{CatchUp, event_id, replay, snapshot};
use crate::pubsub::delivery_mode::{DeliveryMode, deliveries};
use crate::pubsub::peer_subscriptions::{Cursor, PeerSubscriptions, Subscription};
use crate::pubsub::peer_table::{PeerId, PeerTable, PushResult};
use crate::pubsub::topics::{ChannelId, Topics};
use crate::store::history::Mark;
use crate::store::state::State;
use std::sync::Arc;
use std::time::Instant;

pub struct Subscribers {
    topics: Topics<DeliveryMode, PeerId>,
    /// Changes that were committed in this turn.
    changes: Vec<Change>,
    /// Peers with a subscription that is behind, and with room for more output.
    lagging: Vec<PeerId>,
    /// When positions are sent next to channels that were quiet.
    positions_due: Instant,
    /// The end of the history when positions were sent last.
    positions_at: Mark,
}

/// The peers that a delivery leaves with work to do.
#[derive(Default)]
pub struct Delivered {
    /// Output waits to be written.
    pub to_flush: Vec<PeerId>,
    /// Their held calls are to be dispatched again.
    pub to_retry: Vec<PeerId>,
}

impl Subscribers {
    pub fn new(now: Instant) -> Subscribers {
        Subscribers {
            topics: Topics::default(),
            changes: Vec::new(),
            lagging: Vec::new(),
            positions_due: now,
            positions_at: Mark::default(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.topics.is_empty()
    }

    /// Returns whether something can be sent without waiting.
    pub fn is_busy(&self) -> bool {
        !self.lagging.is_empty()
    }

    pub fn next_deadline(&self, state: &State) -> Option<Instant> {
        let moved = self.positions_at != state.history().mark();
        (!self.is_empty() && moved).then_some(self.positions_due)
    }

    /// Records a committed change, which [`Subscribers::deliver`] sends at the end of the turn.
    pub fn record_change(&mut self, change: &Change) {
        if !self.is_empty() {
            self.changes.push(change.clone());
        }
    }

    /// Subscribes a peer. A subscription to the same topic is replaced.
    ///
    /// # Errors
    ///
    /// `SubscriptionsTooMany` at the limit for one peer.
    pub fn subscribe(
        &mut self,
        subscriptions: &mut PeerSubscriptions,
        id: PeerId,
        request: &Follow,
        form: Form,
        state: &State,
        turn: &mut TurnContext,
    ) -> Result<(), ApiError> {
        self.unsubscribe(subscriptions, &request.interest, form, &mut turn.metrics);
        let most = turn.limits.subscriptions_max;
        if subscriptions.all().len() >= most {
            return Err(ApiError::SubscriptionsTooMany { most });
        }
        let channel = self.join(&request.interest, DeliveryMode::Push(form), state, &mut turn.metrics);
        let cursor = match request.from {
            From::Snapshot => Cursor::NeedsSnapshot,
            From::Since(seq) => Cursor::At(seq),
        };
        subscriptions.add(Subscription { channel, deliver: request.deliver, cursor });
        self.lagging.push(id);
        Ok(())
    }

    /// Lets a peer's held call be dispatched again when this topic changes.
    pub fn hold_until_change(
        &mut self,
        subscriptions: &mut PeerSubscriptions,
        id: PeerId,
        interest: &Interest,
        state: &State,
        metrics: &mut Metrics,
    ) {
        let channel = self.join(interest, DeliveryMode::LongPoll, state, metrics);
        let cursor = self.mark_live(channel, id);
        subscriptions.add(Subscription { channel, deliver: Deliver::All, cursor });
    }

    fn join(
        &mut self,
        interest: &Interest,
        mode: DeliveryMode,
        state: &State,
        metrics: &mut Metrics,
    ) -> ChannelId {
        if self.is_empty() {
            self.positions_at = state.history().mark();
        }
        metrics.inc(mode.gauge());
        metrics.inc(MetricId::Subscriptions);
        self.topics.join(interest, mode, state.position().seq)
    }

    /// Returns whether there was such a subscription.
    pub fn unsubscribe(
        &mut self,
        subscriptions: &mut PeerSubscriptions,
        interest: &Interest,
        form: Form,
        metrics: &mut Metrics,
    ) -> bool {
        let Some(channel) = self.topics.find(interest, DeliveryMode::Push(form)) else { return false };
        let Some(subscription) = subscriptions.remove(channel) else { return false };
        self.leave(subscription, metrics);
        true
    }

    pub fn unsubscribe_all(&mut self, subscriptions: &mut PeerSubscriptions, metrics: &mut Metrics) {
        while let Some(subscription) = subscriptions.pop() {
            self.leave(subscription, metrics);
        }
    }

    fn leave(&mut self, subscription: Subscription, metrics: &mut Metrics) {
        metrics.dec(self.topics.channel(subscription.channel).kind.gauge());
        if let Cursor::Live(slot) = subscription.cursor {
            self.topics.channel_mut(subscription.channel).remove_live(slot);
        }
        self.topics.leave(subscription.channel);
    }

    /// Everything was written to a peer: where it is behind, it catches up in this turn or the next.
    pub fn mark_writable(&mut self, subscriptions: &PeerSubscriptions, id: PeerId) {
        if subscriptions.all().iter().any(|subscription| !subscription.is_live()) {
            self.lagging.push(id);
        }
    }

    /// Sends the turn's changes to live subscribers, and what they miss to those that are behind.
    pub fn deliver(
        &mut self,
        peers: &mut impl PeerTable,
        state: &State,
        cache: &mut ReadCache,
        turn: &mut TurnContext,
    ) -> Delivered {
        let mut delivered = Delivered::default();
        let changes = std::mem::take(&mut self.changes);
        self.push_changes(&changes, peers, state, turn, &mut delivered);
        self.changes = changes;
        self.changes.clear();
        self.send_positions(peers, state, turn, &mut delivered);
        for id in std::mem::take(&mut self.lagging) {
            let Some((connection, subscriptions)) = peers.peer(id) else { continue };
            self.catch_up(connection, subscriptions, id, state, cache, turn);
            delivered.to_flush.push(id);
        }
        delivered
    }

    fn push_changes(
        &mut self,
        changes: &[Change],
        peers: &mut impl PeerTable,
        state: &State,
        turn: &mut TurnContext,
        delivered: &mut Delivered,
    ) {
        let Some(first) = changes.first() else { return };
        let before = first.position.seq - 1;
        let texts: Vec<Broadcast> = changes.iter().map(|change| unfiltered(change, state)).collect();
        let mut joined = Vec::new();
        for id in self.topics.matching(changes) {
            let channel = self.topics.channel_mut(id);
            let DeliveryMode::Push(form) = channel.kind else {
                delivered.to_retry.extend(channel.live());
                continue;
            };
            let interest = &channel.interest;
            let mut encoded = changes.iter().zip(&texts).filter_map(|(change, text)| {
                let (op, record) = interest.sees(change)?;
                Some(if interest.query.is_empty() {
                    text.encoded(form, turn)
                } else {
                    // Through a filter the change may be another one, and the notification names the filter.
                    let about = interest.about_item(record, state);
                    broadcast(about, change.position, op, record).encoded(form, turn)
                })
            });
            let Some(mut bytes) = encoded.next() else { continue };
            joined.clear();
            for more in encoded {
                if joined.is_empty() {
                    joined.extend_from_slice(&bytes);
                }
                joined.extend_from_slice(&more);
            }
            if !joined.is_empty() {
                bytes = joined.as_slice().into();
            }
            self.broadcast_to(id, &bytes, before, peers, turn, delivered);
            self.topics.channel_mut(id).announced_seq = state.position().seq;
        }
    }

    /// Pushes the same bytes to every live subscriber of a channel. One that falls behind has every change up to
    /// `before`.
    fn broadcast_to(
        &mut self,
        id: ChannelId,
        bytes: &Arc<[u8]>,
        before: u64,
        peers: &mut impl PeerTable,
        turn: &mut TurnContext,
        delivered: &mut Delivered,
    ) {
        let channel = self.topics.channel_mut(id);
        let DeliveryMode::Push(form) = channel.kind else { return };
        let (mut pushed, mut behind) = (0, Vec::new());
        for slot in 0..channel.slots() {
            let Some(subscriber) = channel.at(slot) else { continue };
            match peers.push(subscriber, bytes, turn) {
                None => {}
                Some(PushResult::Written) => pushed += 1,
                Some(PushResult::Pending) => {
                    pushed += 1;
                    delivered.to_flush.push(subscriber);
                }
                Some(PushResult::Behind) => behind.push((slot, subscriber)),
            }
        }
        for (slot, subscriber) in behind {
            turn.metrics.inc(MetricId::FellBehind);
            channel.remove_live(slot);
            if let Some((_, subscriptions)) = peers.peer(subscriber) {
                subscriptions.mark_behind(id, before);
            }
        }
        turn.metrics.add(deliveries(form), pushed);
    }

    /// Sends the current position to channels that were quiet for long, so that a resume point of their subscribers
    /// stays within the retained history.
    fn send_positions(
        &mut self,
        peers: &mut impl PeerTable,
        state: &State,
        turn: &mut TurnContext,
        delivered: &mut Delivered,
    ) {
        let now = state.position();
        let due = self.positions_due <= turn.now || state.history().is_renewed_since(self.positions_at);
        if self.is_empty() || !due {
            return;
        }
        self.positions_at = state.history().mark();
        self.positions_due = turn.now + turn.timeouts.position;
        for id in self.topics.ids() {
            let channel = self.topics.channel_mut(id);
            let DeliveryMode::Push(form) = channel.kind else { continue };
            if channel.announced_seq == now.seq {
                continue;
            }
            let before = std::mem::replace(&mut channel.announced_seq, now.seq);
            let mut text = Vec::new();
            notification::position(channel.interest.about(state), now, &mut text);
            let bytes = Broadcast::new(&event_id(now), text).encoded(form, turn);
            self.broadcast_to(id, &bytes, before, peers, turn, delivered);
        }
    }

    /// Sends one peer what it misses, as far as its outbox has room.
    fn catch_up(
        &mut self,
        connection: &mut Connection,
        subscriptions: &mut PeerSubscriptions,
        id: PeerId,
        state: &State,
        cache: &mut ReadCache,
        turn: &mut TurnContext,
    ) {
        let count = subscriptions.all().len();
        // Each time another one is first, since one subscription may leave no room for the others.
        let first = state.position().seq as usize % count.max(1);
        for n in (first..count).chain(0..first) {
            let mut subscription = subscriptions.all()[n];
            if subscription.is_live() {
                continue;
            }
            let interest = self.topics.channel(subscription.channel).interest.clone();
            while !subscription.is_live() && connection.outbox().len() < turn.limits.listener_bytes_max {
                subscription.cursor = match subscription.cursor {
                    Cursor::NeedsSnapshot if snapshot(connection, &interest, state, cache, turn).is_err() => {
                        self.unsubscribe_all(subscriptions, &mut turn.metrics);
                        return connection.try_later(turn);
                    }
                    Cursor::NeedsSnapshot => {
                        turn.metrics.inc(MetricId::CaughtUpBySnapshot);
                        self.mark_live(subscription.channel, id)
                    }
                    Cursor::At(seq) => {
                        match replay(connection, &interest, seq, subscription.deliver, state, turn) {
                            CatchUp::Complete => {
                                turn.metrics.inc(MetricId::CaughtUpByChanges);
                                self.mark_live(subscription.channel, id)
                            }
                            CatchUp::UpTo(seq) => {
                                subscription.cursor = Cursor::At(seq);
                                break;
                            }
                            CatchUp::Gone => {
                                turn.metrics.inc(MetricId::Gone);
                                let mut text = Vec::new();
                                notification::gone(interest.about(state), state.position(), &mut text);
                                connection.tell(&event_id(state.position()), &text, turn);
                                Cursor::NeedsSnapshot
                            }
                        }
                    }
                    live => live,
                };
            }
            subscriptions.set(n, subscription);
        }
    }

    fn mark_live(&mut self, channel: ChannelId, id: PeerId) -> Cursor {
        Cursor::Live(self.topics.channel_mut(channel).add_live(id))
    }
}

/// The notification of a change to a whole collection or item, which every encoding shares.
fn unfiltered(change: &Change, state: &State) -> Broadcast {
    let Change { collection, position, op, ref record, .. } = *change;
    let collection = state.collection(collection).name();
    broadcast(About { collection, id: Some(record.id()), query: "" }, position, op, record)
}

fn broadcast(about: About, position: Position, op: Op, record: &Record) -> Broadcast {
    let mut text = Vec::with_capacity(record.json().len() + 160);
    notification::change(about, position, op, record.json(), &mut text);
    Broadcast::new(&event_id(position), text)
}
