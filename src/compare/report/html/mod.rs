//! A report as one page: drawings, tables, every figure, and how to measure it again.
//!
//! It needs nothing but itself, no script either. It is HTML and well-formed XML at the same time.
//!
//! ```text
//!   Report ─▶ page ─┬ pictures ─▶ drawing ─▶ scale      what is drawn; how; where a value stands
//!                   ├ text::SECTIONS                   the tables of the terminal
//!                   └ appendix                          how to measure it again; FIGURES: all there is
//! ```

pub mod appendix;
pub mod crossing;
pub mod following;
pub mod holding;

use std::fmt::Write;

use crate::compare::costs::Spread;
use crate::compare::report::caveats;
use crate::compare::report::figures::{Asked, FIGURES, Report};
use crate::compare::report::text::{self, Column, SECTIONS};
use crate::render::escape::push_content;

/// The whole page.
pub fn page(report: &Report) -> String {
    let settings = &report.settings;
    let whose = if report.server.ours { "a server of our own" } else { &*report.server.url };
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n\
         <meta charset=\"utf-8\"/>\n<meta name=\"viewport\" content=\"width=device-width\"/>\n\
         <title>What each way of asking costs</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n{PATTERNS}\
         <header>\n<p class=\"by\">bothways {} · {}</p>\n<h1>What each way of asking costs</h1>\n",
        text(report.bothways),
        text(&report.made.date)
    );
    if !report.complete {
        out += "<p class=\"incomplete\"><b>Incomplete.</b> This was interrupted; what follows was measured by then.</p>\n";
    }
    _ = writeln!(
        out,
        "<p>{}, to {}, {} headers. {}</p>",
        text::asked_in_rounds(report),
        text(whose),
        text(&settings.headers),
        if settings.rounds == 1 { caveats::ONE_ROUND } else { SEVERAL_ROUNDS }
    );
    if let Some(distance) = &report.distance {
        _ = writeln!(out, "<p>{}</p>", text(&distance.words()));
    }
    out += "</header>\n<main>\n";
    push_experiments(report, &mut out);
    push_ways(report, &mut out);
    appendix::push_repeat(report, &mut out);
    appendix::push_figures(report, &mut out);
    out + "</main>\n</body>\n</html>\n"
}

fn push_experiments(report: &Report, out: &mut String) {
    let ask = &report.ask;
    let drawings = [
        crate::compare::report::charts::bytes(ask) + &crate::compare::report::charts::segments(ask),
        crate::compare::report::charts::first_answer(report),
        crate::compare::report::charts::latency(ask)
            + &crate::compare::report::charts::processor_time(ask)
            + &crate::compare::report::charts::system_calls(ask),
        crate::compare::report::charts::paced(ask),
    ];
    for (section, drawings) in SECTIONS.iter().zip(drawings) {
        let columns = section.columns_of(ask);
        if !columns.is_empty() {
            let table = asked_table(ask, &columns);
            let title = text(section.title);
            let beside = paragraphs(&(section.beside)(report));
            _ = write!(out, "<section>\n<h2>{title}</h2>\n{drawings}{table}{beside}</section>\n");
        }
    }
    *out += &holding::hold(report);
    if !report.follow.is_empty() {
        *out += &following::follow(&report.settings.follow, &report.follow);
    }
    if let Some(crossed) = &report.cross {
        *out += &crossing::cross(&report.settings.follow, crossed);
    }
}

pub fn paragraphs(lines: &[String]) -> String {
    lines.iter().map(|line| format!("<p>{}</p>\n", text(line))).collect()
}

fn asked_table(ask: &[Asked], columns: &[&Column]) -> String {
    let unit = |column: &&Column| {
        let kind = FIGURES.iter().find(|kind| kind.name == column.figure);
        (column.heading.to_owned(), kind.map(|kind| kind.unit).filter(|unit| !column.heading.ends_with(unit)))
    };
    let headings: Vec<_> = columns.iter().map(unit).collect();
    let row = |asked: &Asked| {
        let cell = |column: &&Column| marked(asked, column.figure);
        (asked.way, columns.iter().map(cell).collect())
    };
    let mut out = String::new();
    push_table("way", &headings, ask.iter().filter(|asked| asked.rounds > 0).map(row), &mut out);
    out
}

/// A heading and its unit; and below them, by name, markup that is well-formed.
fn push_table<'r>(
    first: &str,
    headings: &[(String, Option<&str>)],
    rows: impl Iterator<Item = (&'r str, Vec<String>)>,
    out: &mut String,
) {
    _ = write!(out, "<div class=\"wide\"><table>\n<thead><tr><th scope=\"col\">{first}</th>");
    for (heading, unit) in headings {
        let unit = unit.map_or(String::new(), |unit| format!("<small>{unit}</small>"));
        _ = write!(out, "<th scope=\"col\">{}{unit}</th>", text(heading));
    }
    *out += "</tr></thead>\n<tbody>\n";
    for (name, cells) in rows {
        let cells: String = cells.iter().map(|cell| format!("<td>{cell}</td>")).collect();
        _ = writeln!(out, "<tr><th scope=\"row\">{}</th>{cells}</tr>", text(name));
    }
    *out += "</tbody>\n</table></div>\n";
}

/// A figure of a way, with its mark.
pub fn marked(asked: &Asked, name: &str) -> String {
    let spread = asked.figures.get(name).map(|figure| figure.spread);
    match caveats::mark(asked, name) {
        "" => cell(spread),
        mark => spread.map_or(cell(None), |spread| filled(spread, &format!("<sup>{mark}</sup>"))),
    }
}

/// The median, and below it the least and the most where they differ.
fn cell(spread: Option<Spread>) -> String {
    spread.map_or("–".to_owned(), |spread| filled(spread, ""))
}

fn filled(spread: Spread, mark: &str) -> String {
    match text::shown(&spread) {
        (median, None) => median + mark,
        (median, Some([min, max])) => format!("{median}{mark}<small>{min} to {max}</small>"),
    }
}

fn push_ways(report: &Report, out: &mut String) {
    *out += "<section>\n<h2>What to know beside the figures</h2>\n<dl>\n";
    for asked in &report.ask {
        _ = writeln!(out, "<dt>{}</dt><dd>{}</dd>", asked.way, text(&asked.differs));
    }
    *out += "</dl>\n";
    for asked in report.ask.iter().filter(|asked| asked.sent_again > 0) {
        _ = writeln!(out, "<p>{}: {}</p>", asked.way, text(&text::again(asked)));
    }
    for (asked, why) in report.ask.iter().filter_map(|asked| Some((asked, asked.unsaid.as_ref()?))) {
        _ = writeln!(out, "<p>{}: segments and bytes cannot be said, for {}</p>", asked.way, text(why));
    }
    let asked = report.ask.iter().map(|asked| (asked.way.to_owned(), &asked.left_out));
    let followed = report.follow.iter().map(|followed| (followed.words(), &followed.left_out));
    for (way, why) in asked.chain(followed) {
        if let Some(why) = why {
            _ = writeln!(out, "<p><b>Left out:</b> {way}: {}</p>", text(why));
        }
    }
    *out += &holding::not_held(&report.hold);
    for line in caveats::of_rounds(report) {
        _ = writeln!(out, "<p>{}</p>", text(&line));
    }
    for note in caveats::notes_at_the_end(report) {
        _ = writeln!(out, "<p>{}</p>", text(note));
    }
    *out += "</section>\n";
}

/// Text that is no markup.
pub fn text(words: &str) -> String {
    let mut out = String::new();
    push_content(words, &mut out);
    out
}

const SEVERAL_ROUNDS: &str = "Every figure is the median of the rounds. Where they differ, the least and the most \
    stand beside it, and a whisker goes from one to the other.";
const STYLE: &str = include_str!("page.css");
/// What parts of bars are filled with, beside colour.
const PATTERNS: &str = r#"<svg class="patterns" width="0" height="0" aria-hidden="true"><defs>
<pattern id="dots" width="5" height="5" patternUnits="userSpaceOnUse"><rect class="ground" width="5" height="5"/><circle class="ink" cx="2.5" cy="2.5" r="1"/></pattern>
<pattern id="lines" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect class="ground" width="6" height="6"/><rect class="ink" width="1.5" height="6"/></pattern>
<pattern id="bars" width="5" height="5" patternUnits="userSpaceOnUse"><rect class="ground" width="5" height="5"/><rect class="ink" width="5" height="1.5"/></pattern>
</defs></svg>
"#;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::compare_args::compare_options;
    use crate::compare::costs::{
        Application, Both, Costs, Network, Paced, Round, Segments, histogram, record,
    };
    use crate::compare::count_method::Method;
    use crate::compare::experiments::idle_connections::Held;
    use crate::compare::report::figures::{Measured, Settings};
    use crate::compare::report::provenance::Made;
    use crate::compare::workloads::ways::Way;
    use roxmltree::{Document, ParsingOptions};
    use std::collections::BTreeMap;
    use std::time::Duration;

    const HOSTILE: &str = "</code><script>alert('&1')</script>";

    /// A round in which nothing is nothing.
    fn round(n: u64) -> Round {
        let mut latency = histogram();
        (1..100).for_each(|call| record(&mut latency, Duration::from_micros(call * n)));
        let segments = Segments { segments: 30 + n, bytes: 9000 + n, carried: 5000 };
        let network = Network { sent: segments, received: segments, round_trips: Some(20), retransmitted: 0 };
        let mut application = Both::<Application>::default();
        (application.sent.fields, application.received.payload) = (4000, 640 + n);
        (application.sent.framing, application.received.deflated) = (60, 100);
        let costs = Costs { connections: 2, network: Some(network), application };
        Round {
            calls: 10,
            writes: 10,
            opening: costs,
            asking: costs,
            closing: costs,
            took: Duration::from_millis(n),
            first: Some(Duration::from_micros(700 + n)),
            paced: Some(Paced {
                latency: latency.clone(),
                wakes: latency.clone(),
                took: Duration::from_micros(900 * n),
                behind: Duration::from_micros(80 * n),
            }),
            latency,
            client_time: Duration::from_micros(31 * n),
            server_time: Some(Duration::from_micros(47 * n)),
            system_calls: Some(
                ["read", "write", "accept", "poll", "close", HOSTILE]
                    .map(|name| (name.to_owned(), 9 + n))
                    .into(),
            ),
            disagreement: None,
        }
    }

    fn report(rounds: &[Round]) -> Report {
        let compare = compare_options(&["--headers", HOSTILE]);
        let asked =
            |way| Asked::new(way, &compare, rounds.to_vec(), rounds.is_empty().then(|| HOSTILE.to_owned()));
        let weights = [Some(Spread { median: 1234.5, min: 1200.0, max: 1300.25 }), None];
        let held = Held {
            way: "kept",
            connections: 77,
            rounds: 1,
            server_bytes: weights[0],
            kernel_bytes: weights[1],
            left_out: None,
        };
        Report {
            bothways: "0.1.0",
            complete: true,
            counting: Method { how: "namespace", mtu: Some(1500), why: None, says: HOSTILE.to_owned() },
            server: Measured { url: HOSTILE.to_owned(), ours: false, process: None, counts: true },
            settings: Settings::of(&compare),
            distance: None,
            made: Made { command: HOSTILE.to_owned(), processor: Some(HOSTILE.to_owned()), ..Made::now() },
            ask: [Way::New, Way::Socket].map(asked).into(),
            hold: vec![held],
            follow: Vec::new(),
            cross: None,
            notes: vec![HOSTILE.to_owned()],
        }
    }

    #[track_caller]
    fn parse(page: &str) -> Document<'_> {
        Document::parse_with_options(page, ParsingOptions { allow_dtd: true, ..ParsingOptions::default() })
            .unwrap()
    }

    fn words_of(document: &Document) -> String {
        document
            .root()
            .descendants()
            .filter_map(|node| node.text().filter(|_| node.is_text()))
            .collect::<Vec<_>>()
            .join("\n")
    }

    #[test]
    fn every_figure_stands_in_the_page() {
        let report = report(&[round(3), round(5), round(8)]);
        let page = page(&report);
        let document = parse(&page);
        let rows: BTreeMap<&str, String> = document
            .descendants()
            .filter(|node| node.has_tag_name("tr"))
            .filter_map(|row| {
                let name = row.first_element_child()?.text()?;
                let cells = row.descendants().filter(|node| node.is_text()).filter_map(|node| node.text());
                Some((name, cells.collect::<Vec<_>>().join(" ")))
            })
            .collect();
        for asked in &report.ask {
            assert_eq!(asked.figures.len(), FIGURES.len(), "this report has all of them");
            let calls = asked.system_calls.iter().map(|(name, figure)| (&**name, figure));
            for (name, figure) in asked.figures.iter().map(|(name, figure)| (*name, figure)).chain(calls) {
                let row = &rows[name];
                for value in [figure.spread.median, figure.spread.min, figure.spread.max] {
                    assert!(
                        row.split(' ').any(|word| word == text::number(value)),
                        "{name}: {value} is not in {row}"
                    );
                }
            }
        }
        for words in ["1230", "1200", "1300", "77"] {
            assert!(rows["kept"].contains(words), "{words} is not in {}", rows["kept"]);
        }
        assert_eq!(document.descendants().filter(|node| node.has_tag_name("figure")).count(), 8);
    }

    #[test]
    fn what_others_say_is_text() {
        for report in [report(&[]), report(&[round(1)])] {
            let page = page(&report);
            let document = parse(&page);
            assert!(!document.descendants().any(|node| node.has_tag_name("script")));
            assert!(words_of(&document).contains(HOSTILE));
        }
    }

    #[test]
    fn it_needs_nothing_but_itself() {
        let page = page(&report(&[round(1)]));
        for outside in ["src=", "href=", "@import", "url(h", "<link"] {
            assert!(!page.contains(outside), "{outside}");
        }
    }

    #[test]
    fn a_way_with_one_round_of_several_has_no_spread_and_says_so() {
        let words = format!("<p>new: {}</p>", caveats::ONE_ROUND);
        assert!(page(&report(&[round(1)])).contains(&words));
        assert!(!page(&report(&[round(1), round(2)])).contains(&words));
    }

    #[test]
    fn what_was_interrupted_says_so() {
        let mut report = report(&[round(1)]);
        assert!(!page(&report).contains("Incomplete."));
        report.complete = false;
        assert!(page(&report).contains("<b>Incomplete.</b>"));
    }
}
