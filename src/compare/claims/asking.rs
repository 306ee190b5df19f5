//! What is said of asking: what a call costs on either road.

use crate::compare::claims::claim::{
    Claim, NEAR, PAYLOAD, Verdict, around, fields, first, is_near, saved, trips,
};
use crate::compare::claims::evidence::{AT_ONCE, LONG_BYTES};

pub const CLAIMS: &[Claim] = &[
    Claim {
        said: "REST needs a new connection for each request",
        experiment: "20 calls on one connection, and 20 on a connection each; and 40",
        verdict: Verdict::False,
        holds: |e| {
            let opened = ["kept", "new"].map(|course| e.least(course, "connections_per_call"));
            Some((opened[0]?, opened[1]?) == (0.0, 1.0))
        },
        condition: "one connection carried all {CALLS}, at {segments kept} segments a call and not \
            {segments new}",
        counted: "kept: 1 connection, {segments kept} segments and {bytes kept} bytes a call, and \
            {first-exchange kept} bytes more in the first exchange; new for each: {CALLS} connections, \
            {segments new} segments and {bytes new} bytes",
        because: "Since HTTP/1.1 a connection stays unless somebody says that it shall not (RFC 9112 §9.3). \
            Who measures REST with a connection for each request measures TCP with it.",
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
        condition: "its own is small: {framing socket} bytes of frame headers and masks a call. With what \
            must be said beside, and with TCP and IP, it is {around-payload socket} around {PAYLOAD} of \
            payload",
        counted: "{bytes socket} bytes a call: payload {PAYLOAD}, frame headers and masks {framing socket}, \
            JSON-RPC {fields socket}, TCP and IP {headers socket}",
        because: "A frame says where a message ends, and nothing else. Which answer is to which call, and \
            which status and version it has, must be said all the same: here by JSON-RPC, which is this \
            program's choice. Another may be shorter. By HTTP it is said in fields.",
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
        condition: "in bytes, where payloads are short: of {PAYLOAD} bytes {payload-share kept} % of what \
            travels is payload at best, one call at a time, and {payload-share new-browser} % at worst; of \
            {LONG_BYTES} bytes {~long-share kept-long} %",
        counted: "bytes for {PAYLOAD}: new connection and a browser's headers {bytes new-browser}, new and \
            lean {bytes new}, kept and a browser's {bytes kept-browser}, kept and lean {bytes kept}; for \
            {LONG_BYTES}, kept and lean {~bytes kept-long}",
        because: "The connection and what a browser tells of itself are {more new-browser kept} of \
            {bytes new-browser} bytes. The first is a choice; the second is one for programs, and not for \
            pages.",
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
        condition: "{more kept socket} bytes a call are saved against lean headers: {less kept socket} % \
            where the payload is {PAYLOAD}, and less than one in twenty where it is longer than \
            {little-saved-from} (computed)",
        counted: "lean: {bytes kept} bytes by HTTP, {bytes socket} by the socket; with a browser's headers \
            {bytes kept-browser} and {bytes socket-browser} ({less kept-browser socket-browser} % less); of \
            {LONG_BYTES} bytes, lean, {~bytes kept-long} and {~bytes socket-long} \
            ({~less kept-long socket-long} % less)",
        because: "What is saved is nearly the same for every call, whatever it carries: much of little, and \
            little of much. A connection that is there is taken for granted; what opening costs is \
            [below](#a-websocket-costs-one-handshake-and-then-nothing). HTTP/2 compresses fields, and would \
            save some of this, too: it is not measured here.",
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
        condition: "against a new connection for each call, {trips new} round trips to {trips socket}; \
            against one that is kept it is {trips kept} to {trips socket}, and where nothing is far there \
            is no difference of {NEAR} times on which all rounds agree",
        counted: "round trips of a call: new {trips new}, kept {trips kept}, socket {trips socket}; until \
            the first answer: {first new}, {first kept} and {first socket}. Half of the calls took at most \
            {half kept} by HTTP on a kept connection, {half socket} by the socket, {half new} on new ones: \
            the median of the rounds, and the least and the most of them",
        because: "Distance is waited for once a call by both. The first answer comes one round trip later \
            by the socket: its handshake. The times are of one machine that talks to itself: what differs \
            there is what these programs do with a call, and others do it otherwise. Who is told, and does \
            not ask, is another question: [chapter 17](17-choosing.md).",
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
        condition: "in round trips, where it does not wait and HTTP does: as many times as calls are under \
            way, here {times-trips kept socket-at-once}. Where both wait, or neither does, it is 1 to 1",
        counted: "round trips of a call, one at a time: kept {trips kept}, socket {trips socket}; {AT_ONCE} \
            at once: kept {trips kept-at-once}, socket {trips socket-at-once}",
        because: "With a hundred under way it would be a hundred: it is a figure of not waiting, and that \
            can be had by both roads. Browsers send HTTP/1.1 requests one at a time on a connection (and \
            open some six): there the socket has it alone; of HTTP/2, which need not wait either, nothing \
            is shown here. Times are another matter, and depend on what each side does: [chapter \
            18](18-figures-that-are-told.md) takes the published table apart.",
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
        condition: "then each call is {bytes socket} bytes. Against a kept connection with lean headers it \
            is the cheaper one from the {repaid-from}th call on (computed)",
        counted: "opening: {opening_segments socket} segments and {opening_bytes socket} bytes, closing \
            {closing_segments socket} and {closing_bytes socket}, first exchange {first-exchange socket} \
            bytes more than others; a kept HTTP connection: {opening_segments kept} and \
            {opening_bytes kept}, {closing_segments kept} and {closing_bytes kept}, {first-exchange kept}",
        because: "Around its calls a socket costs {more-around socket kept} bytes more, and each call \
            {more kept socket} less. What it takes to keep it open for hours (heartbeats, memory) is not in \
            that.",
        again: &["bothways compare --ways kept,socket --calls 20 --rounds 3"],
    },
    Claim {
        said: "HTTP headers are 800 bytes",
        experiment: "request and response of one call: all that is not payload",
        verdict: Verdict::TrueIf,
        holds: |e| Some(fields(e, "kept-browser")? > 700.0 && fields(e, "kept")? < 300.0),
        condition: "about, of both directions together, and if a browser asks: {fields kept-browser}. If a \
            program does that sends `Host` alone, {fields kept}",
        counted: "request and response: a browser's {fields-sent kept-browser} and \
            {fields-received kept-browser}, lean {fields-sent kept} and {fields-received kept}, lean and \
            nothing changed {fields-sent conditional} and {fields-received conditional}",
        because: "It is not HTTP that needs them: a request needs its first line and `Host`. The browser's \
            are those of Chrome for a `fetch()`, with two cookies, which can be any number more; the \
            response's are this server's. The published 871 were of a browser and a server of 2010.",
        again: &[
            "bothways compare --ways kept --headers browser --calls 20 --rounds 3",
            "bothways compare --ways kept,conditional --calls 20 --rounds 3",
        ],
    },
];
