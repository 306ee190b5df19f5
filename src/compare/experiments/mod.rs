//! TODO compare::experiments.

pub mod crossover;
pub mod idle_connections;
pub mod requests;
pub mod updates;
