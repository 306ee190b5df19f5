//! Which chapters there are, and where a link in one of them leads.

/// One document, as it was written.
pub struct Chapter {
    /// Below `docs`, without its ending.
    path: &'static str,
    pub part: Part,
    pub markdown: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// To be read in order.
    Course,
    Beside,
    Reference,
}

pub const PARTS: [(Part, &str); 3] =
    [(Part::Course, "In order"), (Part::Beside, "Beside them"), (Part::Reference, "Reference")];

/// Where all are listed; each has its address behind it.
pub const ADDRESS: &str = "/-/chapters";

macro_rules! chapters {
    ($($part:ident: $($path:literal)+;)+) => {
        &[$($(Chapter {
            path: $path,
            part: Part::$part,
            markdown: include_str!(concat!("../../../docs/", $path, ".md")),
        },)+)+]
    };
}

/// Every document below `docs`, in the order in which they stand on the list.
pub const CHAPTERS: &[Chapter] = chapters! {
    Course:
        "1-one-connection-each" "2-keeping-it" "3-the-handshake" "4-frames" "5-compression" "6-masking"
        "7-fragments-and-control-frames" "8-closing-well" "9-two-readers" "10-polling" "11-long-poll"
        "12-server-sent-events" "13-the-socket-that-follows" "14-the-gap" "15-slow-readers"
        "16-what-an-answer-promises" "17-choosing" "18-figures-that-are-told";
    Beside: "claims" "from-json-server" "from-pusher" "how-to-fuzz" "architecture";
    Reference:
        "reference/http" "reference/socket" "reference/following" "reference/flags" "reference/compare"
        "reference/metrics" "reference/store" "reference/supervision" "reference/websocket"
        "reference/hostile-peers";
};

impl Chapter {
    /// As it is asked for: the folder is no part of it.
    pub fn name(&self) -> &'static str {
        self.path.rsplit_once('/').map_or(self.path, |(_, name)| name)
    }

    pub fn address(&self) -> String {
        format!("{ADDRESS}/{}", self.name())
    }

    /// What its first heading says, without marks of Markdown.
    pub fn title(&self) -> String {
        self.markdown.lines().next().unwrap_or_default().trim_start_matches("# ").replace('`', "")
    }

    /// Where a link in this chapter leads, once it is served. None: to what is not served, as a file of the
    /// source is.
    pub fn lead(&self, destination: &str) -> Option<String> {
        if destination.starts_with('#') || destination.starts_with("https://") {
            return Some(destination.to_owned());
        }
        let (file, anchor) = destination.find('#').map_or((destination, ""), |at| destination.split_at(at));
        let path = self.beside(file.strip_suffix(".md")?)?;
        let chapter = CHAPTERS.iter().find(|chapter| chapter.path == path)?;
        Some(chapter.address() + anchor)
    }

    /// The path that a relative one stands for in this chapter. None: it leads out of `docs`.
    fn beside(&self, relative: &str) -> Option<String> {
        let mut steps: Vec<&str> = self.path.split('/').collect();
        steps.pop();
        for step in relative.split('/') {
            match step {
                ".." => _ = steps.pop()?,
                step => steps.push(step),
            }
        }
        Some(steps.join("/"))
    }
}

/// Its number on the list.
pub fn find(name: &str) -> Option<usize> {
    CHAPTERS.iter().position(|chapter| chapter.name() == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    #[test]
    fn every_document_is_a_chapter() {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
        let mut there = BTreeSet::new();
        for (folder, before) in [(docs.clone(), ""), (docs.join("reference"), "reference/")] {
            for entry in fs::read_dir(folder).unwrap() {
                let name = entry.unwrap().file_name().into_string().unwrap();
                there.extend(name.strip_suffix(".md").map(|name| format!("{before}{name}")));
            }
        }
        let listed: BTreeSet<String> = CHAPTERS.iter().map(|chapter| chapter.path.to_owned()).collect();
        assert_eq!(listed, there);
        let names: BTreeSet<&str> = CHAPTERS.iter().map(Chapter::name).collect();
        assert_eq!(names.len(), CHAPTERS.len(), "two have one name");
    }

    #[test]
    fn a_link_leads_to_what_is_served_or_nowhere() {
        let [polling, http] = ["10-polling", "http"].map(|name| &CHAPTERS[find(name).unwrap()]);
        for (chapter, destination, expected) in [
            (polling, "11-long-poll.md", Some("/-/chapters/11-long-poll")),
            (polling, "reference/http.md#the-page-at-", Some("/-/chapters/http#the-page-at-")),
            (polling, "#guess-first", Some("#guess-first")),
            (polling, "https://docs.rs/redb", Some("https://docs.rs/redb")),
            (polling, "../src/http/head.rs", None),
            (polling, "../README.md", None),
            (polling, "http.md", None),
            (polling, "running/bothways.service", None),
            (polling, "javascript:alert(1)", None),
            (polling, "", None),
            (http, "socket.md", Some("/-/chapters/socket")),
            (http, "../10-polling.md#what", Some("/-/chapters/10-polling#what")),
            (http, "../../README.md", None),
            (http, "../../../docs/10-polling.md", None),
        ] {
            assert_eq!(chapter.lead(destination).as_deref(), expected, "{destination} in {}", chapter.path);
        }
    }
}
