//! What is said of asking: what a call costs on either road.

use crate::compare::claims::evidence::{AT_ONCE, CALLS, LONG_BYTES};
use crate::compare::claims::ledger::{
    Claim, PAYLOAD, Verdict, around, fields, first, less, little_saved_from, n, overhead, repaid_after,
    saved, trips,
};

pub const CLAIMS: &[Claim] = &[
    Claim {
        said: "REST needs a new connection for each request",
        experiment: "20 calls on one connection, and 20 on a connection each",
        verdict: Verdict::False,
        holds: |e| {
            e.least("kept", "connections_per_call") == 0.0 && e.least("new", "connections_per_call") == 1.0
        },
        condition: Some(|e| {
            format!(
                "one connection carried all {CALLS}, at {} segments a call and not {}",
                n(e.least("kept", "segments_per_call")),
                n(e.least("new", "segments_per_call"))
            )
        }),
        counted: |e| {
            format!(
                "kept: 1 connection, {} segments and {} bytes a call; new for each: {CALLS} connections, {} \
            segments and {} bytes",
                n(e.least("kept", "segments_per_call")),
                n(e.bytes("kept")),
                n(e.least("new", "segments_per_call")),
                n(e.bytes("new"))
            )
        },
        because: |_| {
            "Since HTTP/1.1 a connection stays unless somebody says that it shall not. Who measures REST with a \
            connection for each request measures TCP.".to_owned()
        },
        again: "bothways compare --ways new,kept --calls 20 --rounds 3",
    },
    Claim {
        said: "WebSocket has no overhead",
        experiment: "the same call by the socket: what of it is payload",
        verdict: Verdict::False,
        holds: |e| e.least("socket", "framing_bytes_per_call") > 0.0 && e.bytes("socket") > 2.0 * PAYLOAD,
        condition: Some(|e| format!("{} bytes around {PAYLOAD} of payload", n(e.bytes("socket") - PAYLOAD))),
        counted: |e| {
            format!(
                "{} bytes a call: payload {PAYLOAD}, frame headers and masks {}, JSON-RPC {}, TCP and IP {}",
                n(e.bytes("socket")),
                n(e.least("socket", "framing_bytes_per_call")),
                n(e.least("socket", "fields_bytes_per_call")),
                n(e.least("socket", "header_bytes_per_call"))
            )
        },
        because: |_| {
            "The frame is short. But it must be said which answer is to which call, and which status it has, and \
            what says that is the overhead; and TCP and IP are there as ever.".to_owned()
        },
        again: "bothways compare --ways socket --calls 20 --rounds 3",
    },
    Claim {
        said: "REST is costly",
        experiment: "one call as it is done worst, and as it is done best",
        verdict: Verdict::TrueIf,
        holds: |e| e.bytes("new-browser") > 3.0 * e.bytes("kept") && overhead(e, "kept") < LONG_BYTES as f64,
        condition: Some(|e| {
            format!(
                "for payloads of less than {} bytes more than half of it is not payload; with a new \
            connection and a browser's headers that is so up to {}",
                n(overhead(e, "kept").ceil()),
                n(overhead(e, "new-browser").ceil())
            )
        }),
        counted: |e| {
            format!(
                "for {PAYLOAD} bytes: new connection and a browser's headers {}, new and lean {}, kept and a \
            browser's {}, kept and lean {}",
                n(e.bytes("new-browser")),
                n(e.bytes("new")),
                n(e.bytes("kept-browser")),
                n(e.bytes("kept"))
            )
        },
        because: |e| {
            format!(
                "What costs is the connection and what a browser tells of itself, {} of {} bytes. Both are \
            choices.",
                n(e.bytes("new-browser") - e.bytes("kept")),
                n(e.bytes("new-browser"))
            )
        },
        again: "bothways compare --ways new,kept --headers browser --calls 20 --rounds 3",
    },
    Claim {
        said: "WebSocket is less bandwidth",
        experiment: "the same call on a kept connection by both roads, with lean headers and a browser's, short and long",
        verdict: Verdict::TrueIf,
        holds: |e| {
            saved(e) > 0.0
                && saved(e) / e.bytes("kept") < 0.3
                && 1.0 - e.said("socket-long") / e.said("kept-long") < 0.05
        },
        condition: Some(|e| {
            format!(
                "{} bytes a call are saved against lean headers, which is less than one in twenty where \
            the payload is longer than {}",
                n(saved(e)),
                n(little_saved_from(e))
            )
        }),
        counted: |e| {
            format!(
                "lean: {} bytes by HTTP, {} by the socket ({} % less); with a browser's headers {} and {} ({} % \
            less); of {LONG_BYTES} bytes, TCP and IP left out, {} and {} ({} % less)",
                n(e.bytes("kept")),
                n(e.bytes("socket")),
                less(e.bytes("kept"), e.bytes("socket")),
                n(e.bytes("kept-browser")),
                n(e.bytes("socket-browser")),
                less(e.bytes("kept-browser"), e.bytes("socket-browser")),
                n(e.said("kept-long")),
                n(e.said("socket-long")),
                less(e.said("kept-long"), e.said("socket-long"))
            )
        },
        because: |_| {
            "What is saved is a fixed number of bytes for each call. It is much of little, and little of much.".to_owned()
        },
        again: "bothways compare --ways kept,socket --calls 20 --rounds 3",
    },
    Claim {
        said: "WebSocket is lower latency",
        experiment: "how often the other end is waited for",
        verdict: Verdict::TrueIf,
        holds: |e| {
            trips(e, "new") == 2.0
                && trips(e, "kept") == 1.0
                && trips(e, "socket") == 1.0
                && first(e, "kept") == 2.0
                && first(e, "socket") == 3.0
        },
        condition: Some(|e| {
            format!(
                "against a new connection for each call, {} round trips to {}; against one that is kept \
            it is {} to {}",
                n(trips(e, "new")),
                n(trips(e, "socket")),
                n(trips(e, "kept")),
                n(trips(e, "socket"))
            )
        }),
        counted: |e| {
            format!(
                "round trips of a call: new {}, kept {}, socket {}; until the first answer: {}, {} and {}. Half \
            of the calls took no longer than ~{} µs by HTTP on a kept connection, ~{} by the socket",
                n(trips(e, "new")),
                n(trips(e, "kept")),
                n(trips(e, "socket")),
                n(first(e, "new")),
                n(first(e, "kept")),
                n(first(e, "socket")),
                n(e.half("kept").round()),
                n(e.half("socket").round())
            )
        },
        because: |_| {
            "Distance is waited for once a call by both. The first answer comes one round trip later by the socket: \
            its handshake. Who is told, and does not ask, waits for half a round trip; but for that an event stream will \
            do.".to_owned()
        },
        again: "bothways compare --ways new,kept,socket --calls 20 --rounds 3",
    },
    Claim {
        said: "WebSocket is 10 times faster",
        experiment: "ten calls by each road, one at a time and all at once",
        verdict: Verdict::TrueIf,
        holds: |e| {
            trips(e, "kept") == trips(e, "socket")
                && trips(e, "kept-at-once") == trips(e, "socket-at-once")
                && (trips(e, "kept") / trips(e, "socket-at-once") - AT_ONCE as f64).abs() < 1e-9
        },
        condition: Some(|e| {
            format!(
                "where it does not wait and HTTP does: {} round trips to 1 for {AT_ONCE} calls. Where \
            both wait, or neither does, it is 1 to 1",
                n(trips(e, "kept") / trips(e, "socket-at-once"))
            )
        }),
        counted: |e| {
            format!(
                "round trips of a call, one at a time: kept {}, socket {}; {AT_ONCE} at once: kept {}, socket {}",
                n(trips(e, "kept")),
                n(trips(e, "socket")),
                n(trips(e, "kept-at-once")),
                n(trips(e, "socket-at-once"))
            )
        },
        because: |_| {
            "The ten is the number of calls that are under way, and can be had by both roads. Browsers do not send \
            HTTP/1.1 requests so, and there the socket has it alone; of HTTP/2 nothing is shown here. [Chapter 18](18-\
            figures-that-are-told.md) takes the published table apart.".to_owned()
        },
        again: "bothways compare --ways kept,pipelined,socket,socket-pipelined --depth 10 --calls 20 --rounds 3",
    },
    Claim {
        said: "A WebSocket costs one handshake and then nothing",
        experiment: "opening and closing, and how many calls it takes until that is won back",
        verdict: Verdict::TrueIf,
        holds: |e| {
            e.least("socket", "opening_bytes") > e.least("kept", "opening_bytes") && repaid_after(e) > 1.0
        },
        condition: Some(|e| {
            format!(
                "against a kept connection with lean headers it is cheaper from the {}th call on",
                n(repaid_after(e).ceil())
            )
        }),
        counted: |e| {
            format!(
                "opening: {} segments and {} bytes, closing {} and {}; a kept HTTP connection: {} and {}, {} and {}",
                n(e.least("socket", "opening_segments")),
                n(e.least("socket", "opening_bytes")),
                n(e.least("socket", "closing_segments")),
                n(e.least("socket", "closing_bytes")),
                n(e.least("kept", "opening_segments")),
                n(e.least("kept", "opening_bytes")),
                n(e.least("kept", "closing_segments")),
                n(e.least("kept", "closing_bytes"))
            )
        },
        because: |e| {
            format!(
                "The handshake is {} bytes more, and each call {} less.",
                n(around(e, "socket") - around(e, "kept")),
                n(saved(e))
            )
        },
        again: "bothways compare --ways kept,socket --calls 20 --rounds 3",
    },
    Claim {
        said: "HTTP headers are 800 bytes",
        experiment: "request and response of one call: all that is not payload",
        verdict: Verdict::TrueIf,
        holds: |e| fields(e, "kept-browser") > 700.0 && fields(e, "kept") < 300.0,
        condition: Some(|e| {
            format!(
                "with what a browser sends they are {}; with what HTTP needs {}",
                n(fields(e, "kept-browser")),
                n(fields(e, "kept"))
            )
        }),
        counted: |e| {
            format!(
                "fields of request and response: a browser's {}, lean {}, lean and nothing changed {}",
                n(fields(e, "kept-browser")),
                n(fields(e, "kept")),
                n(fields(e, "conditional"))
            )
        },
        because: |_| {
            "The published 871 were of a browser and a server with many fields. A program that asks a program sends what \
            it chooses.".to_owned()
        },
        again: "bothways compare --ways kept,conditional --headers browser --calls 20 --rounds 3",
    },
];
