//! Hold on the page: what a connection weighs on which nothing happens.

use std::fmt::Write;

use crate::compare::costs::Spread;
use crate::compare::experiments::idle_connections::{Held, beside_weights, rounded};
use crate::compare::report::charts;
use crate::compare::report::figures::Report;
use crate::compare::report::html::{cell, push_table, text};

/// All of Hold; nothing, where nothing could be held.
pub fn hold(report: &Report) -> String {
    let rows: Vec<&Held> = report.hold.iter().filter(|held| held.rounds > 0).collect();
    if rows.is_empty() {
        return String::new();
    }
    let title = "Memory of connections on which nothing happens";
    let mut out = format!("<section>\n<h2>{title}</h2>\n{}", charts::memory(report));
    let unit = |says: &str| (says.to_owned(), Some("bytes"));
    let headings = [("connections".to_owned(), None), unit("server"), unit("kernel, both ends")];
    push_table("held", &headings, rows.iter().map(|held| (held.way, cells(held))), &mut out);
    for line in beside_weights(report.server.ours, &report.hold) {
        _ = writeln!(out, "<p>{}</p>", text(line));
    }
    out + "</section>\n"
}

fn cells(held: &Held) -> Vec<String> {
    let weight = |spread: Option<Spread>| cell(spread.map(|spread| rounded(&spread, held.connections)));
    vec![held.connections.to_string(), weight(held.server_bytes), weight(held.kernel_bytes)]
}

/// What could not be held, and why.
pub fn not_held(held: &[Held]) -> String {
    let mut out = String::new();
    for (held, why) in held.iter().filter_map(|held| Some((held, held.left_out.as_ref()?))) {
        _ = writeln!(out, "<p><b>Not held:</b> {}: {}</p>", held.way, text(why));
    }
    out
}
