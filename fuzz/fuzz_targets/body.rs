//! However a body is cut it has the same payload, and a stranger behind it stays untouched.
//!
//! Behind the cuts stands a line with the length of the body; without digits it is chunked.

#![no_main]

use bothways_fuzz::{cutter, readers};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((framing, input)) = readers::framing(input) else { return };
    let (bytes, pieces) = cutter::cut(input);
    let whole = readers::body(framing, &[bytes]);
    assert_eq!(readers::body(framing, &pieces), whole);
    if let Ok((_, Some(_))) = whole {
        assert_eq!(readers::body(framing, &[&[bytes, b"GET / HTTP/1.1"].concat()]), whole);
    }
});
