//! How far loading has come, told to whoever waits for it.

use crate::store::disk::durable_store::{Progress, Watcher};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle};
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// A store that is loaded sooner is not worth a word.
const SILENT: Duration = Duration::from_secs(1);

/// How often the log says it, where no terminal shows a bar.
const LOGGED_EVERY: Duration = Duration::from_secs(5);

/// A bar on the terminal, once loading has taken a second; lines in the log where there is none.
pub fn watcher(path: &Path) -> Watcher {
    let started = Instant::now();
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden())
        .with_finish(ProgressFinish::AndClear);
    let style = "{msg} {wide_bar} {percent} %";
    bar.set_style(ProgressStyle::with_template(style).expect("the template is well-formed"));
    let path = path.display().to_string();
    let logged = std::cell::Cell::new(started);
    Rc::new(move |progress| {
        if started.elapsed() < SILENT {
            return;
        }
        let (doing, at, of) = match progress {
            Progress::Checked(share) => ("checking", (share * 100.0) as u64, 100),
            Progress::Loaded { items, of } => ("loading", items, of),
        };
        if bar.is_hidden() {
            bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        bar.set_message(format!("{doing} {path}"));
        bar.set_length(of);
        bar.set_position(at);
        if bar.is_hidden() && logged.get().elapsed() > LOGGED_EVERY {
            log::info!("{doing} {path}: {at} of {of}");
            logged.set(Instant::now());
        }
    })
}
