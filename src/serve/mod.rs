//! `bothways serve`: builds the journal, the listeners and the loops, and ends them in order.

mod committer_thread;
mod import_file;
mod listeners;
pub mod options;
mod progress;
mod storage;
pub mod systemd;

use crate::config::ServerConfig;
use crate::error::CommandError;
use crate::metrics::loop_metrics::{Metrics, SharedMetrics};
use crate::reactor::Reactor;
use crate::reactor::listener::Listener;
use crate::reactor::loop_io::LoopIo;
use crate::reactor::socket_activation;
use crate::reactor::wakeup::WakeSender;
use crate::serve::committer_thread::CommitterThread;
use crate::serve::options::ServeOptions;
use crate::serve::systemd::{NotifySocket, SystemdEnv};
use crate::server::{READ_BUFFER_BYTES, ServerLoop};
use crate::store::commit_log::Wake;
use crate::store::journal::Journal;
use crate::store::state::State;
use signal_hook::consts::{SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::flag;
use signal_hook::iterator::Signals;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Instant;

/// Serves until SIGTERM or SIGINT.
pub fn run(options: &ServeOptions) -> Result<(), CommandError> {
    let systemd_env = SystemdEnv::from_env()?;
    // Nothing is opened before: it could get the number of an inherited descriptor.
    let inherited = socket_activation::take_over(systemd_env.sockets).map_err(CommandError::Failed)?;
    let loops = match options.loops {
        Some(loops) => loops.into(),
        None => thread::available_parallelism().map_or(1, usize::from),
    };
    let (addresses, listeners) = listeners::bind(options, inherited, loops).map_err(CommandError::Failed)?;
    if options.check {
        return storage::check(options);
    }
    let no_signals = |error| failed("signals cannot be taken", error);
    // As long as there is nothing to be finished a signal ends the process, however long the store or
    // FILE.json takes to read. As process 1 it would else be passed over.
    let is_reading = Arc::new(AtomicBool::new(true));
    for signal in [SIGTERM, SIGINT] {
        flag::register_conditional_shutdown(signal, 0, is_reading.clone()).map_err(no_signals)?;
    }
    // A file that may not grow any more (ulimit -f) is a full disk. Nobody looks at the flag.
    flag::register(SIGXFSZ, Arc::default()).map_err(no_signals)?;
    // Drawn at random, so that pages see that counting has started again.
    let metrics = Arc::new(SharedMetrics::new(getrandom::u32().unwrap_or_default()));
    let loop_ios =
        loop_ios(listeners, &metrics).map_err(|error| failed("an event loop cannot begin", error))?;
    let storage = storage::open(options, loop_ios.iter().map(wake).collect())?;
    let all_parts = assemble(loop_ios, storage.journals, storage.states);
    // Before the first line is printed: whoever reads it may send a signal at once.
    let mut signals = Signals::new([SIGTERM, SIGINT]).map_err(no_signals)?;
    is_reading.store(false, Ordering::SeqCst);
    listeners::announce(&addresses).map_err(CommandError::Output)?;
    let notify = Arc::new(NotifySocket::new(systemd_env.notify.as_deref()));
    notify.ready(&addresses);

    let config = ServerConfig {
        limits: options.limits.clone(),
        timeouts: options.timeouts.clone(),
        compression: options.compression.clone(),
        origins: options.origins.clone(),
    };
    let open = Arc::new(AtomicUsize::new(0));
    let wake_senders: Vec<WakeSender> = all_parts.iter().map(|parts| parts.io.sender.clone()).collect();
    if let Some(interval) = systemd_env.watchdog.filter(|_| notify.has_target()) {
        systemd::start_watchdog(notify.clone(), interval, wake_senders.clone())
            .map_err(|error| failed("the watchdog cannot begin", error))?;
    }
    let handle = signals.handle();
    let asked_to_end = OnceLock::new();
    let go_away = || wake_senders.iter().for_each(WakeSender::go_away);
    // A loop that ends well was asked to, and so were the others.
    let run = |parts: LoopParts| {
        parts.run(&config, open.clone(), Metrics::new(metrics.clone())).inspect_err(|_| go_away())
    };
    thread::scope(|scope| {
        scope.spawn(|| {
            // Listens until the last loop has ended: until then a second signal means something.
            for (n, signal) in signals.forever().enumerate() {
                if n > 0 {
                    log::warn!("signal {signal} again: ending at once");
                    std::process::exit(1);
                }
                log::info!("signal {signal}: finishing what was begun");
                let _ = asked_to_end.set(Instant::now());
                go_away();
                notify.stopping();
            }
        });
        let committer =
            storage.keeper.map(|(keeper, desk)| CommitterThread::start(keeper, desk, metrics.clone()));
        let mut all_parts = all_parts.into_iter();
        // The first loop stays on the first thread, whose heap the system grows in larger steps.
        let first = all_parts.next().expect("there is at least one loop");
        let others: Vec<_> = all_parts.map(|parts| scope.spawn(|| run(parts))).collect();
        let first = run(first);
        let others = others.into_iter().map(|thread| thread.join().expect("a panic ends the process"));
        // Every loop is joined before the first error is told.
        let ended = others.fold(first, Result::and);
        // Nobody asks for anything any more: what was asked is made safe.
        let ends_by = *asked_to_end.get_or_init(Instant::now) + config.timeouts.drain;
        let saved = committer.map_or(Ok(()), |committer| committer.join(ends_by));
        handle.close();
        ended.map_err(|error| failed("an event loop failed", error))?;
        saved.map_err(|why| CommandError::Failed(format!("the store {}: {why}", options.data.display())))
    })
}

fn failed(what: &str, error: io::Error) -> CommandError {
    CommandError::Failed(format!("{what}: {error}"))
}

/// Makes a loop apply what was committed.
fn wake(io: &LoopIo) -> Wake {
    let sender = io.sender.clone();
    Box::new(move || sender.wake())
}

fn loop_ios(listeners: Vec<Vec<Listener>>, metrics: &Arc<SharedMetrics>) -> io::Result<Vec<LoopIo>> {
    listeners.into_iter().map(|of_loop| LoopIo::new(of_loop, metrics.clone())).collect()
}

/// Everything that one loop begins with.
struct LoopParts {
    io: LoopIo,
    journal: Journal,
    state: State,
}

fn assemble(ios: Vec<LoopIo>, journals: Vec<Journal>, states: Vec<State>) -> Vec<LoopParts> {
    let all_parts = ios.into_iter().zip(journals).zip(states);
    all_parts.map(|((io, journal), state)| LoopParts { io, journal, state }).collect()
}

impl LoopParts {
    fn run(self, config: &ServerConfig, open: Arc<AtomicUsize>, metrics: Metrics) -> io::Result<()> {
        let LoopParts { io: LoopIo { sockets, wakeups, .. }, journal, state } = self;
        let server = ServerLoop::new(sockets, open, journal, state, READ_BUFFER_BYTES, Instant::now());
        Reactor::new(wakeups, server, config, metrics).run()
    }
}
