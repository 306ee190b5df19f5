//! Flags of `compare` that exclude most others: a flag that would be ignored is an error.
//!
//! ```text
//! $ bothways compare --claims --rtt 40ms
//! error: the argument '--claims' cannot be used with '--rtt <TIME>'
//! ```
//!
//! The allowed flags are listed, so that a new flag is rejected until it is added here.

use crate::compare::options::PublishedTable;
use clap::ArgMatches;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;

/// Rejects flags that would be ignored. A flag from the environment or from a default is not rejected.
pub fn reject_conflicts(flags: &clap::Command, matches: &ArgMatches) -> Result<(), clap::Error> {
    let Some((flag, allowed)) = allowed_flags(matches) else { return Ok(()) };
    let mut ignored: Vec<String> = flags
        .get_arguments()
        .filter(|arg| matches.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine))
        .filter(|arg| !allowed.contains(&arg.get_id().as_str()))
        .map(ToString::to_string)
        .collect();
    let ignored = match ignored.len() {
        0 => return Ok(()),
        1 => ContextValue::String(ignored.remove(0)),
        _ => ContextValue::Strings(ignored),
    };
    let mut error = clap::Error::new(ErrorKind::ArgumentConflict).with_cmd(flags);
    error.insert(ContextKind::InvalidArg, ContextValue::String(flag));
    error.insert(ContextKind::PriorArg, ignored);
    Err(error)
}

/// Returns the flag that excludes others, and the flags that it allows.
fn allowed_flags(matches: &ArgMatches) -> Option<(String, &'static [&'static str])> {
    if matches.get_flag("claims") {
        return Some(("--claims".to_owned(), &["claims", "rounds", "count"]));
    }
    let like = matches.get_one::<PublishedTable>("like")?;
    let name = like.name();
    let allowed: &[&str] = match like {
        PublishedTable::QuantumLeap | PublishedTable::Gupta2014 => {
            &["like", "calls", "rounds", "count", "rtt", "bandwidth", "json"]
        }
        PublishedTable::HttpArena => {
            &["like", "calls", "rounds", "count", "rtt", "bandwidth", "json", "in_flight"]
        }
    };
    Some((format!("--like {name}"), allowed))
}

#[cfg(test)]
mod tests {
    use crate::cli::args::Cli;
    use clap::CommandFactory;
    use clap::error::ErrorKind;

    /// What each of them heeds, and what none does: all flags of `compare` are in one of the two.
    #[test]
    fn a_flag_that_would_be_ignored_cannot_be_given() {
        let like = ["calls", "rounds", "count", "rtt", "bandwidth", "json"];
        let arena = [&like[..], &["in-flight"]].concat();
        for (mode, heeded) in [
            (&["--claims"][..], &["rounds", "count"][..]),
            (&["--like", "quantum-leap"], &like),
            (&["--like", "gupta-2014"], &like),
            (&["--like", "httparena"], &arena),
        ] {
            for (flag, with) in EVERY_FLAG.iter().filter(|(flag, _)| mode[0] != format!("--{flag}")) {
                let with = format!("--{with}");
                let flags: Vec<&str> = with.split(' ').collect();
                let line = [&["bothways", "compare"], mode, &flags].concat();
                let read = Cli::read(&line);
                if heeded.contains(flag) {
                    assert!(read.is_ok(), "{line:?}: {read:?}");
                    continue;
                }
                let error = read.expect_err(&line.join(" "));
                let words = error.to_string();
                assert_eq!((error.kind(), error.exit_code()), (ErrorKind::ArgumentConflict, 2), "{words}");
                assert!(
                    words.contains(&format!("--{flag}")) && words.contains("cannot be used with"),
                    "{words}"
                );
            }
        }
    }

    /// Each flag of `compare`, and what must be said to give it.
    const EVERY_FLAG: &[(&str, &str)] = &[
        ("url", "url=http://127.0.0.1:1/"),
        ("pid", "url=http://127.0.0.1:1/ --pid=1"),
        ("like", "like=httparena"),
        ("claims", "claims"),
        ("experiments", "experiments=ask"),
        ("ways", "ways=kept"),
        ("calls", "calls=1000"),
        ("rounds", "rounds=5"),
        ("in-flight", "in-flight=8"),
        ("depth", "depth=50"),
        ("rate", "rate=100"),
        ("headers", "headers=lean"),
        ("payload-bytes", "payload-bytes=64"),
        ("connections", "connections=1000"),
        ("count", "count=auto"),
        ("rtt", "rtt=40ms"),
        ("bandwidth", "rtt=40ms --bandwidth=1mbit"),
        ("json", "json"),
        ("html", "html=page.html"),
        ("follow-ways", "follow-ways=poll"),
        ("followers", "followers=10"),
        ("changes", "changes=50"),
        ("changes-per-second", "changes-per-second=10"),
        ("rhythm", "rhythm=evenly"),
        ("seed", "seed=1"),
        ("poll-seconds", "poll-seconds=1"),
        ("quiet-seconds", "quiet-seconds=2"),
        ("stale-ms", "stale-ms 500"),
        ("cross-seconds", "cross-seconds=4"),
        ("cross-rate-max", "cross-rate-max=64"),
    ];

    #[test]
    fn no_flag_of_compare_is_forgotten() {
        let command = Cli::command();
        let compare = command.find_subcommand("compare").unwrap();
        let all: Vec<&str> = compare.get_arguments().filter_map(|arg| arg.get_long()).collect();
        let known: Vec<&str> = EVERY_FLAG.iter().map(|(flag, _)| *flag).collect();
        assert!(all.iter().all(|flag| known.contains(flag)), "{all:?}");
        assert_eq!(all.len(), known.len());
    }
}
