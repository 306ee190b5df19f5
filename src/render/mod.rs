//! TODO render.

pub mod escape;
pub mod html;
pub mod text;
pub mod xml;
