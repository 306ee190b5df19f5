//! Another library reads the same messages, and refuses what we refuse.

#![no_main]

use bothways_fuzz::references;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| references::check_messages(input));
