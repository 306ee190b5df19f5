//! What the load clients of a round do in one way of calling.

use crate::client::url::Url;
use crate::compare::headers::{self, Extra};
use crate::compare::options::CompareOptions;
use crate::compare::workloads::call_plan::Workload;
use crate::compare::workloads::ways::Way;
use crate::compare::workloads::workload_builder::{Recipe, What};
use crate::error::CommandError;

impl Workload {
    /// Creates the workload of a way. `tag` is the entity tag of the requested item.
    ///
    /// # Errors
    ///
    /// Fails for `Way::Conditional` without a tag.
    pub fn new(
        way: Way,
        options: &CompareOptions,
        url: &Url,
        tag: Option<&str>,
        extra: &Extra,
    ) -> Result<Workload, CommandError> {
        let what = match way {
            Way::Socket | Way::SocketPipelined | Way::SocketParallel => What::Call,
            Way::SocketDeflated => What::DeflatedCall,
            Way::Conditional => {
                let tag = tag.ok_or_else(|| CommandError::Failed(NO_TAG.to_owned()))?;
                What::IfChanged(tag.to_owned())
            }
            // The header fields of a browser include it.
            Way::KeptGzip if !headers::accept_gzip(extra) => What::GetGzip,
            Way::New | Way::NewClosed | Way::Kept | Way::KeptGzip | Way::Pipelined | Way::Parallel => {
                What::Get
            }
        };
        let recipe = Recipe::new(url, what).with(extra);
        let recipe = match way {
            Way::New => recipe.every(1),
            Way::NewClosed => recipe.closed_by_server(),
            Way::Pipelined | Way::SocketPipelined => recipe.at_once(options.depth.into()),
            Way::Parallel | Way::SocketParallel => recipe.on(options.in_flight.into()),
            _ => recipe,
        };
        recipe.course()
    }
}

const NO_TAG: &str = "the answer has no ETag, so it cannot be asked whether it has changed";

/// Describes in which one thing a way differs, and from which other way.
pub fn difference(way: Way, options: &CompareOptions) -> String {
    let in_flight = options.in_flight;
    let in_one_write = || match options.calls.min(options.depth.into()) {
        1 => "1 call in one write".to_owned(),
        calls => format!("{calls} calls in one write"),
    };
    match way {
        Way::New => "HTTP, a connection for each call, closed by the client".to_owned(),
        Way::NewClosed => "as new, but closed by the server".to_owned(),
        Way::Kept => "as new, but the connection is kept".to_owned(),
        Way::Conditional => "as kept, but asked whether it has changed (304)".to_owned(),
        Way::KeptGzip => "as kept, but gzip accepted".to_owned(),
        Way::Pipelined => format!("as kept, but {}", in_one_write()),
        Way::Parallel => format!("as kept, but on {in_flight} connections at a time"),
        Way::Socket => "as kept, but by JSON-RPC over a WebSocket".to_owned(),
        Way::SocketDeflated => "as socket, but compression offered".to_owned(),
        Way::SocketPipelined => format!("as socket, but {}", in_one_write()),
        Way::SocketParallel => format!("as socket, but on {in_flight} connections at a time"),
    }
}

/// Describes a way that these header fields make equal to another one.
pub fn no_difference(way: Way, extra: &Extra) -> Option<&'static str> {
    (way == Way::KeptGzip && headers::accept_gzip(extra))
        .then_some("as kept: gzip is accepted by --headers already")
}

/// How many of `calls` the load client `n` makes. No client makes more than one more than another.
pub fn calls_of(calls: usize, clients: usize, n: usize) -> usize {
    calls / clients + usize::from(n < calls % clients)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::compare_args::compare_options;
    use crate::compare::workloads::call_plan::Road;

    fn request(way: Way) -> String {
        let url = "http://a/tasks/1?b=c".parse().unwrap();
        let extra = vec![("X".to_owned(), "y".to_owned())];
        match Workload::new(way, &compare_options(&[]), &url, Some("\"e-1\""), &extra).unwrap().plan.road {
            Road::Http(bytes) => String::from_utf8(bytes).unwrap(),
            Road::Socket { texts, .. } => texts.last().unwrap().clone(),
            other => panic!("{other:?} is no way"),
        }
    }

    #[test]
    fn what_differs_is_what_is_done() {
        let told = |way, flags: &[&str]| difference(way, &compare_options(flags));
        assert_eq!(told(Way::Pipelined, &[]), "as kept, but 50 calls in one write");
        assert_eq!(told(Way::Pipelined, &["--calls", "3"]), "as kept, but 3 calls in one write");
        assert_eq!(told(Way::SocketPipelined, &["--calls", "1"]), "as socket, but 1 call in one write");
        let browser = headers::read("browser").unwrap();
        assert!(no_difference(Way::KeptGzip, &browser).unwrap().starts_with("as kept: "));
        assert_eq!(no_difference(Way::Kept, &browser), None);
        assert_eq!(no_difference(Way::KeptGzip, &Extra::new()), None);
    }

    #[test]
    fn ways_differ_in_one_line() {
        assert_eq!(request(Way::Kept), "GET /tasks/1?b=c HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n");
        assert_eq!(request(Way::New), request(Way::Kept));
        assert!(request(Way::NewClosed).contains("\r\nConnection: close\r\n"));
        assert!(request(Way::KeptGzip).contains("\r\nAccept-Encoding: gzip\r\n"));
        assert!(request(Way::Conditional).contains("\r\nIf-None-Match: \"e-1\"\r\n"));
        let call = r#"{"jsonrpc":"2.0","id":1,"method":"get","params":{"path":"/tasks/1","query":"b=c"}}"#;
        assert_eq!(request(Way::Socket), call);
        assert_eq!(request(Way::SocketPipelined), call.replace("\"id\":1", "\"id\":50"));
    }

    #[test]
    fn every_call_is_somebodys() {
        for (calls, callers) in [(1, 8), (8, 8), (1000, 3)] {
            let shares: Vec<usize> = (0..callers).map(|n| calls_of(calls, callers, n)).collect();
            assert_eq!(shares.iter().sum::<usize>(), calls);
            assert!(shares.iter().max().unwrap() - shares.iter().min().unwrap() <= 1, "{shares:?}");
        }
    }
}
