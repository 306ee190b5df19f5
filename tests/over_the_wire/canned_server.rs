//! A server for tests of clients. The test decides what it sends, also against the protocol.
#![cfg(target_os = "linux")]

use socket2::SockRef;
use std::io::{BufRead, BufReader, Lines, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};

/// A server on a free loopback port.
///
/// Dropping it closes its connections, ends its threads, and panics if one of them did.
pub struct CannedServer {
    listener: TcpListener,
    acceptor: Option<JoinHandle<()>>,
}

impl CannedServer {
    /// Starts a server that runs `talk` for each connection, in its own thread, and then closes it.
    pub fn start(talk: impl Fn(&TcpStream, &mut Requests) + Send + Sync + 'static) -> CannedServer {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let own_listener = listener.try_clone().unwrap();
        let acceptor = thread::spawn(move || {
            thread::scope(|scope| {
                // Only its thread owns a connection, which therefore closes when `talk` returns.
                let mut connections: Vec<Weak<TcpStream>> = Vec::new();
                for stream in own_listener.incoming().map_while(Result::ok) {
                    let (stream, talk) = (Arc::new(stream), &talk);
                    stream.set_nodelay(true).unwrap();
                    connections.push(Arc::downgrade(&stream));
                    scope.spawn(move || talk(&stream, &mut Requests(BufReader::new(&*stream).lines())));
                }
                for stream in connections.iter().filter_map(Weak::upgrade) {
                    let _ = stream.shutdown(Shutdown::Both);
                }
            });
        });
        CannedServer { listener, acceptor: Some(acceptor) }
    }

    /// Starts a server that sends the text `response` returns for each request.
    pub fn respond<T: AsRef<str>>(response: impl Fn(&[String]) -> T + Send + Sync + 'static) -> CannedServer {
        Self::start(move |stream, requests| {
            requests.for_each(|request| send(stream, response(&request).as_ref()));
        })
    }

    /// Starts a server that sends `response` once on each connection, and then closes it.
    pub fn respond_once(response: &'static str) -> CannedServer {
        Self::start(move |stream, requests| {
            requests.next();
            send(stream, response);
        })
    }

    /// Returns the URL of the root, as `http://127.0.0.1:PORT/`.
    pub fn url(&self) -> String {
        format!("http://{}/", self.listener.local_addr().unwrap())
    }
}

impl Drop for CannedServer {
    fn drop(&mut self) {
        // On Linux, this makes `accept` fail, which ends the acceptor.
        SockRef::from(&self.listener).shutdown(Shutdown::Both).unwrap();
        let result = self.acceptor.take().unwrap().join();
        assert!(result.is_ok() || thread::panicking(), "the canned server panicked");
    }
}

/// The requests on a connection, as the lines of each head. Bodies are not supported.
pub struct Requests<'s>(Lines<BufReader<&'s TcpStream>>);

impl Iterator for Requests<'_> {
    type Item = Vec<String>;

    fn next(&mut self) -> Option<Vec<String>> {
        let lines = self.0.by_ref().map_while(Result::ok).take_while(|line| !line.is_empty());
        Some(lines.collect()).filter(|lines: &Vec<String>| !lines.is_empty())
    }
}

/// Sends `text`. A client that has already closed the connection is no error.
pub fn send(mut stream: &TcpStream, text: &str) {
    let _ = stream.write_all(text.as_bytes());
}
