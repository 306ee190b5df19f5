//! From a call to its effect: an answer, a write for the journal, a subscription, an upgrade or a held response.

use crate::api::outcome::Outcome;
use crate::api::read_context::{ReadCache, ReadContext};
use crate::api::routes;
use crate::api::topic::{Follow, Interest};
use crate::connection::Connection;
use crate::connection::turn_context::TurnContext;
use crate::error::ApiError;
use crate::model::call::{Answer, Body, Call, Talk, Wish};
use crate::model::change::Write;
use crate::pubsub::peer_subscriptions::PeerSubscriptions;
use crate::pubsub::peer_table::PeerId;
use crate::pubsub::subscribers::Subscribers;
use crate::server::clock::Clock;
use crate::store::committed::{Settled, Ticket};
use crate::store::journal::Journal;
use crate::store::state::State;

/// What the calls of one peer read and change beside its connection.
pub struct CallContext<'a> {
    pub id: PeerId,
    pub journal: &'a mut Journal,
    pub state: &'a mut State,
    pub cache: &'a mut ReadCache,
    pub committed: &'a mut Vec<Settled>,
    pub clock: &'a mut Clock,
    pub subscribers: &'a mut Subscribers,
}

/// Dispatches one call at a time to its route, and lets the outcome take effect.
pub struct CallDispatch<'a, 'c, 'r> {
    pub connection: &'a mut Connection,
    pub subscriptions: &'a mut PeerSubscriptions,
    pub calls: &'a mut CallContext<'c>,
    pub turn: &'a mut TurnContext<'r>,
}

impl CallDispatch<'_, '_, '_> {
    #[inline]
    pub fn dispatch(&mut self, call: Call) {
        let CallContext { journal, state, cache, committed, .. } = &mut *self.calls;
        // Every peer can rely on what another peer was answered.
        journal.catch_up(state, committed);
        let mut cx =
            ReadContext { state, cache, metrics: &mut self.turn.metrics, browser: self.connection.visitor() };
        match routes::dispatch(&call, &mut cx) {
            Outcome::Answer(answer) => self.connection.answer(answer, self.turn),
            Outcome::Write(write) => self.write(write),
            Outcome::Talk(endpoint) => self.upgrade(endpoint),
            Outcome::Follow(request) => self.subscribe(&call.wish, &request),
            Outcome::Unfollow(interest) => self.unsubscribe(&interest),
            Outcome::Wait(interest) => self.hold(call.into_owned(), &interest),
        }
    }

    fn write(&mut self, mut write: Write) {
        if !self.calls.journal.has_room(&write) {
            return self.connection.answer(ApiError::StoreBehind.into(), self.turn);
        }
        if let Some(once) = &mut write.once {
            once.at = self.calls.clock.second();
        }
        self.calls.journal.append(Ticket(self.calls.id.0), write);
        self.connection.postpone();
    }

    fn upgrade(&mut self, endpoint: Talk) {
        let first_message = (endpoint == Talk::Clock).then(|| self.calls.clock.announcement());
        self.connection.talk(endpoint, first_message.as_ref(), self.turn);
        if endpoint == Talk::Clock {
            self.calls.clock.subscribe(self.calls.id);
        }
    }

    /// Subscribes the peer: on its WebSocket, on one that its request becomes, or as an event stream.
    fn subscribe(&mut self, mode: &Wish, request: &Follow) {
        let is_call = self.connection.form().is_some();
        match mode {
            Wish::Socket => self.connection.talk(Talk::Calls, None, self.turn),
            _ if is_call => {}
            _ => self.connection.stream(self.turn),
        }
        // A HEAD request gets no notifications.
        let Some(form) = self.connection.form() else { return };
        let CallContext { subscribers, state, id, .. } = &mut *self.calls;
        let subscribed = subscribers.subscribe(self.subscriptions, *id, request, form, state, self.turn);
        if is_call {
            let answer = subscribed.map_or_else(Answer::from, |()| Answer::new(204, Body::Nothing));
            self.connection.answer(answer, self.turn);
        }
    }

    fn unsubscribe(&mut self, interest: &Interest) {
        let form = self.connection.form();
        let (subscribers, metrics) = (&mut self.calls.subscribers, &mut self.turn.metrics);
        let existed =
            form.is_some_and(|form| subscribers.unsubscribe(self.subscriptions, interest, form, metrics));
        let answer = if existed { Answer::new(204, Body::Nothing) } else { ApiError::NotSubscribed.into() };
        self.connection.answer(answer, self.turn);
    }

    /// Holds the response of a long poll until there is a change, or its time is over.
    fn hold(&mut self, call: Call<'static>, interest: &Interest) {
        let seconds = if let Wish::Wait(seconds) = call.wish { seconds } else { 0 };
        self.connection.hold(seconds, self.turn);
        let CallContext { subscribers, state, id, .. } = &mut *self.calls;
        subscribers.hold_until_change(self.subscriptions, *id, interest, state, &mut self.turn.metrics);
        self.subscriptions.hold(call);
    }
}
