//! One call as one HTTP request on a connection of its own (RFC 9110 §3, RFC 9112 §3).

use std::io::Write;

use crate::client::call_request::{CallRequest, OutputMode, check_status};
use crate::client::client_connection::ClientConnection;
use crate::client::fields::Field;
use crate::error::CommandError;

/// Sends the request, and prints the body of the response as it arrives; with `-i`, first the head as the
/// server wrote it.
pub fn make(request: &CallRequest, out: &mut impl Write) -> Result<(), CommandError> {
    let bytes = encode_request(request)?;
    let mut connection = ClientConnection::connect(&request.url, request.timeout, ())?;
    connection.send_request(&bytes)?;

    let (status, framing, head) =
        connection.read_head(&request.method, |head, bytes| (head.status, head.framing, bytes.to_vec()))?;
    if request.output == OutputMode::HeadAndBody {
        out.write_all(&head).map_err(CommandError::Output)?;
    }
    connection.read_body(framing, |piece| {
        out.write_all(piece).and_then(|()| out.flush()).map_err(CommandError::Output)
    })?;
    out.flush().map_err(CommandError::Output)?;
    check_status(status)
}

fn encode_request(request: &CallRequest) -> Result<Vec<u8>, CommandError> {
    for name in ["Content-Length", "Transfer-Encoding"] {
        if request.fields.iter().any(|field| field.is(name)) {
            return Err(CommandError::Usage(format!(
                "{name} is not taken with -H: the body is counted here"
            )));
        }
    }
    let mut out = format!("{} {} HTTP/1.1\r\n", request.method, request.url.target()).into_bytes();
    let mut line = |name: &str, value: &str| {
        out.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    };
    for (name, value) in default_headers(request) {
        if !request.fields.iter().any(|field| field.is(name)) {
            line(name, value);
        }
    }
    if let Some(bytes) = content_length(request) {
        line("Content-Length", &bytes.to_string());
    }
    for Field { name, value } in request.fields.iter().filter(|field| !field.value.is_empty()) {
        line(name, value);
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(request.body.as_deref().unwrap_or_default());
    Ok(out)
}

/// The fields that are sent unless `-H` replaces them.
fn default_headers<'a>(request: &'a CallRequest) -> impl Iterator<Item = (&'static str, &'a str)> {
    let content_type = request.body.as_ref().map(|_| ("Content-Type", "application/json"));
    [("Host", &*request.url.authority), ("Accept", "*/*"), ("Connection", "close")]
        .into_iter()
        .chain(content_type)
}

/// Without a body, the length is 0 for a method that usually has one (RFC 9110 §8.6).
fn content_length(request: &CallRequest) -> Option<usize> {
    match &request.body {
        Some(body) => Some(body.len()),
        None => matches!(&*request.method, "POST" | "PUT" | "PATCH").then_some(0),
    }
}

#[cfg(test)]
mod tests {
    use crate::client::call::make_for_test;
    use crate::client::test_server;
    use std::io::{Read, Write};

    /// What the server saw, what was printed, how it ended.
    fn call(arguments: &[&str], input: &str, answer: &'static str) -> (String, String, Result<(), String>) {
        let (address, server) = test_server::serve(move |mut socket| {
            let head = test_server::read_head(&mut socket);
            let length = head.split("Content-Length: ").nth(1).and_then(|rest| rest.lines().next());
            let mut body = vec![0; length.map_or(0, |digits| digits.parse().unwrap())];
            socket.read_exact(&mut body).unwrap();
            socket.write_all(answer.as_bytes()).unwrap();
            head + &String::from_utf8(body).unwrap()
        });
        let address = address.to_string();
        let arguments: Vec<String> = arguments.iter().map(|text| text.replace("HOST", &address)).collect();
        let arguments: Vec<&str> = arguments.iter().map(|text| &**text).collect();
        let (printed, outcome) = make_for_test(&arguments, input);
        (server.join().unwrap().replace(&address, "HOST"), printed, outcome)
    }

    #[test]
    fn a_get_prints_the_body() {
        let answer = "HTTP/1.1 200 OK\r\nETag: \"v\"\r\nContent-Length: 4\r\n\r\nmilk";
        let (seen, printed, outcome) = call(&["get", "http://HOST/tasks?a=b#c"], "", answer);
        assert_eq!(seen, "GET /tasks?a=b HTTP/1.1\r\nHost: HOST\r\nAccept: */*\r\nConnection: close\r\n\r\n");
        assert_eq!((&*printed, outcome), ("milk", Ok(())));
        let (_, printed, _) = call(&["GET", "-i", "http://HOST/"], "", answer);
        assert_eq!(printed, answer);
    }

    #[test]
    fn a_body_brings_its_type_and_its_length() {
        let answer = "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
        let (seen, printed, outcome) = call(&["POST", "http://HOST/tasks", "-"], "\"milk\"", answer);
        let ending = "\r\nContent-Type: application/json\r\nContent-Length: 6\r\n\r\n\"milk\"";
        assert!(seen.ends_with(ending), "{seen}");
        assert_eq!((&*printed, outcome), ("{}", Ok(())));
        let (seen, ..) = call(&["POST", "http://HOST/tasks"], "", answer);
        assert!(seen.ends_with("\r\nContent-Length: 0\r\n\r\n") && !seen.contains("Content-Type"), "{seen}");
    }

    #[test]
    fn a_field_of_the_caller_replaces_ours() {
        let arguments = ["PUT", "http://HOST/", "-d", "x", "-H", "host: b", "-H", "Content-Type: text/plain"];
        let (seen, ..) = call(&arguments, "", "HTTP/1.1 200 OK\r\n\r\n");
        let expected = "PUT / HTTP/1.1\r\nAccept: */*\r\nConnection: close\r\nContent-Length: 1\r\n\
                        host: b\r\nContent-Type: text/plain\r\n\r\nx";
        assert_eq!(seen, expected);
        let (seen, ..) = call(&["GET", "http://HOST/", "-H", "Accept:"], "", "HTTP/1.1 200 OK\r\n\r\n");
        assert_eq!(seen, "GET / HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n");
    }

    #[test]
    fn the_length_is_ours_to_say() {
        let (printed, outcome) = make_for_test(&["PUT", "http://a/", "x", "-H", "content-length: 9"], "");
        assert_eq!(
            (&*printed, outcome.unwrap_err().starts_with("2 Content-Length is not taken")),
            ("", true)
        );
    }

    #[test]
    fn a_refusal_is_printed_and_is_a_failure() {
        let (_, printed, outcome) =
            call(&["GET", "http://HOST/x"], "", "HTTP/1.1 404 Not Found\r\n\r\n{\"status\":404}");
        let words = "1 the server answered 404 Not Found".to_owned();
        assert_eq!((&*printed, outcome), ("{\"status\":404}", Err(words)));
    }

    #[test]
    fn an_answer_to_head_has_no_body() {
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n";
        assert_eq!(call(&["HEAD", "http://HOST/x"], "", answer).1, "");
        assert_eq!(call(&["HEAD", "-i", "http://HOST/x"], "", answer).1, answer);
    }
}
