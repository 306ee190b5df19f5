//! A query has one text, whatever the order of its parts, and leaves of a list what a slow model leaves.

#![no_main]

use bothways_fuzz::queries;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| queries::check_query(input));
