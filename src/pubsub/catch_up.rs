//! What one listener is told that it lacks: the whole state, or what changed since it was current.

use crate::api::read_context::ReadCache;
use crate::api::topic::{Deliver, Interest};
use crate::connection::turn_context::Terms;
use crate::error::ApiError;
use crate::model::change::{Op, POSITION_BYTES_MAX, Position};
use crate::model::notification;
use crate::model::record::Record;
use crate::server::peer::Peer;
use crate::store::state::State;
use std::collections::HashMap;
use std::sync::Arc;

/// Tells the whole state, and the position that it is of.
pub fn snapshot(
    peer: &mut Peer,
    interest: &Interest,
    state: &State,
    cache: &mut ReadCache,
) -> Result<(), ApiError> {
    let position = state.position();
    let mut front = Vec::new();
    notification::begin_snapshot(interest.about(state), position, &mut front);
    let value: Arc<[u8]> = interest.snapshot(state, cache)?;
    peer.connection.tell_long(&spelled(position), &front, value, notification::SNAPSHOT_END);
    Ok(())
}

/// What came of telling what was missed.
pub enum Replayed {
    All,
    UpTo(u64),
    Gone,
}

/// Tells what changed after `seq`, as far as there is room.
pub fn replay(
    peer: &mut Peer,
    interest: &Interest,
    seq: u64,
    deliver: Deliver,
    state: &State,
    terms: &Terms,
) -> Replayed {
    let Some(changes) = state.history().since(seq) else { return Replayed::Gone };
    let mut room = terms.limits.listener_bytes_max.saturating_sub(peer.connection.outbox().len());
    let (mut seen, mut effort, mut stopped) = (Vec::new(), 0, None);
    for change in changes {
        if let Some((op, record)) = interest.sees(change) {
            seen.push((change.position, op, record));
            room = room.saturating_sub(record.json().len());
        }
        effort += interest.effort(change);
        // To see what is the latest takes no room.
        if effort > EFFORT_PER_TURN || (deliver == Deliver::All && room == 0) {
            stopped = Some(change.position.seq);
            break;
        }
    }
    if deliver == Deliver::Latest {
        seen = latest(seen.into_iter());
    }
    let mut text = Vec::new();
    for (position, op, record) in seen {
        text.clear();
        notification::change(interest.about_item(record, state), position, op, record.json(), &mut text);
        peer.connection.tell(&spelled(position), &text, terms);
        if deliver == Deliver::Latest && peer.connection.outbox().len() >= terms.limits.listener_bytes_max {
            return Replayed::UpTo(position.seq);
        }
    }
    if let Some(seq) = stopped.filter(|seq| *seq < state.position().seq) {
        return Replayed::UpTo(seq);
    }
    text.clear();
    notification::position(interest.about(state), state.position(), &mut text);
    peer.connection.tell(&spelled(state.position()), &text, terms);
    Replayed::All
}

/// Bytes of items held against filters in a turn for one subscription that catches up, past which the
/// others get their turn.
const EFFORT_PER_TURN: usize = 4 * 1024 * 1024;

/// Only the newest state of each item, in the order of these. What came and went meanwhile is not told.
fn latest<'c>(seen: impl Iterator<Item = (Position, Op, &'c Record)>) -> Vec<(Position, Op, &'c Record)> {
    let mut newest: HashMap<&str, (Op, (Position, Op, &Record))> = HashMap::new();
    for change in seen {
        let (_, op, record) = change;
        newest.entry(record.id()).and_modify(|(_, newest)| *newest = change).or_insert((op, change));
    }
    let told = newest.into_values().filter_map(|(first, (position, last, record))| {
        let op = match (first != Op::Created, last != Op::Deleted) {
            (true, true) => Op::Updated,
            (true, false) => Op::Deleted,
            (false, true) => Op::Created,
            (false, false) => return None,
        };
        Some((position, op, record))
    });
    let mut told: Vec<_> = told.collect();
    told.sort_by_key(|(position, ..)| position.seq);
    told
}

/// As an event stream has it, to go on from.
pub fn spelled(position: Position) -> Vec<u8> {
    let mut text = Vec::with_capacity(POSITION_BYTES_MAX);
    position.write(&mut text);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_of_several_changes_says_what_they_come_to() {
        let record = |id: &str| Record::new(id, String::new(), 1);
        let records: Vec<Record> =
            ["a", "b", "c", "a", "b", "d", "d", "b"].iter().map(|id| record(id)).collect();
        let ops = [
            Op::Created,
            Op::Updated,
            Op::Deleted,
            Op::Updated,
            Op::Deleted,
            Op::Created,
            Op::Deleted,
            Op::Created,
        ];
        let seen = records
            .iter()
            .zip(ops)
            .enumerate()
            .map(|(n, (record, op))| (Position { epoch: 1, seq: n as u64 + 1 }, op, record));
        let told: Vec<_> =
            latest(seen).into_iter().map(|(at, op, record)| (at.seq, op, record.id())).collect();
        assert_eq!(told, [(3, Op::Deleted, "c"), (4, Op::Created, "a"), (8, Op::Updated, "b")]);
    }
}
