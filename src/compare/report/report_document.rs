//! The document of a report.

use crate::compare::report::caveats;
use crate::compare::report::document::{Block, Document, Output};
use crate::compare::report::figures::Report;
use crate::compare::report::sections::{appendix, crossover, idle_connections, requests, updates};

pub fn document(report: &Report) -> Document {
    let byline = format!("bothways {} · {}", report.bothways, report.made.date);
    let mut document = Document::new("What each way of asking costs", byline, report.complete);
    add_summary(report, &mut document);
    requests::add(report, &mut document);
    if !report.ask.is_empty() {
        document.paragraph(Output::Text, "");
        document.add(Output::Text, requests::differences(&report.ask));
        document.paragraphs(Output::Text, requests::retransmissions(&report.ask));
    }
    idle_connections::add(report, &mut document);
    document.paragraphs(Output::Text, requests::unknown_traffic(&report.ask));
    updates::add(&report.settings.follow, &report.follow, &mut document);
    if let Some(crossed) = &report.cross {
        crossover::add(&report.settings.follow, crossed, &mut document);
    }
    document.heading(Output::Page, 2, "What to know beside the figures");
    document.add(Output::Page, requests::differences(&report.ask));
    document.paragraphs(Output::Page, requests::retransmissions(&report.ask));
    document.paragraphs(Output::Page, requests::unknown_traffic(&report.ask));
    add_gaps(report, &mut document);
    document.paragraphs(Output::All, caveats::of_rounds(report));
    document.paragraphs(Output::All, caveats::notes_at_the_end(report).map(String::as_str));
    appendix::add_provenance(report, &mut document);
    appendix::add_figures(report, &mut document);
    document
}

/// Adds the calls and rounds, the server, how costs were counted, and the distance.
fn add_summary(report: &Report, document: &mut Document) {
    let (calls, rounds) = (report.settings.calls, report.settings.rounds);
    let measured = match (report.ask.is_empty(), rounds) {
        (true, 1) => "One round".to_owned(),
        (true, _) => format!("{rounds} rounds"),
        (false, 1) => format!("{calls} calls in one round"),
        (false, _) => format!("{calls} calls in each of {rounds} rounds"),
    };
    let server = if report.server.ours { "a server of our own" } else { &report.server.url };
    let summary = format!("{measured}, to {server}, {} headers.", report.settings.headers);
    let [text, page] = if rounds == 1 { [caveats::ONE_ROUND; 2] } else { SEVERAL_ROUNDS };
    document.paragraph(Output::Text, format!("{summary} {text}\n\n{}", report.counting.says));
    document.paragraph(Output::Page, format!("{summary} {page}"));
    if let Some(distance) = &report.distance {
        document.paragraph(Output::Text, "");
        document.paragraph(Output::All, distance.words());
    }
}

/// Adds the ways that were not measured, or not to the end.
fn add_gaps(report: &Report, document: &mut Document) {
    for asked in &report.ask {
        add_gap(Output::All, "Left out", asked.way, &asked.left_out, document);
    }
    for one in &report.follow {
        add_gap(Output::Text, "Left out", one.way, &one.left_out, document);
        add_gap(Output::Page, "Left out", &one.words(), &one.left_out, document);
    }
    for held in &report.hold {
        add_gap(Output::All, "Not held", held.way, &held.left_out, document);
    }
}

fn add_gap(output: Output, label: &'static str, way: &str, why: &Option<String>, document: &mut Document) {
    if let Some(why) = why {
        document.add(output, Block::Paragraph { label, words: format!("{way}: {why}") });
    }
}

const SEVERAL_ROUNDS: [&str; 2] = [
    "Median of the rounds, and in brackets the\nleast and the most where they differ.",
    "Every figure is the median of the rounds. Where they differ, the least and the most stand beside it, and a whisker \
     goes from one to the other.",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::experiments::requests::figures::FIGURES;
    use crate::compare::format::number;
    use crate::compare::report::html;
    use crate::compare::report::samples::{HOSTILE, parse, report, round};
    use std::collections::BTreeMap;

    fn page(report: &Report) -> String {
        html::page(&document(report))
    }

    fn words_of(markup: &roxmltree::Document) -> String {
        let nodes = markup.root().descendants().filter(|node| node.is_text());
        nodes.filter_map(|node| node.text()).collect::<Vec<_>>().join("\n")
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
                        row.split(' ').any(|word| word == number(value)),
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
            assert!(words_of(&parse(&page(&report))).contains(HOSTILE));
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
