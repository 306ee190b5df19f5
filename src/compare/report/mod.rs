//! Reports: figures as values, a document that is made of them, and its output as text and as HTML.
//!
//! ```text
//!   Report ─┬─────────────────────────────────────────────────▶ JSON
//!           └▶ report_document ─▶ sections ─▶ Document ─┬▶ text
//!                                  └ charts, caveats    └▶ html ─▶ bar_chart, line_chart ─▶ svg, scale
//! ```

pub mod atomic_file;
pub mod bar_chart;
pub mod caveats;
pub mod charts;
pub mod document;
pub mod figures;
pub mod html;
pub mod line_chart;
pub mod markdown;
pub mod provenance;
pub mod report_document;
pub mod scale;
pub mod sections;
pub mod stdout;
pub mod svg;
pub mod text;

#[cfg(test)]
pub mod samples;
