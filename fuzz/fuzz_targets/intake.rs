//! An item is taken if and only if a library reads it and it follows our rules; and what is kept is
//! what the library read.

#![no_main]

use bothways_fuzz::texts;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| texts::check_intake(input));
