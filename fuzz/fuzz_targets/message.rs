//! However frames are cut they are the same messages, held or passed on, and what is held is bounded.

#![no_main]

use bothways_fuzz::{cutter, readers};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let (bytes, pieces) = cutter::cut(input);
    assert_eq!(readers::messages(&pieces), readers::messages(&[bytes]));
    assert_eq!(readers::passed_messages(&pieces), readers::plain_messages(&[bytes]));
});
