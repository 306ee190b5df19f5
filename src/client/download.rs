//! Everything that a server has: the index says which collections there are, and each is one GET.

use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::client::call_request::{CallRequest, OutputMode};
use crate::client::fields::Field;
use crate::client::over_http;
use crate::client::url::{Scheme, Url};
use crate::error::CommandError;
use crate::model::record::is_id;

/// One item, as the server wrote it.
pub type Item = Box<RawValue>;

#[derive(Deserialize)]
struct Index {
    /// Their paths.
    collections: Vec<String>,
}

/// The names of all collections in their order, and the items of each. A collection is as it was at one
/// position; two of them may be from different positions.
pub fn all(url: &Url, timeout: Duration) -> Result<Vec<(String, Vec<Item>)>, CommandError> {
    if url.scheme != Scheme::Http || url.path != "/" || url.query.is_some() {
        return Err(CommandError::Usage(
            "URL must name a server and nothing in it: http://HOST:PORT".to_owned(),
        ));
    }
    let index: Index = get(url, "/", timeout)?;
    let names: Option<Vec<&str>> =
        index.collections.iter().map(|path| path.strip_prefix('/').filter(|name| is_id(name))).collect();
    let names = names.ok_or_else(|| unexpected(url, "/"))?;
    names.into_iter().map(|name| Ok((name.to_owned(), get(url, &format!("/{name}"), timeout)?))).collect()
}

fn get<T: for<'de> Deserialize<'de>>(url: &Url, path: &str, timeout: Duration) -> Result<T, CommandError> {
    let request = CallRequest {
        method: "GET".to_owned(),
        url: Url { path: path.to_owned(), ..url.clone() },
        fields: vec![Field { name: "Accept", value: "application/json" }],
        body: None,
        output: OutputMode::Body,
        timeout,
    };
    let mut body = Vec::new();
    over_http::make(&request, &mut body)?;
    serde_json::from_slice(&body).map_err(|_| unexpected(url, path))
}

fn unexpected(url: &Url, path: &str) -> CommandError {
    CommandError::Failed(format!("http://{}{path} is not answered as bothways does", url.authority))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::test_server;
    use std::io::Write;

    fn download(answers: &'static [&'static str]) -> Result<Vec<(String, Vec<String>)>, String> {
        let (address, server) = test_server::serve_each(answers.len(), move |n, mut socket| {
            let head = test_server::read_head(&mut socket);
            let (answer, bytes) = (answers[n], answers[n].len());
            write!(socket, "HTTP/1.1 200 OK\r\nContent-Length: {bytes}\r\n\r\n{answer}").unwrap();
            head.lines().next().unwrap().to_owned()
        });
        let url = format!("http://{address}").parse().unwrap();
        let all = all(&url, Duration::from_secs(5)).map_err(|failure| failure.to_string());
        let asked = server.join().unwrap();
        assert!(asked[0] == "GET / HTTP/1.1", "{asked:?}");
        let texts = |items: Vec<Item>| items.iter().map(|item| item.get().to_owned()).collect();
        Ok(all?.into_iter().map(|(name, items)| (name, texts(items))).collect())
    }

    #[test]
    fn every_collection_of_the_index_is_asked_for() {
        let answers = &[
            r#"{"name":"bothways","collections":["/b","/a"]}"#,
            r#"[{"id":"1","n":1.50},{"id":"2"}]"#,
            "[]",
        ];
        let items = vec![r#"{"id":"1","n":1.50}"#.to_owned(), r#"{"id":"2"}"#.to_owned()];
        assert_eq!(download(answers), Ok(vec![("b".to_owned(), items), ("a".to_owned(), vec![])]));
    }

    #[test]
    fn another_server_is_not_taken_for_one() {
        for answers in [&["<html>"][..], &["{}"], &[r#"{"collections":["/a/b"]}"#]] {
            let why = download(answers).unwrap_err();
            assert!(why.ends_with("/ is not answered as bothways does"), "{why}");
        }
        let url = "http://a/tasks".parse().unwrap();
        assert_eq!(all(&url, Duration::from_secs(1)).unwrap_err().exit_status(), 2);
    }
}
