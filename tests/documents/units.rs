//! The units of systemd, held against the program and against the page that explains them.

use crate::root;
use bothways::config::Timeouts;
use std::fs;
use std::process::Command;

const UNITS: &[&str] = &["bothways.service", "bothways.socket"];

fn read(unit: &str) -> String {
    fs::read_to_string(root().join("docs/running").join(unit)).unwrap()
}

/// Name and value of every line that has them.
fn lines(unit: &str) -> Vec<(String, String)> {
    let text = read(unit);
    let pairs = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn value(unit: &str, name: &str) -> String {
    let found = lines(unit).into_iter().find(|(known, _)| known == name);
    found.unwrap_or_else(|| panic!("{unit} has no {name}")).1
}

#[test]
fn every_line_of_the_units_is_explained() {
    let page = fs::read_to_string(root().join("docs/reference/supervision.md")).unwrap();
    let plain = ["Description", "WantedBy", "Also"];
    let named: Vec<(&str, String)> =
        UNITS.iter().flat_map(|unit| lines(unit).into_iter().map(|(name, _)| (*unit, name))).collect();
    for (unit, name) in named.iter().filter(|(_, name)| !plain.contains(&name.as_str())) {
        assert!(page.contains(&format!("`{name}=`")), "{unit} has {name}=, and the page does not say why");
    }
    let table = page.lines().filter(|line| line.starts_with("| `") && line.contains("=`"));
    let cells = table.filter_map(|line| line.split('|').nth(1));
    for name in cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).filter_map(|w| w.strip_suffix('='))
    {
        assert!(
            named.iter().any(|(_, known)| known == name),
            "the page explains {name}=, and no unit has it"
        );
    }
}

#[test]
fn the_service_is_given_the_time_that_it_takes_to_drain() {
    let seconds: u64 = value("bothways.service", "TimeoutStopSec").parse().unwrap();
    assert!(seconds > Timeouts::DEFAULT.drain.as_secs() + Timeouts::DEFAULT.close.as_secs());
}

#[test]
fn the_command_of_the_service_is_one() {
    let command = value("bothways.service", "ExecStart");
    let (program, arguments) = command.split_once(' ').unwrap();
    assert!(program.ends_with("/bothways"));
    let mut check = Command::new(env!("CARGO_BIN_EXE_bothways"));
    check.args(arguments.split(' ')).args(["--check", "--memory", "--listen", "127.0.0.1:0"]);
    let output = check.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
