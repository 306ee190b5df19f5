//! The sections of a report, one file for each experiment. Each adds its blocks to the document.

pub mod appendix;
pub mod crossover;
pub mod idle_connections;
pub mod requests;
pub mod updates;
