//! What we make shorter we make the same again; and of whatever comes no more is made than allowed.
//!
//! The pieces are messages; the whole is one that was deflated by who knows whom.

#![no_main]

use bothways_fuzz::{cutter, references};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let (bytes, pieces) = cutter::cut(input);
    references::check_inflate(bytes, &pieces);
});
