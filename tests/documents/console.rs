//! Commands as a reader types them, and what they print.

use crate::bytes::matches;
use crate::server::Server;
use crate::{PATIENCE, root};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;

/// Runs every command of a block, and compares what it prints with what is shown.
pub fn run_console(text: &str, server: &Server, place: &str) {
    for session in format!("\n{text}").split("\n$ ").skip(1) {
        let (command, shown) = session.split_once('\n').unwrap_or((session, ""));
        let serves = command.starts_with("bothways serve ") && !command.contains(" --check ");
        let printed = if serves || command == "cargo run --release -- serve" {
            server.announced.clone()
        } else {
            run(&server.real(command), shown)
        };
        let printed = one_time(&server.shown(&printed).replace('\r', ""));
        let shown = one_time(shown.trim_end().trim_end_matches("\n^C"));
        assert!(
            matches(&shown, printed.trim_end()),
            "{place}: `{command}` should print\n{shown}\nand prints\n{printed}"
        );
    }
}

/// What a command prints: all of it, or as many lines as are shown before `^C`.
pub fn run(command: &str, shown: &str) -> String {
    let mut shell = Command::new("sh");
    let Some(lines) = shown.trim_end().strip_suffix("\n^C").map(|shown| shown.lines().count()) else {
        let output = tidy(shell.arg("-c").arg(command)).output().unwrap();
        let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        return if out.is_empty() { err } else { format!("{}\n{err}", out.trim_end_matches('\n')) };
    };
    shell.arg("-c").arg(format!("exec {command}")).stdout(Stdio::piped());
    let mut child = tidy(&mut shell).spawn().unwrap();
    let (tell, told) = mpsc::channel();
    let output = BufReader::new(child.stdout.take().unwrap());
    thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| tell.send(line + "\n")));
    let printed = (0..lines).map_while(|_| told.recv_timeout(PATIENCE).ok()).collect();
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert!(child.wait().unwrap().success(), "`{command}` ends well when it is interrupted");
    printed
}

/// Lets a command find `bothways` where it was just built, and none of the settings of whoever tests.
pub fn tidy(command: &mut Command) -> &mut Command {
    let built = Path::new(env!("CARGO_BIN_EXE_bothways")).parent().unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("BOTHWAYS_")) {
        command.env_remove(name);
    }
    command.env("PATH", format!("{}:{path}", built.display())).env_remove("RUST_LOG");
    command.env("no_proxy", "127.0.0.1").current_dir(root())
}

/// Every time of day, and every date, as one.
fn one_time(text: &str) -> String {
    let line = |line: &str| {
        let mut line = if line.starts_with("Date: ") { "Date:".to_owned() } else { line.to_owned() };
        for at in 0..line.len().saturating_sub(7) {
            let is_time = line.as_bytes()[at..at + 8].iter().enumerate().all(|(n, byte)| match n {
                2 | 5 => *byte == b':',
                _ => byte.is_ascii_digit(),
            });
            if is_time {
                line.replace_range(at..at + 8, "HH:MM:SS");
            }
        }
        line
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}
