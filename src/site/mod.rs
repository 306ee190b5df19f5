//! TODO site.

pub mod chapters;
pub mod page;
