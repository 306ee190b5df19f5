//! Input that is not parsed yet: the beginning of a head or of a frame, or what waits until answers have left.

/// The driver of a connection takes it, appends what arrived, shows both to the connection, and puts back the rest. It
/// holds memory only while it is not empty.
#[derive(Debug, Default)]
pub struct UnparsedInput(Vec<u8>);

impl UnparsedInput {
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }

    pub fn put_back(&mut self, rest: &[u8]) {
        self.0.extend_from_slice(rest);
    }

    /// Puts back what was not used of the buffer that [`UnparsedInput::take`] returned. The buffer shrinks, so that a
    /// peer that has sent much holds no more memory than its rest needs.
    pub fn put_back_buffer(&mut self, mut buffer: Vec<u8>, used: usize) {
        if used < buffer.len() {
            buffer.drain(..used);
            buffer.shrink_to(2 * buffer.len());
            self.0 = buffer;
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub fn capacity(&self) -> usize {
        self.0.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_that_is_left_over_holds_no_memory_of_what_came_before_it() {
        let mut unparsed = UnparsedInput::default();
        unparsed.put_back(b"GET ");
        let mut buffer = unparsed.take();
        buffer.extend_from_slice(&[b'x'; 200_000]);
        unparsed.put_back_buffer(buffer, 200_000);
        assert!(!unparsed.is_empty());
        assert!(unparsed.capacity() < 100, "{} bytes", unparsed.capacity());
    }
}
