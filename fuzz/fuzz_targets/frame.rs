//! What we encode we can parse, and what we parse we encode to the same bytes.

#![no_main]

use bothways_fuzz::readers;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    readers::header(input);
    readers::frame(input);
});
