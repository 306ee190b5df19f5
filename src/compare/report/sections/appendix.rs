//! The end of the page: how to repeat the run, and every figure.

use std::collections::BTreeSet;

use crate::compare::experiments::requests::figures::{Asked, FIGURES};
use crate::compare::report::caveats;
use crate::compare::report::charts::FigureRow;
use crate::compare::report::document::{Block, Cell, Document, Output, Row, Table};
use crate::compare::report::figures::Report;

/// Adds the command, the machine, and how costs were counted.
pub fn add_provenance(report: &Report, document: &mut Document) {
    let made = &report.made;
    let mtu = report.counting.mtu;
    let terms = [
        ("program", format!("bothways {}", report.bothways)),
        ("date", made.date.clone()),
        ("processor", made.processor.clone().unwrap_or_else(|| "not known".to_owned())),
        ("cores", made.cores.to_string()),
        ("system", made.system.clone()),
        ("asked", report.server.url.clone()),
        ("MTU", mtu.map_or("that of the network between".to_owned(), |mtu| format!("{mtu} bytes"))),
        ("counting", report.counting.says.clone()),
        ("complete", if report.complete { "yes" } else { "no: it was interrupted" }.to_owned()),
    ];
    document.heading(Output::Page, 2, "How to measure it again");
    document.add(Output::Page, Block::Command(made.command.clone()));
    let terms = terms.into_iter().map(|(term, words)| (term.to_owned(), words));
    document.add(Output::Page, Block::Terms(terms.collect()));
}

/// Adds each figure of each way, as in the JSON.
pub fn add_figures(report: &Report, document: &mut Document) {
    let ask: Vec<&Asked> = report.ask.iter().filter(|asked| asked.rounds > 0).collect();
    if ask.is_empty() {
        return;
    }
    let mut table = Table::new(["figure"].into_iter().chain(ask.iter().map(|asked| asked.way)));
    for kind in FIGURES.iter().filter(|kind| ask.iter().any(|asked| asked.figures.contains_key(kind.name))) {
        let about = Some(format!("{}: {}", kind.unit, kind.says));
        let cells = ask.iter().map(|asked| Cell::Figure(asked.spread(kind.name), asked.mark(kind.name)));
        table.rows.push(Row { name: kind.name.to_owned(), about, cells: cells.collect() });
    }
    let names: BTreeSet<&String> = ask.iter().flat_map(|asked| asked.system_calls.keys()).collect();
    for name in names {
        let cells = ask.iter().map(|asked| asked.system_calls.get(name).map(|figure| figure.spread).into());
        let about = Some("system calls of that name".to_owned());
        table.rows.push(Row { name: name.clone(), about, cells: cells.collect() });
    }
    let (words, class) = ("Every figure".to_owned(), Some("figures"));
    document.add(Output::Page, Block::Heading { level: 2, words, class });
    let note = "Names are those of the JSON; below a median the least and the most, where they differ.";
    document.paragraph(Output::Page, note);
    document.add(Output::Page, Block::Table(table));
    document.paragraphs(Output::Page, caveats::of_marks(report));
}
