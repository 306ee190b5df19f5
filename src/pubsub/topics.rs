//! Topics and their channels.
//!
//! Subscribers of one topic with one encoding share a channel, so a change is encoded once for all of them. The
//! live subscribers of a channel are in its list. One that is behind is not, and catches up by itself.

use crate::api::topic::Interest;
use crate::model::change::{Change, CollectionId};
use std::collections::HashMap;
use std::hash::Hash;

/// `K` is how the subscribers of a channel are served, `L` is how a subscriber is found.
pub struct Topics<K, L> {
    channels: Vec<Option<Channel<K, L>>>,
    free: Vec<ChannelId>,
    by_key: HashMap<(Interest, K), ChannelId>,
    /// Channels of whole collections.
    of_collection: HashMap<CollectionId, Vec<ChannelId>>,
    of_item: HashMap<(CollectionId, Box<str>), Vec<ChannelId>>,
}

pub struct Channel<K, L> {
    pub interest: Interest,
    pub kind: K,
    /// The seq up to which live subscribers know that they have every change.
    pub announced_seq: u64,
    /// Live subscribers, each in its slot.
    live: Vec<Option<L>>,
    free: Vec<u32>,
    subscribed: usize,
    /// The index of this channel among those of the same collection or item.
    place: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelId(u32);

impl<K, L> Default for Topics<K, L> {
    fn default() -> Topics<K, L> {
        Topics {
            channels: Vec::new(),
            free: Vec::new(),
            by_key: HashMap::new(),
            of_collection: HashMap::new(),
            of_item: HashMap::new(),
        }
    }
}

impl<K: Copy + Eq + Hash, L: Copy> Topics<K, L> {
    /// Returns whether there is no subscription.
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// Counts one more subscription, and opens its channel if it is the first. The subscriber is not live yet.
    pub fn join(&mut self, interest: &Interest, kind: K, now: u64) -> ChannelId {
        let key = (interest.clone(), kind);
        let id = match self.by_key.get(&key) {
            Some(&id) => id,
            None => self.open(key, now),
        };
        self.channel_mut(id).subscribed += 1;
        id
    }

    fn open(&mut self, key: (Interest, K), now: u64) -> ChannelId {
        let (interest, kind) = key.clone();
        let id = self.free.pop().unwrap_or_else(|| {
            self.channels.push(None);
            ChannelId((self.channels.len() - 1) as u32)
        });
        let matching = self.matching_mut(&interest);
        matching.push(id);
        let place = matching.len() - 1;
        self.by_key.insert(key, id);
        self.channels[id.0 as usize] = Some(Channel {
            interest,
            kind,
            announced_seq: now,
            live: Vec::new(),
            free: Vec::new(),
            subscribed: 0,
            place,
        });
        id
    }

    fn matching_mut(&mut self, interest: &Interest) -> &mut Vec<ChannelId> {
        match &interest.id {
            None => self.of_collection.entry(interest.collection).or_default(),
            Some(id) => self.of_item.entry((interest.collection, id.clone())).or_default(),
        }
    }

    /// Counts one subscription less; its subscriber is no longer live. The last one closes the channel.
    pub fn leave(&mut self, id: ChannelId) {
        let channel = self.channel_mut(id);
        channel.subscribed -= 1;
        if channel.subscribed > 0 {
            return;
        }
        let Some(Channel { interest, kind, place, .. }) = self.channels[id.0 as usize].take() else { return };
        let matching = self.matching_mut(&interest);
        matching.swap_remove(place);
        let (moved, is_empty) = (matching.get(place).copied(), matching.is_empty());
        if let Some(moved) = moved {
            self.channel_mut(moved).place = place;
        }
        if is_empty {
            match &interest.id {
                None => _ = self.of_collection.remove(&interest.collection),
                Some(item) => _ = self.of_item.remove(&(interest.collection, item.clone())),
            }
        }
        self.by_key.remove(&(interest, kind));
        self.free.push(id);
    }

    pub fn channel(&self, id: ChannelId) -> &Channel<K, L> {
        self.channels[id.0 as usize].as_ref().expect("a channel exists while it has a subscription")
    }

    pub fn channel_mut(&mut self, id: ChannelId) -> &mut Channel<K, L> {
        self.channels[id.0 as usize].as_mut().expect("a channel exists while it has a subscription")
    }

    /// Returns the channel of a topic and kind, if there is one.
    pub fn find(&self, interest: &Interest, kind: K) -> Option<ChannelId> {
        self.by_key.get(&(interest.clone(), kind)).copied()
    }

    /// Returns every channel in order, so that what a peer is sent does not depend on how keys are hashed.
    pub fn ids(&self) -> Vec<ChannelId> {
        let mut ids: Vec<ChannelId> = self.by_key.values().copied().collect();
        ids.sort_unstable_by_key(|id| id.0);
        ids
    }

    /// Returns the channels that one of these changes may concern, each once.
    pub fn matching(&self, changes: &[Change]) -> Vec<ChannelId> {
        let mut found: Vec<ChannelId> = Vec::new();
        for change in changes {
            let of_collection = self.of_collection.get(&change.collection);
            let key = |id: &str| (change.collection, Box::from(id));
            let of_item =
                if self.of_item.is_empty() { None } else { self.of_item.get(&key(change.record.id())) };
            found.extend(of_collection.into_iter().chain(of_item).flatten());
        }
        found.sort_unstable_by_key(|id| id.0);
        found.dedup();
        found
    }
}

impl<K, L: Copy> Channel<K, L> {
    /// Adds a live subscriber, and returns its slot.
    pub fn add_live(&mut self, subscriber: L) -> u32 {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.live.push(None);
            (self.live.len() - 1) as u32
        });
        self.live[slot as usize] = Some(subscriber);
        slot
    }

    /// Removes a subscriber that is behind or gone.
    pub fn remove_live(&mut self, slot: u32) {
        self.live[slot as usize] = None;
        self.free.push(slot);
    }

    pub fn at(&self, slot: u32) -> Option<L> {
        self.live[slot as usize]
    }

    /// Returns the number of slots, free ones included.
    pub fn slots(&self) -> u32 {
        self.live.len() as u32
    }

    pub fn live(&self) -> impl Iterator<Item = L> {
        self.live.iter().flatten().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::change::Op;
    use crate::model::record::Record;

    fn interest(id: Option<&str>) -> Interest {
        Interest::whole(CollectionId(0), id)
    }

    fn change(id: &str) -> Change {
        Change::new(Op::Created, Record::new(id, String::new(), 1))
    }

    #[test]
    fn subscribers_of_one_kind_share_a_channel() {
        let mut topics: Topics<char, u64> = Topics::default();
        let all = topics.join(&interest(None), 'f', 0);
        assert_eq!(topics.join(&interest(None), 'f', 5), all);
        let events = topics.join(&interest(None), 'e', 0);
        let seventh = topics.join(&interest(Some("7")), 'f', 0);
        assert_eq!(topics.matching(&[change("7"), change("7"), change("8")]), [all, events, seventh]);
        assert_eq!(topics.matching(&[change("8")]), [all, events]);
        topics.leave(all);
        topics.leave(events);
        assert_eq!(topics.matching(&[change("7")]), [all, seventh]);
        topics.leave(seventh);
        topics.leave(all);
        assert!(topics.is_empty() && topics.of_item.is_empty() && topics.of_collection.is_empty());
        let again = topics.join(&interest(Some("9")), 'f', 3);
        assert_eq!((again, topics.channel(again).announced_seq), (all, 3), "the channel id is reused");
        let channel = topics.channel_mut(again);
        assert_eq!([1, 2, 3].map(|subscriber| channel.add_live(subscriber)), [0, 1, 2]);
        channel.remove_live(1);
        assert_eq!((channel.add_live(4), channel.slots()), (1, 3), "the slot is reused");
        assert_eq!(channel.live().collect::<Vec<_>>(), [1, 4, 3]);
    }
}
