//! What the load clients of a round do: the ways of calling, and workloads that are built for one table.

pub mod call_plan;
pub mod ways;
pub mod workload;
pub mod workload_builder;
