//! A document as one page of HTML.
//!
//! The page needs no other file and no script. It is HTML and well-formed XML at the same time.

use std::fmt::Write;

use crate::compare::format::shown;
use crate::compare::report::bar_chart;
use crate::compare::report::document::{Block, Cell, Document, Output, Plot, Table};
use crate::compare::report::line_chart;
use crate::compare::report::svg::escaped;

/// The whole page.
pub fn page(document: &Document) -> String {
    let title = escaped(document.title);
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n\
         <meta charset=\"utf-8\"/>\n<meta name=\"viewport\" content=\"width=device-width\"/>\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n{PATTERNS}\
         <header>\n<p class=\"by\">{}</p>\n<h1>{title}</h1>\n",
        escaped(&document.byline)
    );
    if !document.complete {
        out += INCOMPLETE;
    }
    // Everything before the first section is the header.
    let mut end = "</header>\n<main>\n";
    for block in document.blocks_for(Output::Page) {
        if let Block::Heading { level: 2, class, .. } = block {
            let class = class.map_or(String::new(), |class| format!(" class=\"{class}\""));
            _ = writeln!(out, "{end}<section{class}>");
            end = "</section>\n";
        }
        push_block(block, &mut out);
    }
    out + end + "</main>\n</body>\n</html>\n"
}

fn push_block(block: &Block, out: &mut String) {
    match block {
        Block::Heading { level, words, .. } => {
            _ = writeln!(out, "<h{level}>{}</h{level}>", escaped(words));
        }
        Block::Paragraph { label, words } => {
            let label = if label.is_empty() { String::new() } else { format!("<b>{label}:</b> ") };
            _ = writeln!(out, "<p>{label}{}</p>", escaped(words));
        }
        Block::Terms(terms) => {
            *out += "<dl>\n";
            for (term, words) in terms {
                _ = writeln!(out, "<dt>{}</dt><dd>{}</dd>", escaped(term), escaped(words));
            }
            *out += "</dl>\n";
        }
        Block::Command(command) => {
            _ = writeln!(out, "<pre><code>{}</code></pre>", escaped(command));
        }
        Block::Table(table) => push_table(table, out),
        Block::Chart(chart) => {
            *out += &match &chart.plot {
                Plot::Bars(rows) => bar_chart::bars(chart, rows),
                Plot::Marks(rows) => bar_chart::marks(chart, rows),
                Plot::Lines(lines) => line_chart::lines(chart, lines),
            }
        }
    }
}

fn push_table(table: &Table, out: &mut String) {
    *out += "<div class=\"wide\"><table>\n<thead><tr>";
    for column in &table.columns {
        let (heading, unit) = (escaped(&column.heading), small(column.unit));
        _ = write!(out, "<th scope=\"col\">{heading}{unit}</th>");
    }
    *out += "</tr></thead>\n<tbody>\n";
    for row in &table.rows {
        let (name, about) = (escaped(&row.name), small(row.about.as_deref()));
        _ = write!(out, "<tr><th scope=\"row\">{name}{about}</th>");
        row.cells.iter().for_each(|cell| _ = write!(out, "<td>{}</td>", cell_content(cell)));
        *out += "</tr>\n";
    }
    *out += "</tbody>\n</table></div>\n";
}

/// The median, and below it the least and the most where they differ.
fn cell_content(cell: &Cell) -> String {
    let (spread, mark) = match cell {
        Cell::Words(words) => return escaped(words),
        Cell::Figure(None, _) => return "–".to_owned(),
        Cell::Figure(Some(spread), mark) => (spread, mark),
    };
    let (median, range) = shown(spread);
    let mark = if mark.is_empty() { String::new() } else { format!("<sup>{mark}</sup>") };
    format!("{median}{mark}{}", small(range.map(|[min, max]| format!("{min} to {max}")).as_deref()))
}

fn small(words: Option<&str>) -> String {
    words.map_or(String::new(), |words| format!("<small>{}</small>", escaped(words)))
}

const INCOMPLETE: &str = "<p class=\"incomplete\"><b>Incomplete.</b> This was interrupted; what follows was measured \
    by then.</p>\n";
const STYLE: &str = include_str!("page.css");
/// The fills of parts of bars that are not one colour.
const PATTERNS: &str = r#"<svg class="patterns" width="0" height="0" aria-hidden="true"><defs>
<pattern id="dots" width="5" height="5" patternUnits="userSpaceOnUse"><rect class="ground" width="5" height="5"/><circle class="ink" cx="2.5" cy="2.5" r="1"/></pattern>
<pattern id="lines" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect class="ground" width="6" height="6"/><rect class="ink" width="1.5" height="6"/></pattern>
<pattern id="bars" width="5" height="5" patternUnits="userSpaceOnUse"><rect class="ground" width="5" height="5"/><rect class="ink" width="5" height="1.5"/></pattern>
</defs></svg>
"#;
