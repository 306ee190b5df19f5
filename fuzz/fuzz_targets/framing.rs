//! Where a body ends is what RFC 9112 §6.3 lets a recipient decide, or is refused.

#![no_main]

use bothways_fuzz::references;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| references::check_framing(input));
