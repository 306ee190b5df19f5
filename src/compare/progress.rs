//! The progress bar on standard error.

use indicatif::{ProgressBar, ProgressStyle};

/// Creates a bar of `steps`. It is hidden where standard error is no terminal.
pub fn progress(steps: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len}  {msg}").expect("a valid template");
    ProgressBar::new(steps as u64).with_style(style)
}
