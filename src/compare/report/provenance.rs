//! When, where and by which command a report was made: what somebody needs to make it again.

use std::env;
use std::fs;
use std::thread;

use chrono::{SecondsFormat, Utc};
use serde::Serialize;

#[derive(Clone, Debug, Serialize)]
pub struct Made {
    /// As a shell takes it.
    pub command: String,
    pub date: String,
    /// Name and release of the operating system.
    pub system: String,
    /// The model, where it is said.
    pub processor: Option<String>,
    pub cores: usize,
}

impl Made {
    /// Now, here, by this command.
    pub fn now() -> Made {
        let arguments = env::args_os().skip(1).map(|argument| quote(&argument.to_string_lossy()));
        let read = |path: &str| fs::read_to_string(path).ok();
        let release = read("/proc/sys/kernel/osrelease").unwrap_or_default();
        Made {
            command: ["bothways".to_owned()].into_iter().chain(arguments).collect::<Vec<_>>().join(" "),
            date: Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true),
            system: format!("{} {} {}", env::consts::OS, release.trim(), env::consts::ARCH),
            processor: read("/proc/cpuinfo").and_then(|text| parse_processor(&text)),
            cores: thread::available_parallelism().map_or(1, usize::from),
        }
    }
}

/// `model name : …`, of the first of them.
fn parse_processor(text: &str) -> Option<String> {
    let (_, model) = text.lines().find(|line| line.starts_with("model name"))?.split_once(':')?;
    Some(model.trim().to_owned())
}

/// One word of a shell.
fn quote(word: &str) -> String {
    if !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:,=+@%".contains(c)) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_can_be_given_to_a_shell_again() {
        let words = ["--calls", "http://a/b:1", "", "a b", "it's", "$(x)"].map(quote);
        assert_eq!(words, ["--calls", "http://a/b:1", "''", "'a b'", r"'it'\''s'", "'$(x)'"]);
    }

    #[test]
    fn the_model_of_the_first_processor_is_read() {
        let text = "processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\n\nprocessor\t: 1\nmodel name\t: Other\n";
        assert_eq!(parse_processor(text).as_deref(), Some("Some CPU @ 2 GHz"));
        assert_eq!(parse_processor("processor : 0\n"), None);
    }
}
