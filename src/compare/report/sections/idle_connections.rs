//! The experiment *Hold*: the memory of a connection on which nothing happens.

use crate::compare::costs::Spread;
use crate::compare::experiments::idle_connections::{Held, beside_weights, rounded};
use crate::compare::report::charts::{FigureRow, plain_bars};
use crate::compare::report::document::{Block, Cell, Document, Output, Table};
use crate::compare::report::figures::Report;

/// Adds the section, where any connection could be held.
pub fn add(report: &Report, document: &mut Document) {
    if report.hold.iter().all(|held| held.rounds == 0) {
        return;
    }
    let title = "Memory of connections on which nothing happens";
    document.heading(Output::Text, 2, format!("{title}, for each (bytes)"));
    document.heading(Output::Page, 2, title);
    let both = [("server", "process of the server"), ("kernel", "kernel, both ends")];
    let title = "Memory for each connection on which nothing happens";
    document.charts([plain_bars(&report.hold, title, "bytes", &both)]);
    let mut table = Table::new(["held", "connections", "server", "kernel, both ends"]);
    table.columns[2..].iter_mut().for_each(|column| column.unit = Some("bytes"));
    for held in report.hold.iter().filter(|held| held.rounds > 0) {
        let memory = [held.server_bytes, held.kernel_bytes]
            .map(|spread| Cell::from(spread.map(|spread| rounded(&spread, held.connections))));
        table.row(held.way, [Cell::Words(held.connections.to_string())].into_iter().chain(memory));
    }
    document.add(Output::All, Block::Table(table));
    document.paragraphs(Output::All, beside_weights(report.server.ours, &report.hold));
}

impl FigureRow for Held {
    fn name(&self) -> String {
        self.way.to_owned()
    }

    fn spread(&self, figure: &str) -> Option<Spread> {
        if figure == "server" { self.server_bytes } else { self.kernel_bytes }
    }
}
