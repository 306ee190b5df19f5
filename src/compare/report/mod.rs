//! TODO compare::report.

pub mod atomic_file;
pub mod bar_chart;
pub mod caveats;
pub mod charts;
pub mod figures;
pub mod html;
pub mod line_chart;
pub mod provenance;
pub mod scale;
pub mod text;
pub mod update_tables;
