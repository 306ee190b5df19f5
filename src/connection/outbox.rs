//! What is still to be written to one peer: pieces of its own, and pieces shared with others.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::sync::Arc;

/// Empty, it owns no memory; what it is given to write into, it gives back when it is empty.
#[derive(Debug, Default)]
pub struct Outbox {
    /// Pieces before `tail`, in order.
    front: VecDeque<Piece>,
    /// The newest bytes of its own.
    tail: Vec<u8>,
    /// How much of the first piece is written already.
    written: usize,
}

#[derive(Debug)]
enum Piece {
    Own(Vec<u8>),
    Shared(Arc<[u8]>),
}

impl Piece {
    fn bytes(&self) -> &[u8] {
        match self {
            Piece::Own(bytes) => bytes,
            Piece::Shared(bytes) => bytes,
        }
    }
}

/// Most pieces that leave in one vectored write.
pub const SLICES_MAX: usize = 64;

/// Written bytes that stand before others of one's own are given up from so many on, once they are half.
const COMPACTED_BYTES_MIN: usize = 64 * 1024;

/// From this size on a piece is shared instead of copied.
pub const SHARED_BYTES_MIN: usize = 4096;

impl Outbox {
    /// Where to append bytes of one's own.
    pub fn own(&mut self) -> &mut Vec<u8> {
        &mut self.tail
    }

    /// Appends bytes that other outboxes hold too.
    pub fn share(&mut self, bytes: Arc<[u8]>) {
        self.put_tail_away();
        self.front.push_back(Piece::Shared(bytes));
    }

    /// Appends bytes that others hold too, and copies them where that is less work.
    pub fn put(&mut self, bytes: &Arc<[u8]>) {
        if bytes.len() < SHARED_BYTES_MIN {
            self.tail.extend_from_slice(bytes);
        } else {
            self.share(bytes.clone());
        }
    }

    /// Appends bytes, taking them over.
    pub fn append(&mut self, bytes: Vec<u8>) {
        self.put_tail_away();
        self.front.push_back(Piece::Own(bytes));
    }

    fn put_tail_away(&mut self) {
        if !self.tail.is_empty() {
            self.front.push_back(Piece::Own(std::mem::take(&mut self.tail)));
        }
    }

    pub fn is_empty(&self) -> bool {
        self.front.is_empty() && self.tail.is_empty()
    }

    /// Bytes still to be written.
    pub fn len(&self) -> usize {
        let front: usize = self.front.iter().map(|piece| piece.bytes().len()).sum();
        front + self.tail.len() - self.written
    }

    /// Bytes of memory held. What is shared counts for all who hold it.
    pub fn held_bytes(&self) -> usize {
        let held = |piece: &Piece| match piece {
            Piece::Own(bytes) => bytes.capacity(),
            Piece::Shared(bytes) => bytes.len(),
        };
        self.front.iter().map(held).sum::<usize>() + self.tail.capacity()
    }

    /// The bytes to be written, where they stand in one piece; the usual case.
    pub fn single(&self) -> Option<&[u8]> {
        self.front.is_empty().then(|| &self.tail[self.written..])
    }

    /// The first pieces to be written, what is to follow at the end among them, and how many of `slices`
    /// they fill.
    pub fn slices<'a>(&'a self, behind: &'a [u8], slices: &mut [IoSlice<'a>; SLICES_MAX]) -> usize {
        let own = self.front.iter().map(Piece::bytes).chain([&self.tail[..]]);
        let mut count = 0;
        for bytes in own.chain([behind]).filter(|bytes| !bytes.is_empty()).take(SLICES_MAX) {
            let from = if count == 0 { self.written } else { 0 };
            slices[count] = IoSlice::new(&bytes[from..]);
            count += 1;
        }
        count
    }

    /// So many bytes have been written.
    pub fn advance(&mut self, bytes: usize) {
        self.written += bytes;
        while let Some(first) = self.front.front() {
            let length = first.bytes().len();
            if self.written < length {
                return;
            }
            self.written -= length;
            self.front.pop_front();
        }
        if self.written == self.tail.len() {
            self.tail.clear();
            self.written = 0;
        } else if self.written >= COMPACTED_BYTES_MIN && 2 * self.written >= self.tail.len() {
            // Whoever reads, but never all of it, keeps nothing of what it has read.
            self.tail.drain(..self.written);
            self.tail.shrink_to(2 * self.tail.len());
            self.written = 0;
        }
        if self.front.is_empty() && self.front.capacity() > SLICES_MAX {
            self.front = VecDeque::new();
        }
    }

    /// Lends an empty buffer, where it has none of its own to append to.
    pub fn lend(&mut self, spare: &mut Vec<Vec<u8>>) {
        if self.tail.capacity() == 0
            && let Some(buffer) = spare.pop()
        {
            self.tail = buffer;
        }
    }

    /// Takes the buffer back when all is written.
    pub fn give_back(&mut self) -> Option<Vec<u8>> {
        (self.tail.is_empty() && self.tail.capacity() > 0).then(|| std::mem::take(&mut self.tail))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(outbox: &Outbox) -> Vec<u8> {
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        let count = outbox.slices(b"", &mut slices);
        slices[..count].iter().flat_map(|slice| slice.iter().copied()).collect()
    }

    #[test]
    fn pieces_leave_in_the_order_they_came_however_they_are_written() {
        let shared: Arc<[u8]> = (*b"shared").into();
        for step in 1..20 {
            let mut outbox = Outbox::default();
            outbox.own().extend_from_slice(b"one ");
            outbox.share(shared.clone());
            outbox.own().extend_from_slice(b" two ");
            outbox.share(shared.clone());
            outbox.append(b" three".to_vec());
            outbox.own().extend_from_slice(b" four");
            let mut written = Vec::new();
            while !outbox.is_empty() {
                let rest = content(&outbox);
                assert_eq!(rest.len(), outbox.len());
                let now = step.min(rest.len());
                written.extend_from_slice(&rest[..now]);
                outbox.advance(now);
            }
            assert_eq!(written, b"one shared two shared three four", "in steps of {step}");
        }
    }

    #[test]
    fn who_reads_but_never_all_keeps_nothing_of_what_it_has_read() {
        let mut outbox = Outbox::default();
        outbox.own().extend_from_slice(&[7; 1000]);
        for _ in 0..10_000 {
            outbox.own().extend_from_slice(&[7; 1000]);
            outbox.advance(1000);
        }
        assert_eq!(outbox.len(), 1000);
        assert!(outbox.held_bytes() < 4 * COMPACTED_BYTES_MIN, "{} bytes", outbox.held_bytes());
    }

    #[test]
    fn an_empty_outbox_owns_no_memory() {
        let mut spare = vec![Vec::with_capacity(64)];
        let mut outbox = Outbox::default();
        outbox.lend(&mut spare);
        outbox.own().extend_from_slice(b"answer");
        assert_eq!(outbox.single(), Some(&b"answer"[..]));
        assert_eq!(outbox.give_back(), None);
        outbox.advance(6);
        assert_eq!(outbox.give_back().unwrap().capacity(), 64);
        assert_eq!(outbox.tail.capacity() + outbox.front.capacity(), 0);
    }
}
