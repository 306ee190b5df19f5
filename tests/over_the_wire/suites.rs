//! What two public collections of HTTP/1.1 cases ask, written anew as rows: h1spec, which sends a
//! server what is whole, half and wrong; and the requests that llhttp, the parser of Node, is
//! tested with. Where a collection takes what is refused here, the row says so.

use crate::server::Server;
use std::time::Duration;

/// What must come back.
enum Hears {
    /// Nothing yet: more is needed.
    Nothing,
    /// Answers with these statuses, and the connection stays.
    Stays(&'static [u16]),
    /// Answers with these statuses, and then the end.
    Ends(&'static [u16]),
}
use Hears::{Ends, Nothing, Stays};

const H1SPEC: &[(&str, &str, Hears)] = &[
    ("a method cut short", "G", Nothing),
    ("no target yet", "GET ", Nothing),
    ("a target cut short", "GET /heal", Nothing),
    ("no version yet", "GET /healthz ", Nothing),
    ("a version cut short", "GET /healthz HTTP", Nothing),
    ("no end of the line", "GET /healthz HTTP/1.1", Nothing),
    ("half an end of the line", "GET /healthz HTTP/1.1\r", Nothing),
    ("no field yet", "GET /healthz HTTP/1.1\r\n", Nothing),
    ("a name cut short", "GET /healthz HTTP/1.1\r\nHos", Nothing),
    ("no value yet", "GET /healthz HTTP/1.1\r\nHost:", Nothing),
    ("no value behind the blank", "GET /healthz HTTP/1.1\r\nHost: ", Nothing),
    ("a value without an end", "GET /healthz HTTP/1.1\r\nHost: a", Nothing),
    ("half an end of the field", "GET /healthz HTTP/1.1\r\nHost: a\r", Nothing),
    ("no end of the head", "GET /healthz HTTP/1.1\r\nHost: a\r\n", Nothing),
    ("half an end of the head", "GET /healthz HTTP/1.1\r\nHost: a\r\n\r", Nothing),
    ("no version", "GET / \r\n\r\n", Ends(&[400])),
    ("an expectation", "GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n", Stays(&[200])),
    ("a plain GET", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", Stays(&[200])),
    ("strange and right", "GET / HTTP/1.1\r\nhoSt:\ta\r\nempty:\r\n\r\n", Stays(&[200])),
    ("brackets in a name", "GET / HTTP/1.1\r\nHost: a\r\nX[]: b\r\n\r\n", Ends(&[400])),
    ("no host", "GET / HTTP/1.1\r\nContent-Length: 5\r\n\r\n", Ends(&[400])),
    ("two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", Ends(&[400])),
    (
        "a negative length too long for a number",
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -123456789123456789123456789\r\n\r\n",
        Ends(&[400]),
    ),
    ("a negative length", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1234\r\n\r\n", Ends(&[400])),
    ("a length in letters", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: abc\r\n\r\n", Ends(&[400])),
    ("an empty value", "GET / HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n", Stays(&[200])),
    ("a bell in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: b\x07\r\n\r\n", Ends(&[400])),
    ("a version of the future", "GET / HTTP/9.9\r\nHost: a\r\n\r\n", Ends(&[505])),
    ("words before the method", "Extra lineGET / HTTP/1.1\r\nHost: a\r\n\r\n", Ends(&[400])),
    ("CR for an end of the head", "GET / HTTP/1.1\r\nHost: a\r\n\rX: b\r\n\r\n", Ends(&[400])),
    // That suite lets a server take any body; this resource takes none.
    ("a POST", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", Stays(&[405])),
    (
        "a length and a coding",
        "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
        Ends(&[400]),
    ),
];

/// `POST` stands for the line and Host of a request that makes an item, `CHUNKED` for that and
/// Transfer-Encoding, and `|` for the end of a line.
const LLHTTP: &[(&str, &str, Hears)] = &[
    // Its page on connections.
    (
        "keep-alive, twice",
        "GET / HTTP/1.1|Host: a|Connection: keep-alive||GET / HTTP/1.1|Host: a||",
        Stays(&[200, 200]),
    ),
    ("nothing behind HTTP/1.0", "GET / HTTP/1.0||GET / HTTP/1.1|Host: a||", Ends(&[200])),
    (
        "an empty line between requests",
        "POST|Content-Length: 2||{}|GET / HTTP/1.1|Host: a||",
        Stays(&[201, 200]),
    ),
    (
        "nothing behind close",
        "POST|Content-Length: 2|Connection: close||{}|GET / HTTP/1.1|Host: a||",
        Ends(&[201]),
    ),
    (
        "close among others",
        "GET / HTTP/1.1|Host: a|Connection: close, token, upgrade, keep-alive||",
        Ends(&[200]),
    ),
    // It joins folded lines; nothing is folded here.
    ("a folded list", "GET / HTTP/1.1|Host: a|Connection: Something,| Upgrade, ,Keep-Alive||", Ends(&[400])),
    // It stops for whoever may upgrade; here an upgrade that is not wanted changes nothing.
    ("an unknown upgrade", "GET / HTTP/1.1|Host: a|Connection: upgrade|Upgrade: ws||", Stays(&[200])),
    (
        "an unknown upgrade with a body",
        "POST|Connection: upgrade|Content-Length: 2|Upgrade: ws||{}",
        Stays(&[201]),
    ),
    (
        "an upgrade to HTTP/2.0",
        "POST|Connection: Upgrade|Upgrade: HTTP/2.0|Content-Length: 2||{}",
        Stays(&[201]),
    ),
    (
        "a WebSocket of before the RFC",
        "GET /ws HTTP/1.1|Host: a|Connection: Upgrade|Sec-WebSocket-Key2: 12998 5 Y3 1  .P00|Upgrade: WebSocket||",
        Stays(&[400]),
    ),
    // Lengths.
    ("zeroes before a length", "POST|Content-Length: 002||{}", Stays(&[201])),
    ("a field behind the length", "POST|Content-Length: 002|Ohai: world||{}", Stays(&[201])),
    ("a length past 64 bits", "POST|Content-Length: 1000000000000000000000||", Ends(&[400])),
    ("two lengths", "POST|Content-Length: 1|Content-Length: 2||", Ends(&[400])),
    ("a length and identity", "POST|Content-Length: 1|Transfer-Encoding: identity||", Ends(&[400])),
    ("a body with GET, in HTTP/1.0", "GET / HTTP/1.0|conTENT-Length: 5||HELLO", Ends(&[200])),
    ("blanks around a length", "POST|Content-Length:  2 ||{}", Stays(&[201])),
    ("a blank in a length", "POST|Content-Length: 4 2||", Ends(&[400])),
    ("a blank between two lengths", "POST|Content-Length: 13 37||", Ends(&[400])),
    ("an empty length", "POST|Content-Length:||", Ends(&[400])),
    ("CR for a hyphen in a name", "POST|Content\rLength: 003||abc", Ends(&[400])),
    // Codings and chunks.
    ("an empty coding and a length", "POST|Transfer-Encoding:|Content-Length: 5||hello", Ends(&[400])),
    ("a size in small letters", "CHUNKED|a|\"01234567\"|0||", Stays(&[201])),
    ("a size in capitals", "CHUNKED|A|\"01234567\"|0||", Stays(&[201])),
    ("a size of two digits", "CHUNKED|1e|\"your base is belonging to us\"|0||", Stays(&[201])),
    ("two chunks, and the last of three zeroes", "CHUNKED|6|\"hello|7| world\"|000||", Stays(&[201])),
    ("trailers", "CHUNKED|2|{}|0|Vary: *|Content-Type: text/plain||", Stays(&[201])),
    (
        "extensions",
        "CHUNKED|2;ilovew3;somuchlove=aretheseparametersfor;another=withvalue|{}|0;blahblah;blah||",
        Stays(&[201]),
    ),
    ("an extension without a semicolon", "CHUNKED|2 erfrferferf|{}|0 rrrr||", Ends(&[400])),
    ("a semicolon without an extension", "CHUNKED|2;|{}|0||", Ends(&[400])),
    (
        "quotes in extensions",
        "CHUNKED|2;love=\"I \\\"love\\\"; \\\\extensions\\\\\";some=\"x\";blah;foo=bar|{}|0||",
        Stays(&[201]),
    ),
    ("a quote that does not end", "CHUNKED|2;love=\"abc\";some=\"def; ghi|{}|0||", Ends(&[400])),
    ("pigeons", "POST|Transfer-Encoding: pigeons||", Ends(&[400])),
    ("identity and a length", "POST|Transfer-Encoding: identity|Content-Length: 5||World", Ends(&[400])),
    (
        "three empty codings and a length",
        "POST|Content-Length: 10|Transfer-Encoding:|Transfer-Encoding:|Transfer-Encoding:||2|AA|0|",
        Ends(&[400]),
    ),
    ("chunked before deflate", "POST|Transfer-Encoding: chunked, deflate||World", Ends(&[400])),
    (
        "chunked before deflate, in two lines",
        "POST|Transfer-Encoding: chunked|Transfer-Encoding: deflate||World",
        Ends(&[400]),
    ),
    // It leaves other codings to whoever asked it; nobody undoes them here.
    ("deflate before chunked", "POST|Transfer-Encoding: deflate, chunked||2|{}|0||", Ends(&[501])),
    (
        "deflate before chunked, in two lines",
        "POST|Transfer-Encoding: deflate|Transfer-Encoding: chunked||2|{}|0||",
        Ends(&[501]),
    ),
    ("chunkedchunked", "POST|Transfer-Encoding: chunkedchunked||2|{}|0||", Ends(&[400])),
    ("no last chunk", "CHUNKED|2|{}||", Ends(&[400])),
    ("LF in a chunk line", "CHUNKED|3 \n  |foo||", Ends(&[400])),
    ("a folded coding", "POST|Transfer-Encoding: chunked|  abc||2|{}|0||", Ends(&[400])),
    ("CR CR behind a size", "CHUNKED|5\r\r;ABCD|34|E|0||", Ends(&[400])),
    ("no end behind a chunk", "CHUNKED|2|{}0||", Ends(&[400])),
    ("a blank behind a size", "CHUNKED|2 |{}|0||", Ends(&[400])),
    // What it calls invalid.
    ("another protocol", "GET / ICE/1.0|Host: a||", Ends(&[400])),
    ("almost the protocol", "GET / IHTTP/1.0|Host: a||", Ends(&[400])),
    ("a protocol of streams", "PUT / RTSP/1.0|Host: a||", Ends(&[400])),
    // It knows methods by heart, and parses no other.
    ("a method of streams", "ANNOUNCE / HTTP/1.0|Host: a||", Ends(&[501])),
    ("a method that is none", "MKCOLA / HTTP/1.1|Host: a||", Stays(&[501])),
    ("CR between fields", "GET / HTTP/1.1|Host: a|Foo: 1\rBar: 2||", Ends(&[400])),
    ("LF between fields", "POST|x:x\nTransfer-Encoding: chunked||1|A|0||", Ends(&[400])),
    (
        "a head that ends in CR and a letter",
        "GET / HTTP/1.1|Connection: close|Host: a|\rZGET /evil: HTTP/1.1|Host: a||",
        Ends(&[400]),
    ),
    (
        "CR behind an empty field",
        "POST|Connection: Close|x:\rTransfer-Encoding: chunked||1|A|0||",
        Ends(&[400]),
    ),
    ("LF behind an empty field", "POST|x:\nTransfer-Encoding: chunked||1|A|0||", Ends(&[400])),
    ("an at sign in a name", "GET / HTTP/1.1|Host: a|Fo@: Failure||", Ends(&[400])),
    ("a control in a name", "GET / HTTP/1.1|Host: a|Foo\x01test: Bar||", Ends(&[400])),
    ("no name", "GET / HTTP/1.1|Host: a|: Bar||", Ends(&[400])),
    ("a folded name", "GET / HTTP/1.1|Host: a|name| : value||", Ends(&[400])),
    ("a broken name", "GET / HTTP/1.1|Host: a|Connection\r\x1b5eep-Alive||", Ends(&[400])),
    (
        "a length behind LF",
        "GET / HTTP/1.1|Host: a|Dummy: x\nContent-Length: 23||GET / HTTP/1.1|Dummy: GET /admin HTTP/1.1|Host: a||",
        Ends(&[400]),
    ),
    ("version 5.6", "GET / HTTP/5.6|Host: a||", Ends(&[505])),
    ("a blank before the first field", "GET / HTTP/1.1| Host: foo||", Ends(&[400])),
    ("nothing but LF", "POST / HTTP/1.1\nTransfer-Encoding: chunked\n\n1\nA\n0\n\n", Ends(&[400])),
    (
        "a blank before a length",
        "POST|Foo: bar| Content-Length: 38||GET /bye HTTP/1.1|Host: a||",
        Ends(&[400]),
    ),
    // Targets and other samples.
    ("a target with quotes", "GET /with_\"lovely\"_quotes?foo=\"bar\" HTTP/1.1|Host: a||", Ends(&[400])),
    ("a query with a question mark", "GET /healthz?foo=bar?baz HTTP/1.1|Host: a||", Stays(&[200])),
    ("a fragment", "GET /healthz?page=1#posts HTTP/1.1|Host: a||", Ends(&[400])),
    ("a host with an underscore", "GET http://hypnotoad_ad:1234/healthz HTTP/1.1|Host: a||", Stays(&[200])),
    ("a target of UTF-8", "GET /\u{3b4}\u{3bf}\u{3b3} HTTP/1.1|Host: a||", Ends(&[400])),
    ("a tunnel", "CONNECT a:443 HTTP/1.1|Host: a||", Stays(&[501])),
    ("a version of one digit", "GET / HTTP/1|Host: a||", Ends(&[505])),
    ("no version, as in HTTP/0.9", "GET /|", Nothing),
    ("an empty line before a request", "|GET / HTTP/1.1|Host: a||", Stays(&[200])),
    ("no fields in HTTP/1.0", "GET /healthz HTTP/1.0||", Ends(&[200])),
];

fn run(cases: &[(&str, &str, Hears)], bytes_of: impl Fn(&str) -> String) {
    let server = Server::start(&[]);
    for (name, said, hears) in cases {
        let mut peer = server.connect();
        peer.try_to_say(bytes_of(said));
        let (Stays(statuses) | Ends(statuses)) = hears else {
            assert!(peer.hears_nothing_for(Duration::from_millis(5)), "{name}");
            continue;
        };
        for status in *statuses {
            assert_eq!(peer.response().status, *status, "{name}");
        }
        match hears {
            Ends(_) => peer.hear_end(),
            _ => {
                peer.say("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
                assert_eq!(peer.response().text(), "alive\n", "{name}");
            }
        }
    }
}

#[test]
fn the_cases_of_h1spec() {
    assert_eq!(H1SPEC.len(), 32);
    run(H1SPEC, |said| said.to_owned());
}

#[test]
fn the_cases_of_llhttp() {
    assert_eq!(LLHTTP.len(), 76);
    run(LLHTTP, |said| {
        let post = "POST /tasks HTTP/1.1|Host: a";
        let said = match said.strip_prefix("POST|") {
            Some(rest) => format!("{post}|{rest}"),
            None => said.replacen("CHUNKED", &format!("{post}|Transfer-Encoding: chunked|"), 1),
        };
        said.replace('|', "\r\n")
    });
}
