//! `bothways serve`: builds the journal, the listeners and the loops, and ends them in order.

use crate::cli;
use crate::event_loop::listener::{self, Tuning};
use crate::event_loop::mailbox::{self, Mailbox, Sender};
use crate::event_loop::{EventLoop, Rules, WAKER, kernel};
use crate::failure::Failure;
use crate::store::journal::{self, Journal};
use crate::store::shelf::Shelf;
use mio::Poll;
use mio::net::TcpListener;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::atomic::AtomicUsize;
use std::thread;

/// Serves until SIGTERM or SIGINT.
pub fn run(serve: &cli::Serve) -> Result<(), Failure> {
    check_names(&serve.collection).map_err(Failure::Usage)?;
    if let Err(error) = kernel::raise_descriptor_limit() {
        log::warn!("the limit of open files stays as it is: {error}");
    }
    let loops = match serve.loops {
        Some(loops) => loops.into(),
        None => thread::available_parallelism().map_or(1, usize::from),
    };
    let (addresses, listeners) = bind(serve, loops).map_err(Failure::Failed)?;
    if serve.check {
        return Ok(());
    }
    // Before the first line is printed: whoever reads it may send a signal at once.
    let mut signals =
        Signals::new([SIGTERM, SIGINT]).map_err(|error| failed("signals cannot be taken", error))?;
    let desks = furnish(serve, listeners).map_err(|error| failed("an event loop cannot begin", error))?;
    announce(&addresses).map_err(Failure::Output)?;

    let rules = Rules {
        limits: serve.limits.clone(),
        timeouts: serve.timeouts.clone(),
        compression: serve.compression.clone(),
        origins: serve.origins.clone(),
    };
    let open = AtomicUsize::new(0);
    let doors: Vec<Sender> = desks.iter().map(|desk| desk.sender.clone()).collect();
    let handle = signals.handle();
    let go_away = || doors.iter().for_each(Sender::go_away);
    // A loop that ends well was asked to, and so were the others.
    let run = |desk: Desk| desk.run(&rules, &open).inspect_err(|_| go_away());
    thread::scope(|scope| {
        scope.spawn(|| {
            // Listens until the last loop has ended: until then a second signal means something.
            for (n, signal) in signals.forever().enumerate() {
                if n > 0 {
                    log::warn!("signal {signal} again: ending at once");
                    std::process::exit(1);
                }
                log::info!("signal {signal}: finishing what was begun");
                go_away();
            }
        });
        let mut desks = desks.into_iter();
        // The first loop stays on the first thread, whose heap the system grows in larger steps.
        let first = desks.next().expect("there is at least one loop");
        let others: Vec<_> = desks.map(|desk| scope.spawn(|| run(desk))).collect();
        let first = run(first);
        let others = others.into_iter().map(|thread| thread.join().expect("a panic ends the process"));
        // Every loop is joined before the first error is told.
        let ended = others.fold(first, Result::and);
        handle.close();
        ended.map_err(|error| failed("an event loop failed", error))
    })
}

fn failed(what: &str, error: io::Error) -> Failure {
    Failure::Failed(format!("{what}: {error}"))
}

fn check_names(names: &[String]) -> Result<(), String> {
    for (n, name) in names.iter().enumerate() {
        if crate::api::routes::RESERVED.contains(&name.as_str()) {
            return Err(format!("no collection can be called {name}: the name is reserved"));
        }
        if names[..n].contains(name) {
            return Err(format!("the collection {name} is named twice"));
        }
    }
    Ok(())
}

/// The addresses, and for each loop its listeners.
fn bind(serve: &cli::Serve, loops: usize) -> Result<(Vec<SocketAddr>, Vec<Vec<TcpListener>>), String> {
    let tuning = Tuning {
        congestion: serve.congestion.clone(),
        defer_accept: serve.defer_accept,
        send_buffer_bytes: serve.send_buffer_bytes,
    };
    let mut addresses = Vec::new();
    let mut of_loops: Vec<Vec<TcpListener>> = (0..loops).map(|_| Vec::new()).collect();
    for &wanted in &serve.listen {
        let (address, listeners) = listener::bind(wanted, loops, &tuning)
            .map_err(|error| format!("cannot listen on {wanted}: {error}"))?;
        addresses.push(address);
        for (of_loop, listener) in of_loops.iter_mut().zip(listeners) {
            of_loop.push(listener);
        }
    }
    Ok((addresses, of_loops))
}

/// Everything that one loop begins with.
struct Desk {
    poll: Poll,
    sender: Sender,
    mailbox: Mailbox,
    listeners: Vec<TcpListener>,
    journal: Journal,
    shelf: Shelf,
}

fn furnish(serve: &cli::Serve, listeners: Vec<Vec<TcpListener>>) -> io::Result<Vec<Desk>> {
    let mut posts = Vec::new();
    for _ in &listeners {
        let poll = Poll::new()?;
        let (sender, mailbox) = mailbox::mailbox(&poll, WAKER)?;
        posts.push((poll, sender, mailbox));
    }
    let epoch = getrandom::u32().map_err(io::Error::other)?;
    let wake = posts.iter().map(|(_, sender, _)| {
        let sender = sender.clone();
        Box::new(move || sender.ring()) as Box<dyn Fn() + Send>
    });
    let journals = journal::new_log(epoch, wake.collect());
    let limits = &serve.limits;
    let desks = posts.into_iter().zip(listeners).zip(journals).map(|((post, listeners), journal)| {
        let (poll, sender, mailbox) = post;
        Desk {
            poll,
            sender,
            mailbox,
            listeners,
            journal,
            shelf: Shelf::new(epoch, &serve.collection, limits.item_bytes_max)
                .keeping(limits.history_changes_max, limits.history_bytes_max),
        }
    });
    Ok(desks.collect())
}

impl Desk {
    fn run(self, rules: &Rules, open: &AtomicUsize) -> io::Result<()> {
        let Desk { poll, mailbox, listeners, journal, shelf, .. } = self;
        EventLoop::new(rules, open, poll, mailbox, listeners, journal, shelf).and_then(EventLoop::run)
    }
}

/// One line for each listener, and nothing else: others wait for it.
fn announce(addresses: &[SocketAddr]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for address in addresses {
        writeln!(out, "listening on http://{address}")?;
    }
    out.flush()
}
