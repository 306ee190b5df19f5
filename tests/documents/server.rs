//! A server that a page talks to.

use crate::console::tidy;
use crate::{ADDRESS, EPOCH, PATIENCE};
use bothways::websocket::handshake;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

pub struct Server {
    child: Child,
    /// What it printed when it was ready.
    pub announced: String,
    address: String,
    epoch: String,
}

impl Server {
    /// What it is to store it forgets, but where a flag names a file: that lies in a folder which all
    /// pages share, until it is [cleared away](clear_away).
    pub fn start(flags: &[&str]) -> Server {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bothways"));
        command.args(["serve", "--listen", "127.0.0.1:0"]);
        match flags.split_first() {
            Some((&"--data", [name, others @ ..])) => {
                command.arg("--data").arg(data_folder().join(name)).args(others)
            }
            _ => command.arg("--memory").args(flags),
        };
        let mut child = tidy(command.stdout(Stdio::piped())).spawn().unwrap();
        let mut announced = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut announced).unwrap();
        let address = announced.trim_end().rsplit('/').next().unwrap().to_owned();
        let mut server = Server { child, announced, address, epoch: String::new() };
        let (mut stream, mut answer) = (server.connect(), String::new());
        let named = flags.iter().skip_while(|flag| **flag != "--collection").nth(1).unwrap_or(&"tasks");
        write!(stream, "GET /{named} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
        stream.read_to_string(&mut answer).unwrap();
        server.epoch = answer.split("ETag: \"").nth(1).unwrap()[..EPOCH.len()].to_owned();
        server
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// With permessage-deflate offered, or without.
    pub fn shake_hands(&self, path: &str, deflated: bool) -> TcpStream {
        let offer = ("Sec-WebSocket-Extensions".to_owned(), "permessage-deflate".to_owned());
        let extra = if deflated { vec![offer] } else { Vec::new() };
        let (mut stream, mut request, mut head) = (self.connect(), Vec::new(), Vec::new());
        handshake::encode_request(&self.address, path, *b"the sample nonce", None, &extra, &mut request);
        stream.write_all(&request).unwrap();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", head.escape_ascii());
        stream
    }

    /// What is written in a page, for this server.
    pub fn real(&self, shown: &str) -> String {
        shown.replace(ADDRESS, &self.address).replace(EPOCH, &self.epoch)
    }

    /// What this server said, as the pages write it.
    pub fn shown(&self, real: &str) -> String {
        real.replace(&self.address, ADDRESS).replace(&self.epoch, EPOCH)
    }
}

fn data_folder() -> PathBuf {
    let folder = std::env::temp_dir().join(format!("bothways-documents-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Removes what the servers of the pages stored.
pub fn clear_away() {
    std::fs::remove_dir_all(data_folder()).unwrap();
}

/// With SIGKILL: so a page can show what is there afterwards.
impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
