//! The fields that each request carries beside Host: none, those of a browser, or those of a file.

use std::fs;

use crate::client::fields;
use crate::error::CommandError;
use crate::http::negotiation;

/// Name and value.
pub type Extra = Vec<(String, String)>;

/// Header field that accepts gzip.
pub const ACCEPT_GZIP: &str = "Accept-Encoding: gzip";

/// What `--headers` means.
pub fn read(choice: &str) -> Result<Extra, CommandError> {
    match choice {
        "lean" => Ok(Extra::new()),
        "browser" => parse(BROWSER),
        file => {
            let text = fs::read_to_string(file)
                .map_err(|error| CommandError::Usage(format!("--headers: {file} cannot be read: {error}")))?;
            parse(&text)
        }
    }
}

fn parse(text: &str) -> Result<Extra, CommandError> {
    let lines: Vec<String> = text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect();
    let fields = fields::parse(&lines)?;
    if let Some(field) = fields.iter().find(|field| OURS.iter().any(|name| field.is(name))) {
        return Err(CommandError::Usage(format!(
            "--headers: {} is ours to say: it is what differs",
            field.name
        )));
    }
    if fields.iter().any(|field| field.is("Accept") && names_event_stream(field.value)) {
        let words = "--headers: Accept: text/event-stream is ours to say: such an answer never ends";
        return Err(CommandError::Usage(words.to_owned()));
    }
    Ok(fields.iter().map(|field| (field.name.to_owned(), field.value.to_owned())).collect())
}

fn names_event_stream(accept: &str) -> bool {
    let mut essences = accept.split(',').map(|range| range.split(';').next().unwrap_or_default().trim());
    essences.any(|essence| essence.eq_ignore_ascii_case("text/event-stream"))
}

/// Those of a browser, but what is answered travels as it is: where it is asked about something else.
pub fn of_browser_without_coding() -> Result<Extra, CommandError> {
    let fields = parse(BROWSER)?.into_iter().map(|(name, value)| match &*name {
        "Accept-Encoding" => (name, "identity".to_owned()),
        _ => (name, value),
    });
    Ok(fields.collect())
}

/// Whether a server may answer them with gzip.
pub fn accept_gzip(extra: &Extra) -> bool {
    let accepting = extra.iter().filter(|(name, _)| name.eq_ignore_ascii_case("Accept-Encoding"));
    negotiation::takes_gzip(accepting.map(|(_, value)| value.as_bytes()))
}

/// What makes one way differ from another.
const OURS: &[&str] = &[
    "Host",
    "Connection",
    "If-None-Match",
    "Content-Length",
    "Transfer-Encoding",
    "Upgrade",
    "Sec-WebSocket-Key",
    "Sec-WebSocket-Version",
    "Sec-WebSocket-Extensions",
    "Sec-WebSocket-Protocol",
];

/// What Chrome sends with a fetch() of its own page, with one cookie of a session and one of a statistic.
const BROWSER: &str = r#"sec-ch-ua-platform: "Windows"
User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36
sec-ch-ua: "Chromium";v="142", "Google Chrome";v="142", "Not_A Brand";v="99"
sec-ch-ua-mobile: ?0
Accept: */*
Sec-Fetch-Site: same-origin
Sec-Fetch-Mode: cors
Sec-Fetch-Dest: empty
Referer: http://127.0.0.1:8080/
Accept-Encoding: gzip, deflate, br, zstd
Accept-Language: en-US,en;q=0.9
Cookie: session=3f9c2a7b5d1e4c08a6b2f7d9e0c1a3b4; _ga=GA1.1.1234567890.1700000000
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_says_much_and_lean_says_nothing() {
        assert!(read("lean").unwrap().is_empty());
        let browser = read("browser").unwrap();
        let bytes: usize = browser.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
        assert_eq!((browser.len(), bytes), (12, BROWSER.len() + browser.len()));
    }

    #[test]
    fn gzip_is_accepted_where_a_server_would_say_so() {
        let accepts = |text: &str| accept_gzip(&parse(text).unwrap());
        assert!(accept_gzip(&read("browser").unwrap()) && accepts("accept-encoding: br, GZIP"));
        for refused in ["Accept-Encoding: gzip;q=0", "Accept-Encoding: identity", "X: gzip"] {
            assert!(!accepts(refused), "{refused}");
        }
    }

    #[test]
    fn what_differs_is_not_taken_from_a_file() {
        let failure = parse("Accept: */*\n\nconnection: close").unwrap_err();
        assert_eq!(failure.to_string(), "--headers: connection is ours to say: it is what differs");
        for accept in ["text/event-stream", "text/html, Text/Event-Stream;q=0.5"] {
            let failure = parse(&format!("accept: {accept}")).unwrap_err();
            assert_eq!(failure.exit_status(), 2);
            assert!(failure.to_string().contains("text/event-stream is ours to say"), "{failure}");
        }
        assert!(parse("Accept: text/*, */*").is_ok());
        assert_eq!(parse("no field").unwrap_err().exit_status(), 2);
        assert_eq!(read("/there/is/no/such/file").unwrap_err().exit_status(), 2);
    }
}
