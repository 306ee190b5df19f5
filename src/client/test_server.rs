//! For tests: a server that takes one connection and says what it was told to.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

use crate::http::parsed::Parsed;
use crate::websocket::frame::{Header, Opcode};
use crate::websocket::handshake;
use crate::websocket::mask;

/// Takes one connection, lets `talk` have it, and returns what that saw.
pub fn serve<T: Send + 'static>(
    talk: impl FnOnce(TcpStream) -> T + Send + 'static,
) -> (SocketAddr, JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (address, thread::spawn(move || talk(listener.accept().unwrap().0)))
}

/// Takes so many connections, one after the other, and returns what `talk` saw in each.
pub fn serve_each<T: Send + 'static>(
    connections: usize,
    mut talk: impl FnMut(usize, TcpStream) -> T + Send + 'static,
) -> (SocketAddr, JoinHandle<Vec<T>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (
        address,
        thread::spawn(move || (0..connections).map(|n| talk(n, listener.accept().unwrap().0)).collect()),
    )
}

/// A request's head, blank line and all.
pub fn read_head(socket: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(read_byte(socket));
    }
    String::from_utf8(head).unwrap()
}

/// The server's half of the handshake; the head that it answered.
pub fn shake_hands(socket: &mut TcpStream, subprotocol: Option<&str>) -> String {
    let head = read_head(socket);
    let key = head.split("Sec-WebSocket-Key: ").nth(1).and_then(|rest| rest.lines().next()).unwrap();
    let mut out = Vec::new();
    handshake::encode_accept(key.as_bytes(), subprotocol, None, b"Sun, 06 Nov 1994 08:49:37 GMT", &mut out);
    socket.write_all(&out).unwrap();
    head
}

/// One frame of a client, which must be masked: what it is, its payload, its mask.
pub fn read_frame(socket: &mut TcpStream) -> (Opcode, Vec<u8>, [u8; 4]) {
    let mut bytes = Vec::new();
    let header = loop {
        bytes.push(read_byte(socket));
        if let Parsed::Whole { value, .. } = Header::parse(&bytes).unwrap() {
            break value;
        }
    };
    let mask = header.mask.expect("a client must mask its frames");
    let mut payload = vec![0; header.payload_bytes as usize];
    socket.read_exact(&mut payload).unwrap();
    mask::apply(&mut payload, mask, 0);
    (header.opcode, payload, mask)
}

fn read_byte(socket: &mut TcpStream) -> u8 {
    let mut byte = [0];
    socket.read_exact(&mut byte).unwrap();
    byte[0]
}
