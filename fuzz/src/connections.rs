//! What holds for the bytes of one connection, however they are split: the peer is sent the same, and it is closed in the
//! end.

use super::simulation::{Commits, Simulation};
use bothways::http::parsed::Parsed;
use bothways::websocket::frame::{Header, Opcode};
use std::time::Duration;

/// When writes are settled, and how fast the peer takes what is written to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delay {
    /// At the end of the turn, and everything.
    None,
    /// Turns later, and a few bytes a turn.
    Some,
}

/// What a peer is sent that comes in these pieces, and then ends its side.
pub fn drive(delay: Delay, pieces: &[&[u8]]) -> Vec<u8> {
    let commits = if delay == Delay::Some { commits_for(pieces) } else { Commits::Inline };
    let mut simulation = Simulation::new(&["tasks".to_owned()], 1024, commits);
    let peer = simulation.connect();
    let take = |simulation: &mut Simulation| match delay {
        Delay::None => simulation.peer(peer).receive(usize::MAX),
        Delay::Some => simulation.peer(peer).receive(FEW_BYTES),
    };
    for piece in pieces {
        simulation.peer(peer).send(piece);
        take(&mut simulation);
        simulation.commit_delay = if delay == Delay::Some { 2 } else { 0 };
        simulation.turn();
        if delay == Delay::None {
            simulation.run_until_quiet();
        }
    }
    simulation.peer(peer).end();
    let mut turns = 0;
    while !simulation.is_closed(peer) {
        take(&mut simulation);
        simulation.turn();
        turns += 1;
        assert!(turns < 1_000_000, "the peer has ended, and the connection has not");
    }
    simulation.received(peer).to_vec()
}

/// However the bytes are cut, the peer is sent the same.
pub fn check(bytes: &[u8], pieces: &[&[u8]]) {
    let whole = drive(Delay::None, &[bytes]);
    let cut = drive(Delay::None, pieces);
    let late = drive(Delay::Some, pieces);
    let text = |said: &[u8]| said.escape_ascii().to_string();
    // Whoever expects 100 (Continue) and has sent the body already needs no invitation to send it.
    if bytes.to_ascii_lowercase().windows(6).any(|word| word == b"expect") {
        return;
    }
    // On a socket an echo or a pong may overtake an answer that waits for the journal.
    if let (Some(whole), Some(cut)) = (words(&whole), words(&cut)) {
        // Whoever breaks the rules has heard the last of what it asked before.
        if !whole.iter().any(|(opcode, payload)| *opcode == Opcode::Close && is_fault(payload)) {
            assert_eq!(sorted(cut), sorted(whole), "cut");
        }
        return;
    }
    assert_eq!(text(&cut), text(&whole), "cut");
    assert_eq!(text(&late), text(&whole), "cut, with a late journal and a slow reader");
}

/// Opening a store costs more than everything else, so only one input in sixteen gets one.
fn commits_for(pieces: &[&[u8]]) -> Commits {
    let is_queued = pieces.first().is_some_and(|first| first.len() % 16 == 0);
    if is_queued { Commits::Queued } else { Commits::Inline }
}

/// A peer that falls silent after its last piece, or stops reading, is closed when its timers have fired, however much
/// time passes between its pieces.
pub fn check_waits(pieces: &[&[u8]], seconds: &[u8]) {
    let mut simulation = Simulation::new(&["tasks".to_owned()], 64, commits_for(pieces));
    let peer = simulation.connect();
    let mut seconds = seconds.iter().cycle();
    for piece in pieces {
        let &second = seconds.next().unwrap_or(&0);
        simulation.peer(peer).send(piece);
        simulation.peer(peer).receive(if second % 2 == 0 { usize::from(second) } else { usize::MAX });
        simulation.commit_delay = usize::from(second % 4);
        simulation.turn();
        // Most of the letters are no time at all.
        simulation.advance(Duration::from_secs(u64::from(second.saturating_sub(b'w')) * 5));
        simulation.run_until_quiet();
    }
    simulation.run_until_all_closed();
}

/// The control frames and the messages, fragments joined, behind the head of a 101, if there is one.
pub fn words(said: &[u8]) -> Option<Vec<(Opcode, Vec<u8>)>> {
    let start = said.windows(SWITCHING.len()).position(|line| line == SWITCHING)?;
    let end = said[start..].windows(4).position(|line| line == b"\r\n\r\n")?;
    let mut rest = &said[start + end + 4..];
    let (mut words, mut open) = (Vec::<(Opcode, Vec<u8>)>::new(), None);
    while let Ok(Parsed::Whole { value: header, used }) = Header::parse(rest) {
        let Some(payload) = rest[used..].get(..header.payload_bytes as usize) else { break };
        let is_continued = header.opcode == Opcode::Continuation;
        if !header.opcode.is_control() {
            assert_eq!(open.is_some(), is_continued, "fragments of one message follow each other");
        }
        match open {
            Some(message) if is_continued => {
                let (_, joined): &mut (Opcode, Vec<u8>) = &mut words[message];
                joined.extend_from_slice(payload);
                open = open.filter(|_| !header.fin);
            }
            _ => {
                words.push((header.opcode, payload.to_vec()));
                open = if header.fin { open } else { Some(words.len() - 1) };
            }
        }
        rest = &rest[used + payload.len()..];
    }
    Some(words)
}

const SWITCHING: &[u8] = b"HTTP/1.1 101 ";

fn is_fault(close: &[u8]) -> bool {
    let code = close.first_chunk().map(|code| u16::from_be_bytes(*code));
    matches!(code, Some(1002 | 1003 | 1007..=1009))
}

fn sorted(mut frames: Vec<(Opcode, Vec<u8>)>) -> Vec<String> {
    frames.sort_by(|(_, a), (_, b)| a.cmp(b));
    frames.iter().map(|(opcode, payload)| format!("{opcode:?} {}", payload.escape_ascii())).collect()
}

/// Fewer than any answer has.
const FEW_BYTES: usize = 7;
