//! What a subscriber misses: a snapshot of the whole state, or a replay of the changes since its cursor.

use crate::api::read_context::ReadCache;
use crate::api::topic::{Deliver, Interest};
use crate::connection::Connection;
use crate::connection::turn_context::TurnContext;
use crate::error::ApiError;
use crate::model::change::{Op, POSITION_BYTES_MAX, Position};
use crate::model::notification;
use crate::model::record::Record;
use crate::store::state::State;
use std::collections::HashMap;
use std::sync::Arc;

/// Sends the whole state with its position.
///
/// # Errors
///
/// The state cannot be rendered within its limits.
pub fn snapshot(
    connection: &mut Connection,
    interest: &Interest,
    state: &State,
    cache: &mut ReadCache,
    turn: &mut TurnContext,
) -> Result<(), ApiError> {
    let position = state.position();
    let mut front = Vec::new();
    notification::begin_snapshot(interest.about(state), position, &mut front);
    let value: Arc<[u8]> = interest.snapshot(state, cache)?;
    connection.tell_long(&event_id(position), &front, value, notification::SNAPSHOT_END, turn);
    Ok(())
}

/// The result of a replay.
pub enum CatchUp {
    Complete,
    /// Every change up to this seq was sent; the rest follows in a later turn.
    UpTo(u64),
    /// Changes after the cursor are no longer retained.
    Gone,
}

/// Sends the changes after `seq`, as far as the outbox has room.
pub fn replay(
    connection: &mut Connection,
    interest: &Interest,
    seq: u64,
    deliver: Deliver,
    state: &State,
    turn: &mut TurnContext,
) -> CatchUp {
    let Some(changes) = state.history().since(seq) else { return CatchUp::Gone };
    let mut room = turn.limits.listener_bytes_max.saturating_sub(connection.outbox().len());
    let (mut seen, mut cost, mut stopped) = (Vec::new(), 0, None);
    for change in changes {
        if let Some((op, record)) = interest.sees(change) {
            seen.push((change.position, op, record));
            room = room.saturating_sub(record.json().len());
        }
        cost += interest.effort(change);
        // Conflation needs no room until it is done.
        if cost > FILTERED_BYTES_PER_TURN || (deliver == Deliver::All && room == 0) {
            stopped = Some(change.position.seq);
            break;
        }
    }
    if deliver == Deliver::Latest {
        seen = conflate(seen.into_iter());
    }
    let mut text = Vec::new();
    for (position, op, record) in seen {
        text.clear();
        notification::change(interest.about_item(record, state), position, op, record.json(), &mut text);
        connection.tell(&event_id(position), &text, turn);
        if deliver == Deliver::Latest && connection.outbox().len() >= turn.limits.listener_bytes_max {
            return CatchUp::UpTo(position.seq);
        }
    }
    if let Some(seq) = stopped.filter(|seq| *seq < state.position().seq) {
        return CatchUp::UpTo(seq);
    }
    text.clear();
    notification::position(interest.about(state), state.position(), &mut text);
    connection.tell(&event_id(state.position()), &text, turn);
    CatchUp::Complete
}

/// Bytes of items that one replay filters in a turn, so that other peers are served between.
const FILTERED_BYTES_PER_TURN: usize = 4 * 1024 * 1024;

/// Returns only the newest state of each item, in order. An item that was created and deleted meanwhile is left out.
fn conflate<'c>(seen: impl Iterator<Item = (Position, Op, &'c Record)>) -> Vec<(Position, Op, &'c Record)> {
    let mut newest: HashMap<&str, (Op, (Position, Op, &Record))> = HashMap::new();
    for change in seen {
        let (_, op, record) = change;
        newest.entry(record.id()).and_modify(|(_, newest)| *newest = change).or_insert((op, change));
    }
    let changes = newest.into_values().filter_map(|(first, (position, last, record))| {
        let op = match (first != Op::Created, last != Op::Deleted) {
            (true, true) => Op::Updated,
            (true, false) => Op::Deleted,
            (false, true) => Op::Created,
            (false, false) => return None,
        };
        Some((position, op, record))
    });
    let mut changes: Vec<_> = changes.collect();
    changes.sort_by_key(|(position, ..)| position.seq);
    changes
}

/// The `id` of an event, from which an event stream resumes (WHATWG HTML §9.2).
pub fn event_id(position: Position) -> Vec<u8> {
    let mut text = Vec::with_capacity(POSITION_BYTES_MAX);
    position.write(&mut text);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conflation_keeps_the_newest_change_of_each_item() {
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
        let changes: Vec<_> =
            conflate(seen).into_iter().map(|(at, op, record)| (at.seq, op, record.id())).collect();
        assert_eq!(changes, [(3, Op::Deleted, "c"), (4, Op::Created, "a"), (8, Op::Updated, "b")]);
    }
}
