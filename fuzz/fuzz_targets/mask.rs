//! Many bytes at a time are masked as one at a time, however they are cut.

#![no_main]

use bothways_fuzz::{cutter, references};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let (bytes, pieces) = cutter::cut(input);
    references::check_mask(bytes, &pieces);
});
