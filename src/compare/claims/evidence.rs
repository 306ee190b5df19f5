//! What the verdicts are made from: small courses, by name, and what was seen beside them.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use crate::compare::claims::told::{self, Loops, Told};
use crate::compare::headers;
use crate::compare::hold;
use crate::compare::like::push::Push;
use crate::compare::like::quantum_leap;
use crate::compare::proc;
use crate::compare::recipe::{Recipe, What};
use crate::compare::report;
use crate::compare::tally::Round;
use crate::compare::turns::Turns;
use crate::failure::Failure;

#[derive(Debug)]
pub struct Evidence {
    courses: BTreeMap<&'static str, Vec<Round>>,
    /// Bytes of the server's process for each connection on which nothing happens, by kind.
    held: Vec<(&'static str, f64)>,
    pub push: Push,
    pub told: Told,
    pub loops: Loops,
}

/// Calls of each course in a round.
pub const CALLS: u32 = 20;
/// Of those that do not wait for an answer.
pub const AT_ONCE: usize = 10;
pub const LONG_BYTES: u32 = 4_000;
pub const HELD: u32 = 200;
pub const FOLLOWERS: usize = 16;

impl Evidence {
    pub fn gather(turns: &Turns) -> Result<Evidence, Failure> {
        let url = &turns.server.url;
        let (long, long_tag) = turns.server.put("long", LONG_BYTES)?;
        let no_tag = || Failure::Failed("what was written has no tag".to_owned());
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
            ("deflated", Recipe::new(url, What::DeflatedCall)),
            ("deflated-long", Recipe::new(&long, What::DeflatedCall)),
        ];
        let courses: Result<Vec<_>, Failure> =
            recipes.iter().map(|(_, recipe)| Ok((recipe.clone().course()?, CALLS))).collect();
        let rounds = turns.take(&courses?)?;
        let names = recipes.iter().map(|(name, _)| *name);
        // Each of them waits for the clock.
        let pushes = quantum_leap::one_push(&Turns { rounds: turns.rounds.min(2), ..*turns })?;
        let push = pushes.into_iter().min_by(|a, b| a.bytes.total_cmp(&b.bytes));
        Ok(Evidence {
            courses: names.zip(rounds).collect(),
            held: held(turns)?,
            push: push.ok_or_else(|| Failure::Failed("no push was measured".to_owned()))?,
            told: told::watch(turns)?,
            loops: told::spread(FOLLOWERS, turns)?,
        })
    }

    /// The least of all rounds: on a machine that is busy an acknowledgement may travel alone, and that is
    /// not what is asked about.
    pub fn least(&self, course: &str, figure: &str) -> f64 {
        let rounds = self.courses.get(course).expect("it is among the recipes");
        report::figure(figure, rounds).expect("every round has what is counted").min
    }

    /// All that travels for a call.
    pub fn bytes(&self, course: &str) -> f64 {
        self.least(course, "bytes_per_call")
    }

    /// What is said in a call, without TCP and IP.
    pub fn said(&self, course: &str) -> f64 {
        ["payload", "fields", "framing", "deflated"]
            .iter()
            .map(|part| self.least(course, &format!("{part}_bytes_per_call")))
            .sum()
    }

    /// Half of the calls took no longer in the best round, in microseconds: a time.
    pub fn half(&self, course: &str) -> f64 {
        self.least(course, "latency_p50_us")
    }

    /// Bytes of the server's process for each connection of that kind.
    pub fn held(&self, kind: &str) -> f64 {
        self.held.iter().find(|(name, _)| *name == kind).expect("it is among those held").1
    }
}

/// All kinds are held at the same time: what was given back by one would be taken by the next, and not
/// be seen.
fn held(turns: &Turns) -> Result<Vec<(&'static str, f64)>, Failure> {
    let weigh = || {
        let memory = turns.server.process.and_then(proc::memory_bytes);
        memory.ok_or_else(|| Failure::Failed("the memory of the server cannot be seen".to_owned()))
    };
    let (mut streams, mut all) = (Vec::new(), Vec::new());
    let mut before = weigh()?;
    for &kind in hold::ALL {
        for _ in 0..HELD {
            streams.push(kind.open(&turns.server.url)?);
        }
        thread::sleep(REST);
        let after = weigh()?;
        all.push((kind.name(), (after as f64 - before as f64) / f64::from(HELD)));
        before = after;
    }
    drop(streams);
    turns.settle()?;
    Ok(all)
}

/// For buffers to be given back.
const REST: Duration = Duration::from_millis(200);
