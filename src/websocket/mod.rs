//! WebSocket on paper: bytes to values and back (RFC 6455).
//!
//! After the handshake both ends speak in *frames*. A frame is a header of 2 to 14 bytes and a
//! payload; one or more frames make a *message*:
//!
//! ```text
//!    byte 0              byte 1
//!   +-+-+-+-+-------+   +-+-------------+
//!   |F|R|R|R|       |   |M|             |   then, each only if it is needed:
//!   |I|S|S|S| opcode|   |A|  length     |
//!   |N|V|V|V|  (4)  |   |S|   (7)       |   length  2 bytes if the seven bits say 126
//!   | |1|2|3|       |   |K|             |           8 bytes if they say 127
//!   +-+-+-+-+-------+   +-+-------------+   mask    4 bytes if MASK is set
//!                                           payload `length` bytes, masked if MASK is set
//! ```
//!
//! A message may be cut into fragments: a first frame that says text or binary, then
//! continuations; the last one has FIN. Control frames (close, ping, pong) are short, never
//! fragmented, and may stand between the fragments of a message:
//!
//! ```text
//!   text "Hel"      ping       continuation "lo" FIN        the reader says:
//!   |---------------|----------|-----------------|          Ping, then Text("Hello")
//! ```
//!
//! A client masks what it sends (§5.3), so that nobody can choose the bytes that travel through an
//! old proxy; a server does not. On the way in:
//!
//! ```text
//!   bytes -> frame (the header) -> mask (the payload, in place) -> message (fragments) -> Event
//!                                                                   |-> text  (UTF-8 over cuts)
//!                                                                   `-> close (code and reason)
//! ```
//!
//! And a run, with the bytes of RFC 6455 §5.7:
//!
//! ```
//! use bothways::websocket::frame::Role;
//! use bothways::websocket::message::{Event, Reader, Step};
//!
//! let mut bytes = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
//! let mut at = 0;
//! let step = Reader::new(Role::Server).next(&mut bytes, &mut at, 1024);
//! let Ok(Step::Event(Event::Text(text))) = step else { panic!("a text message stands there") };
//! assert_eq!(text.as_str(), "Hello");
//! assert_eq!(at, 11);
//! ```
//!
//! A message may be compressed, where both agreed to that ([`permessage_deflate`], RFC 7692): RSV1 on its first
//! frame says so. Control frames never are.
//!
//! Absent on purpose: handing out a message before it is whole, since a call is JSON and half of it is no use; sending
//! fragments, since whatever is sent here is known whole.

pub mod close;
pub mod frame;
pub mod handshake;
pub mod mask;
pub mod message;
pub mod partial_message;
pub mod permessage_deflate;
pub mod utf8;
