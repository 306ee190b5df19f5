//! The built-in pages: their scripts and styles, and the documents of this project as chapters.

pub mod chapters;
pub mod page;
