//! What is said of asking: what a call costs on either road.

use crate::compare::claims::claim::{
    Claim, PAYLOAD, Verdict, about_less, around, fields, first, half, is_near, less, little_saved_from, n,
    percent, repaid_after, said, saved, segments, trips,
};
use crate::compare::claims::evidence::{AT_ONCE, CALLS, LONG_BYTES};

pub const CLAIMS: &[Claim] = &[
    Claim {
        said: "REST needs a new connection for each request",
        experiment: "20 calls on one connection, and 20 on a connection each; and 40",
        verdict: Verdict::False,
        holds: |e| {
            let opened = ["kept", "new"].map(|course| e.least(course, "connections_per_call"));
            Some((opened[0]?, opened[1]?) == (0.0, 1.0))
        },
        condition: |e| {
            Some(format!(
                "one connection carried all {CALLS}, at {} segments a call and not {}",
                n(segments(e, "kept")?),
                n(segments(e, "new")?)
            ))
        },
        counted: |e| {
            Some(format!(
                "kept: 1 connection, {} segments and {} bytes a call, and {} bytes more in the first exchange; \
                new for each: {CALLS} connections, {} segments and {} bytes",
                n(segments(e, "kept")?),
                n(e.bytes("kept")?),
                n(e.first_exchange("kept")?),
                n(segments(e, "new")?),
                n(e.bytes("new")?)
            ))
        },
        because: |_| {
            said(
                "Since HTTP/1.1 a connection stays unless somebody says that it shall not (RFC 9112 §9.3). Who \
                measures REST with a connection for each request measures TCP with it.",
            )
        },
        again: &["bothways compare --ways new,kept --calls 20 --rounds 3"],
    },
    Claim {
        said: "WebSocket has no overhead",
        experiment: "the same call by the socket: what of it is payload",
        verdict: Verdict::False,
        holds: |e| {
            let own = e.each("socket", "framing_bytes_per_call")?;
            Some(own > 0.0 && e.each("socket", "header_bytes_per_call")? > 0.0)
        },
        condition: |e| {
            Some(format!(
                "its own is small: {} bytes of frame headers and masks a call. With what must be said beside, \
                and with TCP and IP, it is {} around {PAYLOAD} of payload",
                n(e.each("socket", "framing_bytes_per_call")?),
                n(e.bytes("socket")? - PAYLOAD)
            ))
        },
        counted: |e| {
            Some(format!(
                "{} bytes a call: payload {PAYLOAD}, frame headers and masks {}, JSON-RPC {}, TCP and IP {}",
                n(e.bytes("socket")?),
                n(e.each("socket", "framing_bytes_per_call")?),
                n(fields(e, "socket")?),
                n(e.each("socket", "header_bytes_per_call")?)
            ))
        },
        because: |_| {
            said(
                "A frame says where a message ends, and nothing else. Which answer is to which call, and which \
                status and version it has, must be said all the same: here by JSON-RPC, which is this program's choice. \
                Another may be shorter. By HTTP it is said in fields.",
            )
        },
        again: &["bothways compare --ways socket --calls 20 --rounds 3"],
    },
    Claim {
        said: "REST is costly",
        experiment: "one call as it is done worst, and as it is done best; short and long",
        verdict: Verdict::TrueIf,
        holds: |e| {
            let long = f64::from(LONG_BYTES) / e.bytes("kept-long")?;
            Some(
                PAYLOAD / e.bytes("kept")? < 0.25
                    && e.bytes("new-browser")? > 3.0 * e.bytes("kept")?
                    && long > 0.8,
            )
        },
        condition: |e| {
            let share = |bytes| percent(PAYLOAD / bytes);
            Some(format!(
                "in bytes, where payloads are short: of {PAYLOAD} bytes {} % of what travels is payload at best, \
                one call at a time, and {} % at worst; of {LONG_BYTES} bytes ~{} %",
                share(e.bytes("kept")?),
                share(e.bytes("new-browser")?),
                n((f64::from(LONG_BYTES) / e.bytes("kept-long")? * 100.0).round())
            ))
        },
        counted: |e| {
            Some(format!(
                "bytes for {PAYLOAD}: new connection and a browser's headers {}, new and lean {}, kept and a \
                browser's {}, kept and lean {}; for {LONG_BYTES}, kept and lean ~{}",
                n(e.bytes("new-browser")?),
                n(e.bytes("new")?),
                n(e.bytes("kept-browser")?),
                n(e.bytes("kept")?),
                n(e.bytes("kept-long")?.round())
            ))
        },
        because: |e| {
            Some(format!(
                "The connection and what a browser tells of itself are {} of {} bytes. The first is a choice; \
                the second is one for programs, and not for pages.",
                n(e.bytes("new-browser")? - e.bytes("kept")?),
                n(e.bytes("new-browser")?)
            ))
        },
        again: &[
            "bothways compare --ways new,kept --headers browser --calls 20 --rounds 3",
            "bothways compare --ways new,kept --calls 20 --rounds 3",
            "bothways compare --ways kept --payload-bytes 4000 --calls 20 --rounds 3",
        ],
    },
    Claim {
        said: "WebSocket is less bandwidth",
        experiment: "the same call on a kept connection by both roads, with lean headers and a browser's, short and long",
        verdict: Verdict::TrueIf,
        holds: |e| {
            let part = saved(e)? / e.bytes("kept")?;
            let long = 1.0 - e.bytes("socket-long")? / e.bytes("kept-long")?;
            Some(part > 0.0 && part < 0.3 && long < 0.05)
        },
        condition: |e| {
            Some(format!(
                "{} bytes a call are saved against lean headers: {} % where the payload is {PAYLOAD}, and less \
                than one in twenty where it is longer than {} (computed)",
                n(saved(e)?),
                less(e.bytes("kept")?, e.bytes("socket")?),
                n(little_saved_from(e)?)
            ))
        },
        counted: |e| {
            Some(format!(
                "lean: {} bytes by HTTP, {} by the socket; with a browser's headers {} and {} ({} % less); of \
                {LONG_BYTES} bytes, lean, ~{} and ~{} (~{} % less)",
                n(e.bytes("kept")?),
                n(e.bytes("socket")?),
                n(e.bytes("kept-browser")?),
                n(e.bytes("socket-browser")?),
                less(e.bytes("kept-browser")?, e.bytes("socket-browser")?),
                n(e.bytes("kept-long")?.round()),
                n(e.bytes("socket-long")?.round()),
                about_less(e.bytes("kept-long")?, e.bytes("socket-long")?)
            ))
        },
        because: |_| {
            said(
                "What is saved is nearly the same for every call, whatever it carries: much of little, and \
                little of much. A connection that is there is taken for granted; what opening costs is \
                [below](#a-websocket-costs-one-handshake-and-then-nothing). HTTP/2 compresses fields, and would save \
                some of this, too: it is not measured here.",
            )
        },
        again: &[
            "bothways compare --ways kept,socket --calls 20 --rounds 3",
            "bothways compare --ways kept,socket --headers browser --calls 20 --rounds 3",
            "bothways compare --ways kept,socket --payload-bytes 4000 --calls 20 --rounds 3",
        ],
    },
    Claim {
        said: "WebSocket is lower latency",
        experiment: "how often the other end is waited for; and how long it takes where it is near",
        verdict: Verdict::TrueIf,
        holds: |e| {
            let trips = [trips(e, "new")?, trips(e, "kept")?, trips(e, "socket")?];
            let firsts = [first(e, "kept")?, first(e, "socket")?];
            Some(trips == [2.0, 1.0, 1.0] && firsts == [2.0, 3.0] && is_near(e, "socket", "kept", NEAR)?)
        },
        condition: |e| {
            Some(format!(
                "against a new connection for each call, {} round trips to {}; against one that is kept it is \
                {} to {}, and where nothing is far there is no difference of {NEAR} times on which all \
                rounds agree",
                n(trips(e, "new")?),
                n(trips(e, "socket")?),
                n(trips(e, "kept")?),
                n(trips(e, "socket")?)
            ))
        },
        counted: |e| {
            Some(format!(
                "round trips of a call: new {}, kept {}, socket {}; until the first answer: {}, {} and {}. Half of \
                the calls took at most {} by HTTP on a kept connection, {} by the socket, {} on new ones: the \
                median of the rounds, and the least and the most of them",
                n(trips(e, "new")?),
                n(trips(e, "kept")?),
                n(trips(e, "socket")?),
                n(first(e, "new")?),
                n(first(e, "kept")?),
                n(first(e, "socket")?),
                half(e, "kept")?,
                half(e, "socket")?,
                half(e, "new")?
            ))
        },
        because: |_| {
            said(
                "Distance is waited for once a call by both. The first answer comes one round trip later by the \
                socket: its handshake. The times are of one machine that talks to itself: what differs there is what \
                these programs do with a call, and others do it otherwise. Who is told, and does not \
                ask, is another question: [chapter 17](17-choosing.md).",
            )
        },
        again: &["bothways compare --ways new,kept,socket --calls 20 --rounds 5"],
    },
    Claim {
        said: "WebSocket is 10 times faster",
        experiment: "ten calls by each road, one at a time and all at once",
        verdict: Verdict::TrueIf,
        holds: |e| {
            let [kept, socket] = [trips(e, "kept")?, trips(e, "socket")?];
            let [kept_at_once, socket_at_once] = [trips(e, "kept-at-once")?, trips(e, "socket-at-once")?];
            let as_told = (kept / socket_at_once - AT_ONCE as f64).abs() < 1e-9;
            Some(kept == socket && kept_at_once == socket_at_once && as_told)
        },
        condition: |e| {
            Some(format!(
                "in round trips, where it does not wait and HTTP does: as many times as calls are under way, \
                here {}. Where both wait, or neither does, it is 1 to 1",
                n(trips(e, "kept")? / trips(e, "socket-at-once")?)
            ))
        },
        counted: |e| {
            Some(format!(
                "round trips of a call, one at a time: kept {}, socket {}; {AT_ONCE} at once: kept {}, socket {}",
                n(trips(e, "kept")?),
                n(trips(e, "socket")?),
                n(trips(e, "kept-at-once")?),
                n(trips(e, "socket-at-once")?)
            ))
        },
        because: |_| {
            said(
                "With a hundred under way it would be a hundred: it is a figure of not waiting, and that can \
                be had by both roads. Browsers send HTTP/1.1 requests one at a time on a connection (and open some \
                six): there the socket has it alone; of HTTP/2, which need not wait either, nothing is shown here. \
                Times are another matter, and depend on what each side does: [chapter 18](18-figures-that-are-told.md) \
                takes the published table apart.",
            )
        },
        again: &[
            "bothways compare --ways kept,pipelined,socket,socket-pipelined --depth 10 --calls 20 --rounds 3",
        ],
    },
    Claim {
        said: "A WebSocket costs one handshake and then nothing",
        experiment: "opening and closing, and what a call costs between them",
        verdict: Verdict::False,
        holds: |e| {
            let costs_more_around = around(e, "socket")? > around(e, "kept")?;
            Some(costs_more_around && saved(e)? > 0.0 && e.bytes("socket")? > PAYLOAD)
        },
        condition: |e| {
            Some(format!(
                "then each call is {} bytes. Against a kept connection with lean headers it is the cheaper one from \
                the {}th call on (computed)",
                n(e.bytes("socket")?),
                n(repaid_after(e)?.floor() + 1.0)
            ))
        },
        counted: |e| {
            Some(format!(
                "opening: {} segments and {} bytes, closing {} and {}, first exchange {} bytes more than others; \
                a kept HTTP connection: {} and {}, {} and {}, {}",
                n(e.least("socket", "opening_segments")?),
                n(e.least("socket", "opening_bytes")?),
                n(e.least("socket", "closing_segments")?),
                n(e.least("socket", "closing_bytes")?),
                n(e.first_exchange("socket")?),
                n(e.least("kept", "opening_segments")?),
                n(e.least("kept", "opening_bytes")?),
                n(e.least("kept", "closing_segments")?),
                n(e.least("kept", "closing_bytes")?),
                n(e.first_exchange("kept")?)
            ))
        },
        because: |e| {
            Some(format!(
                "Around its calls a socket costs {} bytes more, and each call {} less. What it takes to keep it open \
                for hours (heartbeats, memory) is not in that.",
                n(around(e, "socket")? - around(e, "kept")?),
                n(saved(e)?)
            ))
        },
        again: &["bothways compare --ways kept,socket --calls 20 --rounds 3"],
    },
    Claim {
        said: "HTTP headers are 800 bytes",
        experiment: "request and response of one call: all that is not payload",
        verdict: Verdict::TrueIf,
        holds: |e| Some(fields(e, "kept-browser")? > 700.0 && fields(e, "kept")? < 300.0),
        condition: |e| {
            Some(format!(
                "about, of both directions together, and if a browser asks: {}. If a program does that sends `Host` alone, \
                {}",
                n(fields(e, "kept-browser")?),
                n(fields(e, "kept")?)
            ))
        },
        counted: |e| {
            let both = |course| {
                let sent = e.each(course, "fields_bytes_sent_per_call")?;
                Some(format!("{} and {}", n(sent), n(fields(e, course)? - sent)))
            };
            Some(format!(
                "request and response: a browser's {}, lean {}, lean and nothing changed {}",
                both("kept-browser")?,
                both("kept")?,
                both("conditional")?
            ))
        },
        because: |_| {
            said(
                "It is not HTTP that needs them: a request needs its first line and `Host`. The browser's are those \
                of Chrome for a `fetch()`, with two cookies, which can be any number more; the response's are this \
                server's. The published 871 were of a browser and a server of 2010.",
            )
        },
        again: &[
            "bothways compare --ways kept --headers browser --calls 20 --rounds 3",
            "bothways compare --ways kept,conditional --calls 20 --rounds 3",
        ],
    },
];

/// Times that differ by less say nothing of a protocol: a busy machine makes more of a difference.
const NEAR: f64 = 3.0;
