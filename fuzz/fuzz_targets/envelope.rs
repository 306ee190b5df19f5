//! Whatever a message is, its answer is JSON with the same id.

#![no_main]

use bothways_fuzz::texts;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| texts::check_envelope(input));
