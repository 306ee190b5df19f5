//! What we take for a chunked body a library takes for the same one, and what it takes we do too or
//! say why not.

#![no_main]

use bothways_fuzz::references;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| references::check_chunked(input));
