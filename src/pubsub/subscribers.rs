//! Those who listen, and how they are told.
//!
//! ```text
//!   New ── snapshot ──▶ Current ── does not read ──▶ Behind ── has read ──▶ its changes ──▶ Current
//!                          ▲                           │ they are kept no more
//!                          └────── gone, snapshot ─────┘
//! ```
//!
//! A listener that keeps up costs one write of bytes that all share. For one that does not read, nothing
//! is queued beyond a mark: it is left where it is, and goes on from there as one that went away and
//! came back. Whoever joins is behind at first, too: so there is one way to catch up, and no gap.

use crate::api::read_context::ReadCache;
use crate::api::topic::{Deliver, Follow, From, Interest};
use crate::connection::broadcast::{Broadcast, Form};
use crate::connection::turn_context::Terms;
use crate::error::ApiError;
use crate::metrics::totals::{self, Count};
use crate::model::change::{Change, Op, Position};
use crate::model::notification::{self, About};
use crate::model::record::Record;
use crate::pubsub::catch_up::{Replayed, replay, snapshot, spelled};
use crate::pubsub::topics::{ChannelId, Feed};
use crate::reactor::socket::{Socket, Then};
use crate::server::peer::Peer;
use crate::store::history::Mark;
use crate::store::state::State;
use mio::Token;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

/// How a channel's listeners are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    Told(Form),
    /// Each has a call of its own, which is asked again.
    AskedAgain,
}

impl Kind {
    fn listeners(self) -> Count {
        match self {
            Kind::Told(Form::Frame) => Count::ListenersFrame,
            Kind::Told(Form::Deflated { .. }) => Count::ListenersDeflated,
            Kind::Told(Form::Event) => Count::ListenersEvent,
            Kind::AskedAgain => Count::ListenersHeld,
        }
    }

    /// What is counted when one of them is told the same as the others.
    fn delivery(self) -> Option<Count> {
        match self {
            Kind::Told(Form::Frame) => Some(Count::DeliveriesFrame),
            Kind::Told(Form::Deflated { .. }) => Some(Count::DeliveriesDeflated),
            Kind::Told(Form::Event) => Some(Count::DeliveriesEvent),
            Kind::AskedAgain => None,
        }
    }
}

/// One resource that a peer follows.
#[derive(Clone, Copy, Debug)]
pub struct Subscription {
    pub channel: ChannelId,
    deliver: Deliver,
    place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// It knows nothing yet.
    New,
    /// It has everything up to this seq.
    Behind(u64),
    /// It has everything, and stands here in its channel's list.
    Current(u32),
}

/// Where peers are found, with their sockets.
pub trait Seats {
    type Socket: Socket;
    fn seat(&mut self, token: Token) -> Option<(&mut Peer, &mut Self::Socket)>;
}

pub struct Audience {
    feed: Feed<Kind, Token>,
    /// What became true in this turn.
    news: Vec<Change>,
    /// Those who are not current, and have room.
    late: Vec<Token>,
    /// When it is looked again whom to tell how far the log has come.
    positions_due: Instant,
    /// How far the log was when it was looked last.
    positions_at: Mark,
}

/// What came of telling.
#[derive(Default)]
pub struct Told {
    /// Something waits to be written to them.
    pub pending: Vec<Token>,
    /// Their calls are to be asked again.
    pub asked: Vec<Token>,
}

impl Audience {
    pub fn new(now: Instant) -> Audience {
        Audience {
            feed: Feed::default(),
            news: Vec::new(),
            late: Vec::new(),
            positions_due: now,
            positions_at: Mark::default(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.feed.is_empty()
    }

    /// Is there something to be told without waiting?
    pub fn is_busy(&self) -> bool {
        !self.late.is_empty()
    }

    pub fn next_deadline(&self, state: &State) -> Option<Instant> {
        let moved = self.positions_at != state.history().mark();
        (!self.is_empty() && moved).then_some(self.positions_due)
    }

    /// Something became true. Told at the end of the turn.
    pub fn hear(&mut self, change: &Change) {
        if !self.is_empty() {
            self.news.push(change.clone());
        }
    }

    /// From now on this peer is told. A subscription to the same begins anew.
    pub fn subscribe(
        &mut self,
        peer: &mut Peer,
        token: Token,
        follow: &Follow,
        form: Form,
        state: &State,
        terms: &Terms,
    ) -> Result<(), ApiError> {
        self.unsubscribe(peer, &follow.interest, form);
        let most = terms.limits.subscriptions_max;
        if peer.subscriptions().len() >= most {
            return Err(ApiError::SubscriptionsTooMany { most });
        }
        let channel = self.join(&follow.interest, Kind::Told(form), state);
        let place = match follow.from {
            From::Snapshot => Place::New,
            From::Since(seq) => Place::Behind(seq),
        };
        peer.add(Subscription { channel, deliver: follow.deliver, place });
        self.late.push(token);
        Ok(())
    }

    /// The peer's call is to be asked again when this changes.
    pub fn await_change(&mut self, peer: &mut Peer, token: Token, interest: &Interest, state: &State) {
        let channel = self.join(interest, Kind::AskedAgain, state);
        let place = Place::Current(self.feed.channel_mut(channel).enter(token));
        peer.add(Subscription { channel, deliver: Deliver::All, place });
    }

    fn join(&mut self, interest: &Interest, kind: Kind, state: &State) -> ChannelId {
        let now = state.position().seq;
        if self.is_empty() {
            self.positions_at = state.history().mark();
        }
        totals::one(kind.listeners());
        totals::one(Count::Subscriptions);
        self.feed.join(interest, kind, now)
    }

    /// Whether there was such a subscription.
    pub fn unsubscribe(&mut self, peer: &mut Peer, interest: &Interest, form: Form) -> bool {
        let Some(channel) = self.feed.find(interest, Kind::Told(form)) else { return false };
        let Some(subscription) = peer.remove(channel) else { return false };
        self.leave(subscription);
        true
    }

    /// The peer listens to nothing any more.
    pub fn dismiss(&mut self, peer: &mut Peer) {
        while let Some(subscription) = peer.remove_any() {
            self.leave(subscription);
        }
    }

    fn leave(&mut self, subscription: Subscription) {
        totals::one_less(self.feed.channel(subscription.channel).kind.listeners());
        if let Place::Current(place) = subscription.place {
            self.feed.channel_mut(subscription.channel).withdraw(place);
        }
        self.feed.leave(subscription.channel);
    }

    /// The peer has read: where it is behind, it is told on.
    pub fn has_room(&mut self, peer: &Peer, token: Token) {
        if peer.subscriptions().iter().any(Subscription::is_late) {
            self.late.push(token);
        }
    }

    /// Tells everybody what became true in this turn, and those who are behind what they lack.
    pub fn tell(
        &mut self,
        seats: &mut impl Seats,
        state: &State,
        cache: &mut ReadCache,
        terms: &Terms,
    ) -> Told {
        let mut told = Told::default();
        let news = std::mem::take(&mut self.news);
        self.tell_news(&news, seats, state, terms, &mut told);
        self.news = news;
        self.news.clear();
        self.tell_positions(seats, state, terms, &mut told);
        for token in std::mem::take(&mut self.late) {
            let Some((peer, _)) = seats.seat(token) else { continue };
            self.catch_up(peer, token, state, cache, terms);
            told.pending.push(token);
        }
        told
    }

    fn tell_news(
        &mut self,
        news: &[Change],
        seats: &mut impl Seats,
        state: &State,
        terms: &Terms,
        told: &mut Told,
    ) {
        let Some(first) = news.first() else { return };
        let before = first.position.seq - 1;
        let usual = |change: &Change| {
            let Change { collection, position, op, ref record, .. } = *change;
            let collection = state.collection(collection).name();
            broadcast(About { collection, id: Some(record.id()), query: "" }, position, op, record)
        };
        let texts: Vec<Broadcast> = news.iter().map(usual).collect();
        let mut several = Vec::new();
        for id in self.feed.concerned(news) {
            let channel = self.feed.channel_mut(id);
            let Kind::Told(form) = channel.kind else {
                told.asked.extend(channel.current());
                continue;
            };
            let interest = &channel.interest;
            let mut seen = news.iter().zip(&texts).filter_map(|(change, text)| {
                let (op, record) = interest.sees(change)?;
                Some(if interest.query.is_empty() {
                    text.encoded(form, terms.compression)
                } else {
                    // Whoever asked with a query may see another change in it, and is told which query.
                    let about = interest.about_item(record, state);
                    broadcast(about, change.position, op, record).encoded(form, terms.compression)
                })
            });
            let Some(mut bytes) = seen.next() else { continue };
            several.clear();
            for more in seen {
                if several.is_empty() {
                    several.extend_from_slice(&bytes);
                }
                several.extend_from_slice(&more);
            }
            if !several.is_empty() {
                bytes = several.as_slice().into();
            }
            let now = state.position().seq;
            self.tell_all(id, &bytes, before..now, seats, terms, told);
            self.feed.channel_mut(id).told = now;
        }
    }

    /// The same bytes to everyone who is current: what there is from one seq up to another.
    fn tell_all(
        &mut self,
        id: ChannelId,
        bytes: &Arc<[u8]>,
        seqs: Range<u64>,
        seats: &mut impl Seats,
        terms: &Terms,
        told: &mut Told,
    ) {
        let channel = self.feed.channel_mut(id);
        let Some(delivery) = channel.kind.delivery() else { return };
        for place in 0..channel.places() {
            let Some(token) = channel.at(place) else { continue };
            let Some((peer, socket)) = seats.seat(token) else { continue };
            match peer.tell(bytes, socket, terms) {
                Telling::Late => {
                    totals::one(Count::FellBehind);
                    channel.withdraw(place);
                    peer.stay_behind(id, seqs.start);
                }
                telling => {
                    totals::one(delivery);
                    if telling == Telling::Pending {
                        told.pending.push(token);
                    }
                }
            }
        }
    }

    /// Says how far the log has come to those who have heard nothing for long, so that their place does
    /// not fall out of what is kept.
    fn tell_positions(&mut self, seats: &mut impl Seats, state: &State, terms: &Terms, told: &mut Told) {
        let now = state.position();
        let due = self.positions_due <= terms.now || state.history().is_renewed_since(self.positions_at);
        if self.is_empty() || !due {
            return;
        }
        self.positions_at = state.history().mark();
        self.positions_due = terms.now + terms.timeouts.position;
        for id in self.feed.ids() {
            let channel = self.feed.channel_mut(id);
            let Kind::Told(form) = channel.kind else { continue };
            if channel.told == now.seq {
                continue;
            }
            let before = std::mem::replace(&mut channel.told, now.seq);
            let mut text = Vec::new();
            notification::position(channel.interest.about(state), now, &mut text);
            let bytes = Broadcast::new(&spelled(now), text).encoded(form, terms.compression);
            self.tell_all(id, &bytes, before..now.seq, seats, terms, told);
        }
    }

    /// Tells one peer what it lacks, as far as there is room.
    fn catch_up(
        &mut self,
        peer: &mut Peer,
        token: Token,
        state: &State,
        cache: &mut ReadCache,
        terms: &Terms,
    ) {
        let room = |peer: &mut Peer| peer.connection.outbox().len() < terms.limits.listener_bytes_max;
        let count = peer.subscriptions().len();
        // Not always the same one first: what one is told may leave no room for the others.
        let first = state.position().seq as usize % count.max(1);
        for n in (first..count).chain(0..first) {
            let mut subscription = peer.subscriptions()[n];
            if !subscription.is_late() {
                continue;
            }
            let interest = self.feed.channel(subscription.channel).interest.clone();
            while subscription.is_late() && room(peer) {
                subscription.place = match subscription.place {
                    Place::New => match snapshot(peer, &interest, state, cache) {
                        Ok(()) => {
                            totals::one(Count::CaughtUpBySnapshot);
                            self.now_current(subscription.channel, token)
                        }
                        Err(_) => {
                            self.dismiss(peer);
                            return peer.connection.try_later(terms);
                        }
                    },
                    Place::Behind(seq) => {
                        match replay(peer, &interest, seq, subscription.deliver, state, terms) {
                            Replayed::All => {
                                totals::one(Count::CaughtUpByChanges);
                                self.now_current(subscription.channel, token)
                            }
                            Replayed::UpTo(seq) => {
                                subscription.place = Place::Behind(seq);
                                break;
                            }
                            Replayed::Gone => {
                                totals::one(Count::Gone);
                                let mut text = Vec::new();
                                notification::gone(interest.about(state), state.position(), &mut text);
                                peer.connection.tell(&spelled(state.position()), &text, terms);
                                Place::New
                            }
                        }
                    }
                    current => current,
                };
            }
            peer.set(n, subscription);
        }
    }

    fn now_current(&mut self, channel: ChannelId, token: Token) -> Place {
        Place::Current(self.feed.channel_mut(channel).enter(token))
    }
}

impl Subscription {
    fn is_late(&self) -> bool {
        !matches!(self.place, Place::Current(_))
    }

    /// It has been told nothing after this seq, and is out of its channel's list.
    pub fn stay_behind(&mut self, seq: u64) {
        self.place = Place::Behind(seq);
    }
}

/// What came of telling one peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Telling {
    Done,
    /// Something waits to be written.
    Pending,
    /// It has not read what it was told before.
    Late,
}

impl Peer {
    /// Tells it what many are told.
    fn tell(&mut self, bytes: &Arc<[u8]>, socket: &mut impl Socket, terms: &Terms) -> Telling {
        let Some(form) = self.connection.form() else { return Telling::Done };
        if form != Form::Frame {
            self.connection.told_with_others();
        }
        let outbox = self.connection.outbox();
        if outbox.is_empty() {
            // An error is met again when what is left is written.
            let written = socket.drain(outbox, bytes, Then::More).unwrap_or(None).unwrap_or(0);
            self.count_written(written);
            if written == bytes.len() {
                return Telling::Done;
            }
            self.connection.outbox().share(bytes.clone());
            self.connection.wrote(written, terms);
            return Telling::Pending;
        }
        if outbox.len() > terms.limits.listener_bytes_max {
            return Telling::Late;
        }
        outbox.put(bytes);
        Telling::Pending
    }
}

/// One change, for many.
fn broadcast(about: About, position: Position, op: Op, record: &Record) -> Broadcast {
    let mut text = Vec::with_capacity(record.json().len() + 160);
    notification::change(about, position, op, record.json(), &mut text);
    Broadcast::new(&spelled(position), text)
}
