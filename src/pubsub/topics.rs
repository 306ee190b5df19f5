//! Who listens to what.
//!
//! Listeners with the same interest, who are served in the same way, share a channel: what changes is
//! encoded once for all of them. Those who have everything up to now stand in its list; whoever is
//! behind does not, and is told by itself until it has caught up.

use crate::api::topic::Interest;
use crate::model::change::{Change, CollectionId};
use std::collections::HashMap;
use std::hash::Hash;

/// `K` is how a listener is to be served, `L` how it is found.
pub struct Feed<K, L> {
    channels: Vec<Option<Channel<K, L>>>,
    free: Vec<ChannelId>,
    by_key: HashMap<(Interest, K), ChannelId>,
    /// Channels of everything in a collection.
    of_collection: HashMap<CollectionId, Vec<ChannelId>>,
    of_item: HashMap<(CollectionId, Box<str>), Vec<ChannelId>>,
}

pub struct Channel<K, L> {
    pub interest: Interest,
    pub kind: K,
    /// The seq up to which those who are current have been told that they have everything.
    pub told: u64,
    /// Those who have everything up to now, and places that are free.
    current: Vec<Option<L>>,
    free: Vec<u32>,
    subscribed: usize,
    /// Where it stands among those of the same collection or item.
    place: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelId(u32);

impl<K, L> Default for Feed<K, L> {
    fn default() -> Feed<K, L> {
        Feed {
            channels: Vec::new(),
            free: Vec::new(),
            by_key: HashMap::new(),
            of_collection: HashMap::new(),
            of_item: HashMap::new(),
        }
    }
}

impl<K: Copy + Eq + Hash, L: Copy> Feed<K, L> {
    /// Nobody listens.
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// One more listener of that kind. It is not in the list yet.
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
        let concerning = self.concerning(&interest);
        concerning.push(id);
        let place = concerning.len() - 1;
        self.by_key.insert(key, id);
        self.channels[id.0 as usize] = Some(Channel {
            interest,
            kind,
            told: now,
            current: Vec::new(),
            free: Vec::new(),
            subscribed: 0,
            place,
        });
        id
    }

    fn concerning(&mut self, interest: &Interest) -> &mut Vec<ChannelId> {
        match &interest.id {
            None => self.of_collection.entry(interest.collection).or_default(),
            Some(id) => self.of_item.entry((interest.collection, id.clone())).or_default(),
        }
    }

    /// One listener less. It is not in the list any more. With the last one the channel goes.
    pub fn leave(&mut self, id: ChannelId) {
        let channel = self.channel_mut(id);
        channel.subscribed -= 1;
        if channel.subscribed > 0 {
            return;
        }
        let Some(Channel { interest, kind, place, .. }) = self.channels[id.0 as usize].take() else { return };
        let concerning = self.concerning(&interest);
        concerning.swap_remove(place);
        let (moved, is_empty) = (concerning.get(place).copied(), concerning.is_empty());
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
        self.channels[id.0 as usize].as_ref().expect("a channel stays while it has a listener")
    }

    pub fn channel_mut(&mut self, id: ChannelId) -> &mut Channel<K, L> {
        self.channels[id.0 as usize].as_mut().expect("a channel stays while it has a listener")
    }

    /// Of this kind, where there is one.
    pub fn find(&self, interest: &Interest, kind: K) -> Option<ChannelId> {
        self.by_key.get(&(interest.clone(), kind)).copied()
    }

    pub fn ids(&self) -> Vec<ChannelId> {
        self.by_key.values().copied().collect()
    }

    /// The channels that one of these changes may be news to, each once.
    pub fn concerned(&self, changes: &[Change]) -> Vec<ChannelId> {
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
    /// This listener has everything up to now. Where it stands.
    pub fn enter(&mut self, listener: L) -> u32 {
        let place = self.free.pop().unwrap_or_else(|| {
            self.current.push(None);
            (self.current.len() - 1) as u32
        });
        self.current[place as usize] = Some(listener);
        place
    }

    /// Whoever stood there is behind, or gone.
    pub fn withdraw(&mut self, place: u32) {
        self.current[place as usize] = None;
        self.free.push(place);
    }

    pub fn at(&self, place: u32) -> Option<L> {
        self.current[place as usize]
    }

    /// As many as stood there at the most.
    pub fn places(&self) -> u32 {
        self.current.len() as u32
    }

    pub fn current(&self) -> impl Iterator<Item = L> {
        self.current.iter().flatten().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::change::{Op, Position};
    use crate::model::record::Record;

    fn interest(id: Option<&str>) -> Interest {
        Interest::whole(CollectionId(0), id)
    }

    fn change(id: &str) -> Change {
        Change {
            position: Position { epoch: 1, seq: 1 },
            collection: CollectionId(0),
            op: Op::Created,
            record: Record::new(id, String::new(), 1),
            before: None,
            counter: 0,
        }
    }

    #[test]
    fn listeners_of_one_kind_share_a_channel() {
        let mut feed: Feed<char, u64> = Feed::default();
        let all = feed.join(&interest(None), 'f', 0);
        assert_eq!(feed.join(&interest(None), 'f', 5), all);
        let events = feed.join(&interest(None), 'e', 0);
        let seventh = feed.join(&interest(Some("7")), 'f', 0);
        assert_eq!(feed.concerned(&[change("7"), change("7"), change("8")]), [all, events, seventh]);
        assert_eq!(feed.concerned(&[change("8")]), [all, events]);
        feed.leave(all);
        feed.leave(events);
        assert_eq!(feed.concerned(&[change("7")]), [all, seventh]);
        feed.leave(seventh);
        feed.leave(all);
        assert!(feed.is_empty() && feed.of_item.is_empty() && feed.of_collection.is_empty());
        let again = feed.join(&interest(Some("9")), 'f', 3);
        assert_eq!((again, feed.channel(again).told), (all, 3), "its place is used again");
        let channel = feed.channel_mut(again);
        assert_eq!([1, 2, 3].map(|listener| channel.enter(listener)), [0, 1, 2]);
        channel.withdraw(1);
        assert_eq!((channel.enter(4), channel.places()), (1, 3), "and so is a listener's");
        assert_eq!(channel.current().collect::<Vec<_>>(), [1, 4, 3]);
    }
}
