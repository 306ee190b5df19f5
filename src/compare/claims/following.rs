//! What is said of being told, and of all that lasts: pushes, subscriptions, idle connections, caches.

use crate::compare::claims::claim::{Claim, SERVER_BYTES_MAX, Verdict, system_calls, trips};

pub const CLAIMS: &[Claim] = &[
    Claim {
        said: "A frame is 2 bytes, where a poll is 871",
        experiment: "a message that nobody asked for, once a second, with all that it needs to travel; and a poll on a kept connection",
        verdict: Verdict::TrueIf,
        holds: |e| {
            let push = e.push?;
            let [browser, lean] = [e.bytes("kept-browser")?, e.bytes("conditional")?];
            Some(
                push.framing == 2.0
                    && push.segments == 2.0
                    && browser / push.bytes < 10.0
                    && lean / push.bytes < 4.0,
            )
        },
        condition: "if headers alone are counted, and those of TCP and IP are not. With all that travels, a \
            push is {push bytes} bytes, a poll with a browser's headers {bytes kept-browser}, and a lean \
            one that brings nothing {bytes conditional}: {pushes kept-browser} and {pushes conditional} to \
            1, and not 435",
        counted: "a push: {push segments} segments, {push bytes} bytes, of them payload {push payload} and \
            frame header {push framing}; polls: {bytes kept-browser} bytes with a browser's headers and \
            {PAYLOAD} of payload, {bytes conditional} lean and not changed",
        because: "Each push is a segment, and an acknowledgement of it. Two bytes are the header of what a \
            server sends, up to 125 bytes; what a client sends has a mask, which is four more. What a push \
            does save is the asking: while nothing happens, heartbeats are all that travels.",
        again: &[
            "bothways compare --like quantum-leap --calls 20 --rounds 3",
            "bothways compare --ways kept --headers browser --calls 20 --rounds 3",
        ],
    },
    Claim {
        said: "Polling misses changes",
        experiment: "three changes between two polls, the last of which undoes the second; nobody else writes",
        verdict: Verdict::TrueIf,
        holds: |e| {
            let told = e.told?;
            Some(
                told.polled < told.written
                    && told.positions == told.written as u64
                    && told.by_socket == told.written,
            )
        },
        condition: "if there are several between two polls: of {told written} it sees {told polled} state. \
            That it has missed some can be seen, where a tag counts changes, as here: it grew by \
            {told positions}",
        counted: "written {told written}, new states polled {told polled}, positions between the two tags \
            {told positions}, told by a socket {told by_socket}",
        because: "A poll sees states and not changes. Who needs states misses nothing but time. The number \
            in the tag is this server's, and counts all that is written to it: beside other writers it says \
            that something was missed, and not how much.",
        again: &["bothways compare --claims --rounds 5"],
    },
    Claim {
        said: "Only a WebSocket can be told without asking",
        experiment: "the same three changes, followed by an event stream and by a socket",
        verdict: Verdict::False,
        holds: |e| {
            let told = e.told?;
            Some(told.by_events == told.written && told.by_socket == told.written)
        },
        condition: "an event stream over HTTP was told of all {told by_events}",
        counted: "told by events {told by_events}, by a socket {told by_socket}",
        because: "An answer may go on for ever (Server-Sent Events): it is asked for once, as a handshake \
            is. What a socket has beside is bytes that are no text, and calls on the same connection; and a \
            browser that opens some six connections by HTTP/1.1 has one less for each event stream.",
        again: &["bothways compare --claims --rounds 5"],
    },
    Claim {
        said: "WebSocket scales only vertically",
        experiment: "16 who follow on a server of two loops, which do not know of each other's followers; one write; and one who comes \
            back on another connection with the position that it had",
        verdict: Verdict::NotDecided,
        holds: |e| {
            let loops = e.loops?;
            Some(loops.heard == loops.followers && loops.wakes > 0 && loops.resumed == 1)
        },
        condition: "what was seen is one process on several cores, and no second machine. It would take two \
            with the same changes in the same order, and this program has no store for that",
        counted: "followers {FOLLOWERS}, told {loops heard}; changes told to the one who came back \
            {loops resumed}",
        because: "What it shows is that a subscription binds nobody to the loop that has it: the loops \
            share the changes and nothing else, and whoever comes back brings its position along, so that \
            it is told what it lacks by whoever has the changes. Whether machines can share them is a \
            question to the store, for HTTP as for sockets. What speaks for the statement stays true \
            meanwhile: a connection is where it was made, so a new server gets none of those that are \
            there, and one that ends sends all of its own to the others at once. (The kernel spreads \
            connections over loops by chance: that all 16 were on one is 1 in 32 768.)",
        again: &["bothways compare --claims --rounds 5"],
    },
    Claim {
        said: "Idle connections cost memory",
        experiment: "200 connections of each kind on which nothing happens, all at the same time, one kind after the other, in a server \
            that has held none before",
        verdict: Verdict::True,
        holds: |e| {
            let kinds = [e.held("kept")?, e.held("events")?, e.held("socket")?];
            let all = kinds.iter().sum::<f64>();
            Some(all > 0.0 && kinds.iter().all(|bytes| *bytes < SERVER_BYTES_MAX))
        },
        condition: "of the server's process less than {SERVER_BYTES_MAX} bytes each, of any kind. The \
            kernel's sockets are not in that",
        counted: "bytes of the server's process for each of {HELD}: kept {~held kept}, events \
            {~held events}, socket {~held socket}",
        because: "The kernel takes for each what it takes for any TCP connection, whichever protocol it is; \
            that can only be seen of the whole machine, and may be more than the process does. In a server \
            that gives each connection a thread or a buffer of its own it is another number. `--experiments \
            hold` has a fresh server for each kind and each round, with as many connections as are wanted, \
            and says what the kernel takes, too.",
        again: &["bothways compare --claims --rounds 5"],
    },
    Claim {
        said: "Caching reduces load",
        experiment: "a GET, and the same with the tag of what is there (304)",
        verdict: Verdict::TrueIf,
        holds: |e| {
            let [asked, unchanged] = [e.bytes("kept")?, e.bytes("conditional")?];
            let long = e.bytes("conditional-long")? / e.bytes("kept-long")?;
            let same_trips = trips(e, "conditional")? == trips(e, "kept")?;
            let same_calls = (system_calls(e, "conditional")? - system_calls(e, "kept")?).abs() < 1.0;
            Some(unchanged < asked && long < 0.2 && same_trips && same_calls)
        },
        condition: "bytes, by {~less kept-long conditional-long} % at {LONG_BYTES} bytes and \
            {less kept conditional} % at {PAYLOAD}. Questions, round trips and the system calls of the \
            server not at all, as long as it is asked whether it has changed",
        counted: "bytes of a call, {PAYLOAD} of payload: {bytes kept}, not changed {bytes conditional}; \
            {LONG_BYTES}: {~bytes kept-long} and {~bytes conditional-long}; round trips {trips kept} and \
            {trips conditional}; system calls of the server {~system-calls kept} and \
            {~system-calls conditional}",
        because: "What is saved is the body. The question is read and answered as before, and a server that \
            must make the body to know its tag saves nothing but the sending. A cache that need not ask \
            (`max-age`) or one that stands before the server saves the question, too, and may be wrong for \
            as long: neither is measured here.",
        again: &[
            "bothways compare --ways kept,conditional --calls 20 --rounds 3",
            "bothways compare --ways kept,conditional --payload-bytes 4000 --calls 20 --rounds 3",
        ],
    },
    Claim {
        said: "Compression makes messages smaller",
        experiment: "the same GET as gzip, and the same call with permessage-deflate, short and long",
        verdict: Verdict::TrueIf,
        holds: |e| {
            let short = e.each("deflated", "deflated_bytes_per_call")?;
            let gzip = (e.bytes("gzip")?, e.bytes("gzip-long")?);
            Some(
                short == 0.0
                    && e.bytes("deflated-long")? < 0.5 * e.bytes("socket-long")?
                    && gzip.0 >= e.bytes("kept")?
                    && gzip.1 < 0.5 * e.bytes("kept-long")?,
            )
        },
        condition: "if they repeat themselves, and are long: {~less socket-long deflated-long} % less \
            travels at {LONG_BYTES} bytes of 25 words again and again by the socket, \
            {~less kept-long gzip-long} % by HTTP. At {PAYLOAD} this server compresses nothing",
        counted: "bytes of a call, {LONG_BYTES} of payload: by the socket {~bytes socket-long}, compressed \
            {~bytes deflated-long}; by HTTP {~bytes kept-long}, compressed {~bytes gzip-long}. {PAYLOAD} of \
            payload: by the socket {bytes socket} and {bytes deflated}, by HTTP {bytes kept} and \
            {bytes gzip}",
        because: "What people write repeats itself less, and is compressed less; what is compressed \
            already, not at all. It is paid for with processor time and with memory for each connection, \
            which are not in this: [chapter 5](5-compression.md) says from what length it is worth them.",
        again: &[
            "bothways compare --ways kept,kept-gzip,socket,socket-deflated --payload-bytes 4000 --calls 20 --rounds 3",
            "bothways compare --ways kept,kept-gzip,socket,socket-deflated --calls 20 --rounds 3",
        ],
    },
];
