//! However the bytes of a peer are cut, it is sent the same bytes, nothing behind the end, and what
//! is held for it is bounded; and however long it is silent between them, it is gone in the end.

#![no_main]

use bothways_fuzz::{connections, cutter};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let (bytes, pieces) = cutter::cut(input);
    connections::check(bytes, &pieces);
    connections::check_waits(&pieces, input.split(|&byte| byte == b'\n').next().unwrap_or_default());
});
