//! From an id to a peer. The id of a peer that is gone never finds another: it contains the generation of its
//! slot, the number of peers that have occupied the slot before.

use crate::pubsub::peer_table::PeerId;

#[derive(Debug)]
pub struct Slab<T> {
    entries: Vec<SlabEntry<T>>,
    free: Vec<u32>,
    occupied: usize,
}

#[derive(Debug)]
struct SlabEntry<T> {
    generation: u32,
    peer: Option<T>,
}

/// The upper half of an id is the generation, the lower half the slot.
const SLOT_BITS: u32 = 32;

/// The lowest of 256 ids that no peer has: no slot has the highest index.
pub const RESERVED_IDS: u64 = (u64::MAX >> SLOT_BITS << SLOT_BITS) | 0xffff_ff00;

impl<T> Default for Slab<T> {
    fn default() -> Slab<T> {
        Slab { entries: Vec::new(), free: Vec::new(), occupied: 0 }
    }
}

impl<T> Slab<T> {
    pub fn insert(&mut self, peer: T) -> PeerId {
        self.occupied += 1;
        let index = match self.free.pop() {
            Some(index) => index,
            None => {
                self.entries.push(SlabEntry { generation: 0, peer: None });
                (self.entries.len() - 1) as u32
            }
        };
        let slot = &mut self.entries[index as usize];
        slot.peer = Some(peer);
        PeerId(u64::from(slot.generation) << SLOT_BITS | u64::from(index))
    }

    pub fn get(&self, id: PeerId) -> Option<&T> {
        let entry = self.entries.get(slot_of(id))?;
        if entry.generation == generation_of(id) { entry.peer.as_ref() } else { None }
    }

    pub fn get_mut(&mut self, id: PeerId) -> Option<&mut T> {
        let entry = self.entries.get_mut(slot_of(id))?;
        if entry.generation == generation_of(id) { entry.peer.as_mut() } else { None }
    }

    /// Returns the peer in this slot, with its id.
    pub fn at(&self, index: usize) -> Option<(PeerId, &T)> {
        let slot = self.entries.get(index)?;
        let id = PeerId(u64::from(slot.generation) << SLOT_BITS | index as u64);
        Some((id, slot.peer.as_ref()?))
    }

    pub fn remove(&mut self, id: PeerId) -> Option<T> {
        self.get_mut(id)?;
        let slot = &mut self.entries[slot_of(id)];
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(slot_of(id) as u32);
        self.occupied -= 1;
        slot.peer.take()
    }

    pub fn len(&self) -> usize {
        self.occupied
    }

    pub fn is_empty(&self) -> bool {
        self.occupied == 0
    }

    pub fn ids(&self) -> Vec<PeerId> {
        (0..self.entries.len()).filter_map(|index| self.at(index)).map(|(id, _)| id).collect()
    }
}

/// Returns the slot that an id names, whatever its generation.
pub fn slot_of(id: PeerId) -> usize {
    (id.0 & ((1 << SLOT_BITS) - 1)) as usize
}

fn generation_of(id: PeerId) -> u32 {
    (id.0 >> SLOT_BITS) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_id_never_finds_a_new_peer() {
        let mut slab = Slab::default();
        let first = slab.insert("first");
        let other = slab.insert("other");
        assert_eq!(slab.remove(first), Some("first"));
        let second = slab.insert("second");
        assert_eq!(slot_of(first), slot_of(second), "the slot is reused");
        assert_eq!(slab.get_mut(first), None);
        assert_eq!(slab.remove(first), None);
        assert_eq!(slab.get_mut(second), Some(&mut "second"));
        assert_eq!(slab.ids(), [second, other]);
        assert_eq!(slab.get_mut(PeerId(RESERVED_IDS)), None);
    }
}
