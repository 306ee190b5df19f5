//! Items, collections and problems as JSON, plain text, HTML and XML.
//!
//! [`cache`] holds the rendered collections. In [`html`] and [`xml`] every text passes [`escape`].

pub mod cache;
pub mod escape;
pub mod html;
pub mod json;
pub mod text;
pub mod xml;
