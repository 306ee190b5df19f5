//! Every lookup in the fields of a head says what reading its lines one after the other says.

#![no_main]

use bothways_fuzz::references;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| references::check_headers(input));
