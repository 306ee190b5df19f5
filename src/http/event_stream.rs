//! Server-Sent Events out (WHATWG HTML §9.2).
//!
//! ```text
//!   id: 3f9c2a7b-42
//!   data: {"method":"change",…}
//!                                   an empty line ends the event
//! ```
//!
//! What is told is one line of JSON, so one line of data.

/// Says nothing, and keeps everyone between the two ends from taking the silence for an end.
pub const HEARTBEAT: &[u8] = b":\n\n";

/// Before the data of an event. `id` is what a client says in `Last-Event-ID` to go on from there.
pub fn begin(id: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"id: ");
    out.extend_from_slice(id);
    out.extend_from_slice(b"\ndata: ");
}

/// Behind the data.
pub const END: &[u8] = b"\n\n";

pub fn encode(id: &[u8], data: &[u8], out: &mut Vec<u8>) {
    debug_assert!(!data.contains(&b'\n') && !data.contains(&b'\r'), "data is one line");
    begin(id, out);
    out.extend_from_slice(data);
    out.extend_from_slice(END);
}
