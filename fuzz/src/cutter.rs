//! Lets the input choose how its bytes are cut.

/// The bytes behind the first line, and the pieces into which that line cuts them: the last five
/// bits of each of its characters are a length, so `a` is 1 and `z` is 26. A length of 0 (`@`) is
/// all that is left, and so is an empty line. Input without a line is not cut. There is always a
/// piece, if only an empty one: readers are shown something before they are asked.
pub fn cut(input: &[u8]) -> (&[u8], Vec<&[u8]>) {
    let Some(end) = input.iter().position(|&byte| byte == b'\n') else {
        return (input, vec![input]);
    };
    let (lengths, bytes) = (&input[..end], &input[end + 1..]);
    let mut lengths = lengths.iter().cycle().map(|byte| usize::from(byte & 31));
    let mut rest = bytes;
    let mut pieces = Vec::new();
    while !rest.is_empty() || pieces.is_empty() {
        let length = match lengths.next() {
            Some(length) if length > 0 => length.min(rest.len()),
            _ => rest.len(),
        };
        let (piece, behind) = rest.split_at(length);
        pieces.push(piece);
        rest = behind;
    }
    (bytes, pieces)
}
