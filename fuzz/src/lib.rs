//! What the fuzz targets share: the cutter, the readers that are shown pieces, second opinions, and
//! the driver of whole connections. `tests/cuts.rs` of the main package runs the same on the seeds.
//!
//! ```text
//!   input:   a c z \n  GET / HTTP/1.1 …           the first line says how to cut the rest:
//!            1 3 26                               pieces of 1, 3, 26, 1, 3, 26 … bytes
//! ```
//!
//! A run, from the project's root; what it finds new goes to `fuzz/corpus`, and the seeds stay as
//! they are:
//!
//! ```text
//! mkdir -p fuzz/corpus/head
//! cargo +nightly fuzz run head fuzz/corpus/head fuzz/seeds/head -- -max_total_time=60
//! ```

pub mod connections;
pub mod cutter;
// It stands where the tests of the store find it too, and is no part of the program.
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
