//! What stands at the end of the page: how to measure it again, and every figure.

use std::fmt::Write;

use crate::compare::experiments::requests::figures::{Asked, FIGURES, Kind};
use crate::compare::report::caveats;
use crate::compare::report::figures::Report;
use crate::compare::report::html::{cell, marked, paragraphs, text};

/// Command, machine, and way of counting.
pub fn push_repeat(report: &Report, out: &mut String) {
    let made = &report.made;
    let mtu =
        report.counting.mtu.map_or("that of the network between".to_owned(), |mtu| format!("{mtu} bytes"));
    let complete = if report.complete { "yes" } else { "no: it was interrupted" };
    let lines = [
        ("program", format!("bothways {}", report.bothways)),
        ("date", made.date.clone()),
        ("processor", made.processor.clone().unwrap_or_else(|| "not known".to_owned())),
        ("cores", made.cores.to_string()),
        ("system", made.system.clone()),
        ("asked", report.server.url.clone()),
        ("MTU", mtu),
        ("counting", report.counting.says.clone()),
        ("complete", complete.to_owned()),
    ];
    _ = write!(
        out,
        "<section>\n<h2>How to measure it again</h2>\n<pre><code>{}</code></pre>\n<dl>\n",
        text(&made.command)
    );
    for (name, says) in lines {
        _ = writeln!(out, "<dt>{name}</dt><dd>{}</dd>", text(&says));
    }
    *out += "</dl>\n</section>\n";
}

/// Each figure of each way, as in the JSON.
pub fn push_figures(report: &Report, out: &mut String) {
    let ask: Vec<&Asked> = report.ask.iter().filter(|asked| asked.rounds > 0).collect();
    if ask.is_empty() {
        return;
    }
    *out += "<section class=\"figures\">\n<h2>Every figure</h2>\n\
             <p>Names are those of the JSON; below a median the least and the most, where they differ.</p>\n\
             <div class=\"wide\"><table>\n<thead><tr><th scope=\"col\">figure</th>";
    for asked in &ask {
        _ = write!(out, "<th scope=\"col\">{}</th>", asked.way);
    }
    *out += "</tr></thead>\n<tbody>\n";
    for Kind { name, unit, says, .. } in FIGURES {
        if ask.iter().any(|asked| asked.figures.contains_key(name)) {
            push_row(name, &format!("{unit}: {says}"), ask.iter().map(|asked| marked(asked, name)), out);
        }
    }
    let mut names: Vec<&String> = ask.iter().flat_map(|asked| asked.system_calls.keys()).collect();
    names.sort();
    names.dedup();
    for name in names {
        let cell = |asked: &&Asked| cell(asked.system_calls.get(name).map(|figure| figure.spread));
        push_row(name, "system calls of that name", ask.iter().map(cell), out);
    }
    *out += "</tbody>\n</table></div>\n";
    *out += &paragraphs(&caveats::of_marks(report));
    *out += "</section>\n";
}

fn push_row(name: &str, says: &str, cells: impl Iterator<Item = String>, out: &mut String) {
    _ = write!(out, "<tr><th scope=\"row\">{}<small>{}</small></th>", text(name), text(says));
    for cell in cells {
        _ = write!(out, "<td>{cell}</td>");
    }
    *out += "</tr>\n";
}
