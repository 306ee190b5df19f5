//! Whatever is asked for by whom, and whatever fails, every loop has seen one list of changes; what was
//! answered is still there after a crash, and what was refused is not.

#![no_main]

use bothways_fuzz::journals;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| journals::check_journal(input));
