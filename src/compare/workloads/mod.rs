//! TODO compare::workloads.

pub mod call_plan;
pub mod ways;
pub mod workload;
pub mod workload_builder;
