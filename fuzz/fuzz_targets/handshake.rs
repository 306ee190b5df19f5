//! A handshake is taken up if and only if its key is 16 bytes in base64, and then a client accepts
//! the answer.
//!
//! The first line is the key; behind it may stand more fields.

#![no_main]

use bothways_fuzz::readers;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| readers::check_handshake(input));
