//! Code that the fuzz targets share: the splitter of inputs, readers that get their bytes in pieces, reference
//! implementations, and the server loop over a simulated network. `tests/cuts.rs` of the main package checks the same
//! properties on the seeds.
//!
//! ```text
//!   input:   a c z \n  GET / HTTP/1.1 …           the first line says how to cut the rest:
//!            1 3 26                               pieces of 1, 3, 26, 1, 3, 26 … bytes
//! ```
//!
//! A run from the project's root adds new inputs to `fuzz/corpus`, and leaves the seeds unchanged:
//!
//! ```text
//! mkdir -p fuzz/corpus/head
//! cargo +nightly fuzz run head fuzz/corpus/head fuzz/seeds/head -- -max_total_time=60
//! ```

pub mod connections;
pub mod cutter;
// The file is below `src` for the tests of the store, and is not compiled into the program.
#[path = "../../src/store/disk/fault_injection.rs"]
pub mod failing_file;
pub mod journals;
pub mod patches;
pub mod queries;
pub mod readers;
pub mod references;
pub mod simulated_sockets;
pub mod simulation;
pub mod texts;
