//! However a head is cut, it says the same, and a stranger behind it stays untouched.

#![no_main]

use bothways_fuzz::{cutter, readers};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let (bytes, pieces) = cutter::cut(input);
    let whole = readers::head(&[bytes]);
    assert_eq!(readers::head(&pieces), whole);
    if let Ok(Some(_)) = whole {
        assert_eq!(readers::head(&[&[bytes, b"GET / HTTP/1.1"].concat()]), whole);
    }
});
