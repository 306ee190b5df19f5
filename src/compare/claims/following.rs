//! What is said of being told, and of all that lasts: pushes, subscriptions, idle connections, caches.

use crate::compare::claims::evidence::{FOLLOWERS, HELD, LONG_BYTES};
use crate::compare::claims::ledger::{Claim, PAYLOAD, Verdict, less, n, trips};

pub const CLAIMS: &[Claim] = &[
    Claim {
        said: "A frame is 2 bytes, where a poll is 871",
        experiment: "a message that nobody asked for, once a second, with all that it needs to travel",
        verdict: Verdict::TrueIf,
        holds: |e| {
            e.push.framing == 2.0 && e.push.segments == 2.0 && e.bytes("conditional") / e.push.bytes < 4.0
        },
        condition: Some(|e| {
            format!(
                "if TCP and IP are not counted: with them a push of {} bytes is {} and a lean poll that \
            brings nothing {}, {} to 1 and not 435",
                n(e.push.payload),
                n(e.push.bytes),
                n(e.bytes("conditional")),
                n(e.bytes("conditional") / e.push.bytes)
            )
        }),
        counted: |e| {
            format!(
                "a push: {} segments, {} bytes, of them payload {} and frame header {}; a lean conditional poll: {} bytes",
                n(e.push.segments),
                n(e.push.bytes),
                n(e.push.payload),
                n(e.push.framing),
                n(e.bytes("conditional"))
            )
        },
        because: |_| {
            "Each push is a segment, and an acknowledgement of it. What a push does save is the asking: nothing travels \
            while nothing happens.".to_owned()
        },
        again: "bothways compare --like quantum-leap --calls 20 --rounds 3",
    },
    Claim {
        said: "Polling misses changes",
        experiment: "three changes between two polls, the last of which undoes the second",
        verdict: Verdict::TrueIf,
        holds: |e| {
            e.told.polled < e.told.written
                && e.told.positions == e.told.written as u64
                && e.told.by_socket == e.told.written
        },
        condition: Some(|e| {
            format!(
                "of {} changes between two polls {} state is seen; that there were {} is seen, too, \
            by the number in the tag",
                e.told.written, e.told.polled, e.told.positions
            )
        }),
        counted: |e| {
            format!(
                "written {}, new states polled {}, positions between the two tags {}, told by a socket {}",
                e.told.written, e.told.polled, e.told.positions, e.told.by_socket
            )
        },
        because: |_| {
            "A poll sees states and not changes. Who needs states misses nothing but time.".to_owned()
        },
        again: "bothways compare --claims --rounds 5",
    },
    Claim {
        said: "Only a WebSocket can be told without asking",
        experiment: "the same three changes, followed by an event stream and by a socket",
        verdict: Verdict::False,
        holds: |e| e.told.by_events == e.told.written && e.told.by_socket == e.told.written,
        condition: Some(|e| format!("an event stream over HTTP was told of all {}", e.told.by_events)),
        counted: |e| format!("told by events {}, by a socket {}", e.told.by_events, e.told.by_socket),
        because: |_| {
            "An answer may go on for ever (Server-Sent Events). What a socket alone has is that the same connection \
            takes calls.".to_owned()
        },
        again: "bothways compare --claims --rounds 5",
    },
    Claim {
        said: "WebSocket scales only vertically",
        experiment: "16 who follow on a server of two loops, which do not know of each other's followers; one write; and one who comes \
            back on another connection with the position that it had",
        verdict: Verdict::False,
        holds: |e| e.loops.heard == e.loops.followers && e.loops.wakes > 0 && e.loops.resumed == 1,
        condition: Some(|_| {
            "as far as one machine can show: loops were several, machines were not".to_owned()
        }),
        counted: |e| {
            format!(
                "followers {FOLLOWERS}, told {}; changes told to the one who came back {}",
                e.loops.heard, e.loops.resumed
            )
        },
        because: |_| {
            "What a server must know of a subscription is what is followed and how far; the second the client \
            brings along, so any server that has the changes can go on. That several machines have the same changes in \
            the same order is a question to the store, for HTTP as for sockets, and is not shown here. The kernel spreads connections over loops by chance: that all 16 were on one is 1 in 32 768. What is true: a \
            connection stays where it was made, so a new server gets none of those that are there.".to_owned()
        },
        again: "bothways compare --claims --rounds 5",
    },
    Claim {
        said: "Idle connections cost memory",
        experiment: "200 connections of each kind on which nothing happens",
        verdict: Verdict::True,
        holds: |e| ["kept", "events", "socket"].iter().all(|kind| e.held(kind) < SERVER_BYTES_MAX),
        condition: Some(|_| {
            format!(
                "but less than {} bytes of this server each, of any kind: 10 000 are less than {} MB",
                SERVER_BYTES_MAX,
                SERVER_BYTES_MAX / 100.0
            )
        }),
        counted: |e| {
            let words = |kind| format!("{kind} ~{}", n(e.held(kind).round()));
            let all = [words("kept"), words("events"), words("socket")].join(", ");
            format!("bytes of the server's process for each of {HELD}: {all}")
        },
        because: |_| {
            "Beside them stand the kernel's sockets, which do not ask which protocol it is; what they take can only be \
             seen of the whole machine, and is not put in here. In a server that gives each connection a thread or a buffer \
             of its own it is another number."
                .to_owned()
        },
        again: "bothways compare --experiments hold --connections 200 --rounds 3",
    },
    Claim {
        said: "Caching reduces load",
        experiment: "a GET, and the same with the tag of what is there (304)",
        verdict: Verdict::TrueIf,
        holds: |e| {
            trips(e, "conditional") == trips(e, "kept")
                && e.said("conditional-long") < 0.1 * e.said("kept-long")
                && e.bytes("conditional") < e.bytes("kept")
        },
        condition: Some(|e| {
            format!(
                "bytes, by {} % at {LONG_BYTES} bytes and {} % at {PAYLOAD}; questions not at all, as long \
            as it is asked whether it has changed",
                less(e.said("kept-long"), e.said("conditional-long")),
                less(e.said("kept"), e.said("conditional"))
            )
        }),
        counted: |e| {
            format!(
                "said in a call of {PAYLOAD} bytes: {}, not changed {}; of {LONG_BYTES}: {} and {}; round trips of a \
            call {} and {}",
                n(e.said("kept")),
                n(e.said("conditional")),
                n(e.said("kept-long")),
                n(e.said("conditional-long")),
                n(trips(e, "kept")),
                n(trips(e, "conditional"))
            )
        },
        because: |_| {
            "What is saved is the body. The question is asked, read and answered as before. A cache that need not ask (`max-\
            age`) saves that, too, and may then be wrong for as long.".to_owned()
        },
        again: "bothways compare --ways kept,conditional --payload-bytes 4000 --calls 20 --rounds 3",
    },
    Claim {
        said: "Compression makes messages smaller",
        experiment: "the same calls with permessage-deflate, short and long",
        verdict: Verdict::TrueIf,
        holds: |e| {
            e.least("deflated", "deflated_bytes_per_call") == 0.0
                && e.said("deflated-long") < 0.5 * e.said("socket-long")
        },
        condition: Some(|e| {
            format!(
                "by ~{} % at {LONG_BYTES} bytes of plain words; at {PAYLOAD} nothing is compressed",
                less(e.said("socket-long"), e.said("deflated-long"))
            )
        }),
        counted: |e| {
            format!(
                "said in a call of {LONG_BYTES} bytes: {}, compressed ~{}; of {PAYLOAD}: {} and {}",
                n(e.said("socket-long")),
                n(e.said("deflated-long")),
                n(e.said("socket")),
                n(e.said("deflated"))
            )
        },
        because: |_| {
            "A short message has nothing in it twice. [Chapter 5](5-compression.md) says from what length it is \
            worth its memory.".to_owned()
        },
        again: "bothways compare --ways socket,socket-deflated --payload-bytes 4000 --calls 20 --rounds 3",
    },
];

/// More than any connection of this server takes while nothing happens on it.
const SERVER_BYTES_MAX: f64 = 4_000.0;
