//! What the verdicts are made from: small courses, by name, and what was seen beside them.
//!
//! ```text
//!   20 calls ──── acknowledged first exchange ┊ 19 calls        what a call costs on a connection that is
//!   40 calls ──── acknowledged first exchange ┊ 39 calls        there: the difference, for each of 20
//! ```
//!
//! Whatever was not measured, because it was interrupted, is None: no verdict is made of it.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use crate::compare::claims::delivery::{self, Loops, Told};
use crate::compare::costs::{Round, Spread};
use crate::compare::experiments::idle_connections;
use crate::compare::experiments::requests::figures;
use crate::compare::headers;
use crate::compare::interleaved_runs::Turns;
use crate::compare::reproductions::push_cost::Push;
use crate::compare::reproductions::quantum_leap;
use crate::compare::run_error::{RunError, until_interrupted};
use crate::compare::workloads::workload_builder::{Recipe, What};
use crate::error::CommandError;
use crate::netlab::proc;

#[derive(Clone, Debug)]
pub struct Evidence {
    courses: BTreeMap<&'static str, Lengths>,
    /// A course with fewer is none.
    rounds_needed: usize,
    /// Bytes of the server's process for each connection on which nothing happens, by kind.
    held: Option<Vec<(&'static str, f64)>>,
    pub push: Option<Push>,
    pub told: Option<Told>,
    pub loops: Option<Loops>,
}

/// The rounds of one course.
#[derive(Clone, Debug)]
struct Lengths {
    /// Of [`CALLS`].
    short: Vec<Round>,
    /// Of twice as many.
    long: Vec<Round>,
}

/// Calls of each course in a round; and again of twice as many.
pub const CALLS: u32 = 20;
/// Of those that do not wait for an answer.
pub const AT_ONCE: usize = 10;
pub const LONG_BYTES: u32 = 4_000;
pub const HELD: u32 = 200;
pub const FOLLOWERS: usize = 16;

impl Evidence {
    /// All of it, or what there was until it was interrupted.
    pub fn gather(turns: &Turns) -> Result<Evidence, CommandError> {
        let courses = courses(turns)?;
        // Each of them waits for the clock.
        let few = Turns { rounds: turns.rounds.min(2), ..*turns };
        let pushes = quantum_leap::one_push(&few)?;
        let pushes = Some(pushes).filter(|pushes| pushes.len() == usize::from(few.rounds));
        Ok(Evidence {
            courses,
            rounds_needed: turns.rounds.into(),
            push: pushes.and_then(|pushes| pushes.into_iter().min_by(|a, b| a.bytes.total_cmp(&b.bytes))),
            held: until_interrupted(held(turns))?,
            told: until_interrupted(delivery::watch(turns))?,
            loops: until_interrupted(delivery::spread(FOLLOWERS, turns))?,
        })
    }

    /// The same, of which no verdict is made: a course counts from its first round on.
    pub fn so_far(&self) -> Evidence {
        Evidence { rounds_needed: 1, ..self.clone() }
    }

    /// What the rounds of a course say of a figure.
    pub fn spread(&self, course: &str, figure: &str) -> Option<Spread> {
        figures::figure(figure, self.rounds(course, |lengths| &lengths.short)?)
    }

    /// The least of all rounds: on a machine that is busy an acknowledgement may travel alone, and that is
    /// not what is asked about.
    pub fn least(&self, course: &str, figure: &str) -> Option<f64> {
        Some(self.spread(course, figure)?.min)
    }

    /// For each call on a connection that is there: what twice as many calls cost more, at the least. The
    /// figure is one that is said for each call.
    pub fn each(&self, course: &str, figure: &str) -> Option<f64> {
        self.more(course, figure, |spread| spread.min)
    }

    /// The same of a figure that may come out too small, too: by the median of the rounds.
    pub fn about_each(&self, course: &str, figure: &str) -> Option<f64> {
        self.more(course, figure, |spread| spread.median)
    }

    fn more(&self, course: &str, figure: &str, of: fn(&Spread) -> f64) -> Option<f64> {
        let long = of(&figures::figure(figure, self.rounds(course, |lengths| &lengths.long)?)?);
        let short = of(&self.spread(course, figure)?);
        // Both are whole numbers, divided by as many calls.
        let more = (long * f64::from(2 * CALLS)).round() - (short * f64::from(CALLS)).round();
        Some(more / f64::from(CALLS))
    }

    /// All that travels for a call on a connection that is there.
    pub fn bytes(&self, course: &str) -> Option<f64> {
        self.each(course, "bytes_per_call")
    }

    /// What the first exchange on a connection is more than each after it: acknowledgements of its own.
    pub fn first_exchange(&self, course: &str) -> Option<f64> {
        let short = (self.least(course, "bytes_per_call")? * f64::from(CALLS)).round();
        Some(short - self.bytes(course)? * f64::from(CALLS))
    }

    /// Bytes of the server's process for each connection of that kind.
    pub fn held(&self, kind: &str) -> Option<f64> {
        let mut held = self.held.as_ref()?.iter();
        Some(held.find(|(name, _)| *name == kind).expect("it is among those held").1)
    }

    fn rounds(&self, course: &str, of: fn(&Lengths) -> &Vec<Round>) -> Option<&[Round]> {
        let rounds = of(self.courses.get(course).expect("it is among the recipes"));
        (rounds.len() >= self.rounds_needed).then_some(rounds)
    }
}

fn courses(turns: &Turns) -> Result<BTreeMap<&'static str, Lengths>, CommandError> {
    let url = &turns.server.url;
    let (long, long_tag) = turns.server.put("long", LONG_BYTES)?;
    let no_tag = || CommandError::Failed("what was written has no tag".to_owned());
    let tag = turns.server.tag.clone().ok_or_else(no_tag)?;
    let browser = headers::read("browser")?;
    let get = Recipe::new(url, What::Get);
    let call = Recipe::new(url, What::Call);
    let recipes = [
        ("new", get.clone().every(1)),
        ("new-browser", get.clone().every(1).with(&browser)),
        ("kept", get.clone()),
        ("kept-browser", get.clone().with(&browser)),
        ("kept-at-once", get.at_once(AT_ONCE)),
        ("kept-long", Recipe::new(&long, What::Get)),
        ("conditional", Recipe::new(url, What::IfChanged(tag))),
        ("conditional-long", Recipe::new(&long, What::IfChanged(long_tag.ok_or_else(no_tag)?))),
        ("socket", call.clone()),
        ("socket-browser", call.clone().with(&browser)),
        ("socket-at-once", call.at_once(AT_ONCE)),
        ("socket-long", Recipe::new(&long, What::Call)),
        ("gzip", Recipe::new(url, What::GetGzip)),
        ("gzip-long", Recipe::new(&long, What::GetGzip)),
        ("deflated", Recipe::new(url, What::DeflatedCall)),
        ("deflated-long", Recipe::new(&long, What::DeflatedCall)),
    ];
    let mut courses = Vec::new();
    for (_, recipe) in &recipes {
        courses.push((recipe.course()?, CALLS));
        courses.push((recipe.course()?, 2 * CALLS));
    }
    let mut rounds = turns.take(&courses)?.into_iter();
    let mut next = || rounds.next().expect("each course has its rounds");
    Ok(recipes.iter().map(|(name, _)| (*name, Lengths { short: next(), long: next() })).collect())
}

/// All kinds are held at the same time, by a server that has held none before: what was given back by one
/// would be taken by the next, and not be seen.
fn held(turns: &Turns) -> Result<Vec<(&'static str, f64)>, RunError> {
    let weigh = || {
        let memory = turns.server.process.and_then(proc::memory_bytes);
        memory.ok_or_else(|| CommandError::Failed("the memory of the server cannot be seen".to_owned()))
    };
    let (mut streams, mut all) = (Vec::new(), Vec::new());
    let mut before = weigh()?;
    for &kind in idle_connections::ALL {
        for _ in 0..HELD {
            turns.server.check_interrupted()?;
            streams.push(kind.open(&turns.server.url)?);
        }
        thread::sleep(REST);
        let after = weigh()?;
        all.push((kind.name(), (after as f64 - before as f64) / f64::from(HELD)));
        before = after;
    }
    drop(streams);
    turns.counting.settle()?;
    Ok(all)
}

/// For buffers to be given back.
const REST: Duration = Duration::from_millis(200);
