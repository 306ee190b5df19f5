//! An item is one line of plain text, and a list has a line for each item.

#![no_main]

use bothways_fuzz::texts;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| texts::check_representation(input));
