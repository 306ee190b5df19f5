//! Four bytes over many: the masking of RFC 6455 §5.3.
//!
//! Byte `i` of a frame's payload is XORed with byte `i % 4` of the key. The same again undoes it.

/// XOR `payload` with `mask` in place. `offset` is how many bytes of this frame's payload came
/// before these, for a payload that arrives in pieces.
#[inline]
pub fn apply(payload: &mut [u8], mask: [u8; 4], offset: usize) {
    let mut key = mask;
    key.rotate_left(offset % 4);

    // A block is a multiple of the key, so the key never has to be turned again; and its length is
    // known to the compiler, which makes a few wide instructions of it, with no regard to alignment.
    let wide_key: [u8; BLOCK_BYTES] = std::array::from_fn(|i| key[i % 4]);
    let (blocks, rest) = payload.as_chunks_mut::<BLOCK_BYTES>();
    for block in blocks {
        xor(block, &wide_key);
    }
    let (words, tail) = rest.as_chunks_mut::<4>();
    for word in words {
        xor(word, &key);
    }
    for (byte, key) in tail.iter_mut().zip(key) {
        *byte ^= key;
    }
}

#[inline]
fn xor<const BYTES: usize>(block: &mut [u8; BYTES], key: &[u8; BYTES]) {
    for (byte, key) in block.iter_mut().zip(key) {
        *byte ^= key;
    }
}

/// Two registers of 16 bytes, or one of 32.
const BLOCK_BYTES: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

    /// What §5.3 says, word for word.
    fn one_byte_at_a_time(payload: &mut [u8], mask: [u8; 4], offset: usize) {
        for (i, byte) in payload.iter_mut().enumerate() {
            *byte ^= mask[(offset + i) % 4];
        }
    }

    #[test]
    fn many_bytes_at_a_time_give_what_one_at_a_time_gives() {
        let bytes: Vec<u8> = (0..=255).collect();
        for offset in 0..9 {
            for length in 0..200 {
                for start in 0..4 {
                    let mut fast = bytes[start..start + length].to_vec();
                    let mut slow = fast.clone();
                    apply(&mut fast, KEY, offset);
                    one_byte_at_a_time(&mut slow, KEY, offset);
                    assert_eq!(fast, slow, "offset {offset}, length {length}");
                }
            }
        }
    }

    #[test]
    fn a_payload_in_two_pieces_is_masked_as_in_one() {
        let bytes: Vec<u8> = (0..=255).collect();
        let mut whole = bytes.clone();
        apply(&mut whole, KEY, 0);
        for cut in 0..bytes.len() {
            let mut pieces = bytes.clone();
            let (front, back) = pieces.split_at_mut(cut);
            apply(front, KEY, 0);
            apply(back, KEY, cut);
            assert_eq!(pieces, whole, "cut at {cut}");
        }
    }

    #[test]
    fn masking_twice_gives_back_what_was() {
        let mut bytes = *b"the same again undoes it";
        apply(&mut bytes, KEY, 3);
        apply(&mut bytes, KEY, 3);
        assert_eq!(&bytes, b"the same again undoes it");
    }

    #[test]
    fn the_masked_hello_of_rfc_6455_5_7() {
        let mut bytes = [0x7f, 0x9f, 0x4d, 0x51, 0x58];
        apply(&mut bytes, KEY, 0);
        assert_eq!(&bytes, b"Hello");
    }
}
