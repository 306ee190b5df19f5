//! What we write as a response, a library and we ourselves read back the same.
//!
//! The first line is a status and how the body ends: `sized`, `head`, `empty` or `chunked`; then come
//! fields, and behind a blank line the body.

#![no_main]

use bothways_fuzz::references;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| references::check_response(input));
