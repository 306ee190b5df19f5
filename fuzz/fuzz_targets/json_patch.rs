//! What a JSON Patch makes of an item, a library makes of it too.

#![no_main]

use bothways_fuzz::patches;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| patches::check_patch(input));
