//! Flags beside which only some others are heeded. Whoever gives another would believe that it was.
//!
//! ```text
//! $ bothways compare --claims --rtt 40ms
//! error: the argument '--claims' cannot be used with '--rtt <TIME>'
//! ```
//!
//! Which are heeded is listed, and not which are not: so a new flag is refused until it is.

use crate::compare::options::PublishedTable;
use clap::ArgMatches;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;

/// A flag that would be taken and ignored cannot be given. What was not said is no flag that was given.
pub fn refuse_others(flags: &clap::Command, said: &ArgMatches) -> Result<(), clap::Error> {
    let Some((flag, heeded)) = heeded_alone(said) else { return Ok(()) };
    let is_given = |id: &str| said.value_source(id) == Some(ValueSource::CommandLine);
    let unheeded = flags.get_arguments().filter(|arg| is_given(arg.get_id().as_str()));
    let unheeded = unheeded.filter(|arg| !heeded.contains(&arg.get_id().as_str()));
    let mut unheeded: Vec<String> = unheeded.map(ToString::to_string).collect();
    let unheeded = match unheeded.len() {
        0 => return Ok(()),
        1 => ContextValue::String(unheeded.remove(0)),
        _ => ContextValue::Strings(unheeded),
    };
    let mut error = clap::Error::new(ErrorKind::ArgumentConflict).with_cmd(flags);
    error.insert(ContextKind::InvalidArg, ContextValue::String(flag));
    error.insert(ContextKind::PriorArg, unheeded);
    Err(error)
}

/// A flag beside which only some others are heeded, and their names.
fn heeded_alone(said: &ArgMatches) -> Option<(String, &'static [&'static str])> {
    if said.get_flag("claims") {
        return Some(("--claims".to_owned(), &["claims", "rounds", "count"]));
    }
    let like = said.get_one::<PublishedTable>("like")?;
    let name = like.name();
    let heeded: &[&str] = match like {
        PublishedTable::QuantumLeap | PublishedTable::Gupta2014 => {
            &["like", "calls", "rounds", "count", "rtt", "bandwidth", "json"]
        }
        PublishedTable::HttpArena => {
            &["like", "calls", "rounds", "count", "rtt", "bandwidth", "json", "in_flight"]
        }
    };
    Some((format!("--like {name}"), heeded))
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
