//! However the bytes of a peer are cut, it is sent the same bytes, nothing behind the end, and what
//! is held for it is bounded.

#![no_main]

use bothways_fuzz::cutter;
use bothways_fuzz::driver::check;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let (bytes, pieces) = cutter::cut(input);
    check(bytes, &pieces);
});
