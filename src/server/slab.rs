//! From a token to a peer. An old token never finds a new peer: it carries the generation of its
//! slot, which counts how many peers sat there before.

use mio::Token;

#[derive(Debug)]
pub struct Slots<T> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
    taken: usize,
}

#[derive(Debug)]
struct Slot<T> {
    generation: u32,
    peer: Option<T>,
}

/// The upper half of a token is the generation, the lower the slot; two values are kept for
/// listeners and the waker.
const SLOT_BITS: u32 = 32;

/// Tokens from here on are never those of a slot: no slot has the highest index.
pub const RESERVED_TOKENS: usize = (usize::MAX >> SLOT_BITS << SLOT_BITS) | 0xffff_ff00;

impl<T> Default for Slots<T> {
    fn default() -> Slots<T> {
        Slots { slots: Vec::new(), free: Vec::new(), taken: 0 }
    }
}

impl<T> Slots<T> {
    pub fn insert(&mut self, peer: T) -> Token {
        self.taken += 1;
        let index = match self.free.pop() {
            Some(index) => index,
            None => {
                self.slots.push(Slot { generation: 0, peer: None });
                (self.slots.len() - 1) as u32
            }
        };
        let slot = &mut self.slots[index as usize];
        slot.peer = Some(peer);
        Token((slot.generation as usize) << SLOT_BITS | index as usize)
    }

    pub fn get_mut(&mut self, token: Token) -> Option<&mut T> {
        let slot = self.slots.get_mut(index_of(token))?;
        if slot.generation != (token.0 >> SLOT_BITS) as u32 {
            return None;
        }
        slot.peer.as_mut()
    }

    /// Whoever sits in this slot now, and the token for it.
    pub fn at(&self, index: usize) -> Option<(Token, &T)> {
        let slot = self.slots.get(index)?;
        let token = Token((slot.generation as usize) << SLOT_BITS | index);
        Some((token, slot.peer.as_ref()?))
    }

    pub fn remove(&mut self, token: Token) -> Option<T> {
        self.get_mut(token)?;
        let slot = &mut self.slots[index_of(token)];
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(index_of(token) as u32);
        self.taken -= 1;
        slot.peer.take()
    }

    pub fn len(&self) -> usize {
        self.taken
    }

    pub fn is_empty(&self) -> bool {
        self.taken == 0
    }

    pub fn tokens(&self) -> Vec<Token> {
        (0..self.slots.len()).filter_map(|index| self.at(index)).map(|(token, _)| token).collect()
    }
}

/// Which slot a token names, whatever its generation.
pub fn index_of(token: Token) -> usize {
    token.0 & ((1 << SLOT_BITS) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_token_never_finds_a_new_peer() {
        let mut slots = Slots::default();
        let first = slots.insert("first");
        let other = slots.insert("other");
        assert_eq!(slots.remove(first), Some("first"));
        let second = slots.insert("second");
        assert_eq!(index_of(first), index_of(second), "the slot is used again");
        assert_eq!(slots.get_mut(first), None);
        assert_eq!(slots.remove(first), None);
        assert_eq!(slots.get_mut(second), Some(&mut "second"));
        assert_eq!(slots.tokens(), [second, other]);
        assert_eq!(slots.get_mut(Token(RESERVED_TOKENS)), None);
    }
}
