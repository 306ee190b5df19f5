//! `bothways watch URL`: follow a WebSocket, and print what comes.
//!
//! Two threads wait, for the server and for a signal, and one acts on what they tell:
//!
//! ```text
//! server ──→ listen ───┐
//!                      ├─→ news ──→ follow ──→ standard output, pongs, closes
//! signals ─→ interrupt ┘
//! ```

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::cli;
use crate::client::bounds::{ANSWER_WAIT, CLOSE_WAIT, NEWS_MAX};
use crate::client::opening;
use crate::client::socket::{Heard, Incoming, Outgoing, closed_line};
use crate::client::url::{Scheme, Url};
use crate::failure::Failure;
use crate::websocket::close::{self, Closing};

/// What there is to act on.
#[derive(Debug)]
enum News {
    Heard(Result<Heard, Failure>),
    /// SIGINT or SIGTERM.
    Interrupted,
}

/// Prints `Connected!`, then a line for each message, until interrupted or until the server closes.
/// A server that closes in good order (1000, 1001) is no failure, and is told of on standard error.
pub fn run(watch: &cli::Watch) -> Result<(), Failure> {
    let url: Url = watch.url.parse()?;
    if url.scheme == Scheme::Http {
        return Err(Failure::Usage(format!(
            "watch follows ws: URLs; for one answer from {} use `bothways call GET`",
            watch.url
        )));
    }
    let (incoming, outgoing) = opening::open(&url, &url.target(), None, ANSWER_WAIT)?;
    incoming.wait_for_reads(None)?;
    let (tell, news) = sync_channel(NEWS_MAX);
    interrupt(tell.clone())?;
    listen(incoming, tell);
    Failure::pass_over_broken_pipe(follow(&news, outgoing, &mut io::stdout().lock()))
}

/// Tells of signals from now on.
fn interrupt(tell: SyncSender<News>) -> Result<(), Failure> {
    let mut signals = Signals::new([SIGINT, SIGTERM])
        .map_err(|error| Failure::Failed(format!("cannot listen for signals: {error}")))?;
    thread::spawn(move || {
        for _ in signals.forever() {
            if tell.send(News::Interrupted).is_err() {
                return;
            }
        }
    });
    Ok(())
}

/// Tells of what the server says from now on, to its end.
fn listen(mut incoming: Incoming, tell: SyncSender<News>) {
    thread::spawn(move || {
        loop {
            let heard = incoming.hear();
            let is_last = matches!(heard, Err(_) | Ok(Heard::Broken(_) | Heard::End));
            if tell.send(News::Heard(heard)).is_err() || is_last {
                return;
            }
        }
    });
}

fn follow(news: &Receiver<News>, mut outgoing: Outgoing, out: &mut impl Write) -> Result<(), Failure> {
    print(out, format_args!("Connected!"))?;
    loop {
        // Whoever listens tells of an end before it goes.
        let heard = match news.recv() {
            Ok(News::Heard(heard)) => heard?,
            Ok(News::Interrupted) => return leave(news, outgoing),
            Err(_) => Heard::End,
        };
        match heard {
            Heard::Text(text) => print(out, format_args!("Received: {text}"))?,
            Heard::Binary { bytes } => print(out, format_args!("Received: {bytes} bytes"))?,
            Heard::Ping(payload) => outgoing.pong(&payload)?,
            Heard::Pong => {}
            Heard::Close(closing) => return closed(news, closing, outgoing),
            Heard::Broken(fault) => return Err(outgoing.fail(fault)),
            Heard::End => return Err(Failure::Failed(closed_line(close::ABNORMAL, "without a close frame"))),
        }
    }
}

/// A line that is there at once, also where standard output is a pipe.
fn print(out: &mut impl Write, line: std::fmt::Arguments) -> Result<(), Failure> {
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(Failure::Output)
}

/// We close: say so, and give the server a moment to say it too.
fn leave(news: &Receiver<News>, mut outgoing: Outgoing) -> Result<(), Failure> {
    if outgoing.close(Some(close::NORMAL)).is_ok() {
        wait_for_end(news);
    }
    Ok(())
}

/// It is for the server to end the connection (RFC 6455 §7.1.1). A second signal ends the wait for it.
fn wait_for_end(news: &Receiver<News>) {
    let until = Instant::now() + CLOSE_WAIT;
    loop {
        match news.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(News::Heard(Ok(Heard::Broken(_) | Heard::End) | Err(_))) => return,
            Ok(News::Interrupted) | Err(_) => return,
            Ok(News::Heard(Ok(_))) => {}
        }
    }
}

/// The server closes: answer with the same code (§5.5.1), and tell the reader why.
fn closed(news: &Receiver<News>, closing: Closing, mut outgoing: Outgoing) -> Result<(), Failure> {
    // It may be gone already, and that is as good.
    if outgoing.close(closing.code).is_ok() {
        wait_for_end(news);
    }
    let code = closing.code.unwrap_or(close::NO_CODE);
    let line = closed_line(code, &closing.reason);
    if !matches!(code, close::NORMAL | close::GOING_AWAY) {
        return Err(Failure::Failed(line));
    }
    // Nobody may be there to read it.
    let _ = writeln!(io::stderr(), "bothways: {line}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::canned;
    use crate::websocket::frame::Opcode;
    use std::net::TcpStream;

    const PROMPT: Duration = Duration::from_secs(5);

    /// Follows a server that says these frames after its handshake; `interrupted` sends the news of a
    /// signal once connected. What was printed, how it ended, what the server saw last.
    fn watch(
        frames: &'static [u8],
        interrupted: Option<News>,
    ) -> (String, Result<(), String>, (Opcode, Vec<u8>)) {
        let (address, server) = canned::serve(move |mut socket: TcpStream| {
            canned::shake_hands(&mut socket, None);
            socket.write_all(frames).unwrap();
            let (opcode, payload, _) = canned::read_frame(&mut socket);
            (opcode, payload)
        });
        let url = format!("ws://{address}/ws").parse().unwrap();
        let (incoming, outgoing) = opening::open(&url, "/ws", None, PROMPT).unwrap();
        let (tell, news) = sync_channel(NEWS_MAX);
        if let Some(interrupted) = interrupted {
            tell.send(interrupted).unwrap();
        }
        listen(incoming, tell);
        let mut out = Vec::new();
        let outcome = follow(&news, outgoing, &mut out).map_err(|failure| failure.to_string());
        (String::from_utf8(out).unwrap(), outcome, server.join().unwrap())
    }

    #[test]
    fn every_message_is_a_line_until_the_server_closes() {
        let frames = b"\x81\x05Hello\x82\x02\x00\x01\x8a\x00\x88\x02\x03\xe9";
        let (printed, outcome, seen) = watch(frames, None);
        assert_eq!(printed, "Connected!\nReceived: Hello\nReceived: 2 bytes\n");
        assert_eq!((outcome, seen), (Ok(()), (Opcode::Close, vec![0x03, 0xe9])));
    }

    #[test]
    fn a_ping_is_answered() {
        let (_, outcome, seen) = watch(b"\x89\x01p", None);
        assert_eq!(seen, (Opcode::Pong, b"p".to_vec()));
        let words = "the server closed the connection: 1006 without a close frame";
        assert_eq!(outcome, Err(words.to_owned()));
    }

    #[test]
    fn a_server_that_closes_for_a_reason_is_a_failure() {
        let (_, outcome, seen) = watch(b"\x88\x06\x03\xf0slow", None);
        assert_eq!(outcome, Err("the server closed the connection: 1008 slow".to_owned()));
        assert_eq!(seen, (Opcode::Close, vec![0x03, 0xf0]));
        let (_, outcome, seen) = watch(b"\x88\x00", None);
        assert_eq!(outcome, Err("the server closed the connection: 1005".to_owned()));
        assert_eq!(seen, (Opcode::Close, vec![]));
    }

    #[test]
    fn a_signal_closes_in_good_order() {
        let (printed, outcome, seen) = watch(b"", Some(News::Interrupted));
        assert_eq!((&*printed, outcome), ("Connected!\n", Ok(())));
        assert_eq!(seen, (Opcode::Close, vec![0x03, 0xe8]));
    }

    #[test]
    fn an_http_url_is_not_watched() {
        let failure = run(&cli::Watch { url: "http://a/tasks".to_owned() }).unwrap_err();
        assert_eq!(failure.exit_status(), 2);
        assert!(failure.to_string().starts_with("watch follows ws: URLs"), "{failure}");
    }

    #[test]
    fn nobody_reading_is_a_quiet_end() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        assert!(Failure::pass_over_broken_pipe(print(&mut Gone, format_args!("x"))).is_ok());
    }
}
