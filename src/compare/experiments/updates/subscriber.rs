//! One who follows, in a thread of its own, and writes down from when on it has shown what.
//!
//! ```text
//!   begin ── the state before the first change ──▶ ready
//!     polling    sleep until it is time ── GET ── show ─┐
//!        ▲──────────────────────────────────────────────┘
//!     told       wait ── notice ── show: exactly the next change, or the run fails
//!   the end mark, or a word from whoever measures ──▶ close
//! ```

use std::borrow::Cow;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::compare::experiments::updates::age::View;
use crate::compare::experiments::updates::subscriber_connection::{
    NotificationEncoding, PollConnection, PushConnection, ReceivedNotification, SubscriberTarget,
};
use crate::compare::experiments::updates::subscriber_stats::Ledger;
use crate::compare::experiments::updates::ways::UpdateWay;
use crate::compare::run_error::RunError;
use crate::compare::server::number_of;

/// The change that says that no more are to come.
pub const END: u32 = 99_999_999;

#[derive(Debug)]
pub struct Follower<'f> {
    pub target: SubscriberTarget<'f>,
    /// The start of all times.
    pub epoch: Instant,
    /// The polling interval.
    pub every: Duration,
    /// From when on it polls, once that is known, and how long after it the first poll is.
    pub base: &'f OnceLock<Instant>,
    pub first: Duration,
    pub stop: &'f AtomicBool,
}

impl<'f> Follower<'f> {
    /// To the end of all changes: what was shown, and from when on. Whoever waits for `ready` and hears nothing
    /// more knows that it failed.
    pub fn follow(self, ready: Sender<()>) -> Result<Vec<View>, RunError> {
        let mut shown = Shown { views: Vec::new(), ledger: self.target.ledger, epoch: self.epoch };
        match self.target.way.is_told_all() {
            true => self.be_told(ready, &mut shown)?,
            false => self.ask_again(ready, &mut shown)?,
        }
        Ok(shown.views)
    }

    fn be_told(&self, ready: Sender<()>, shown: &mut Shown) -> Result<(), RunError> {
        let mut connection = PushConnection::open(&self.target)?;
        while shown.views.is_empty() {
            if let Some(number) = self.read_notice(&connection.receive()?)? {
                shown.begin(number)?;
            }
        }
        say_ready(ready);
        loop {
            match self.read_notice(&connection.receive()?)? {
                Some(END) => return connection.leave(&self.target),
                Some(number) => shown.add_next(self.target.way, number)?,
                None => {}
            }
        }
    }

    fn ask_again(&self, ready: Sender<()>, shown: &mut Shown) -> Result<(), RunError> {
        let (mut line, mut tag) = (None, None);
        match self.get(&mut line, &mut tag)? {
            Some(number) => shown.begin(number)?,
            None => return Err(RunError::failed("the first answer has no state".to_owned())),
        }
        say_ready(ready);
        let mut due = self.wait_for_base() + self.first;
        while self.wait_for_turn(&mut due) {
            match self.get(&mut line, &mut tag)? {
                Some(END) => break,
                Some(number) => shown.add_later(number)?,
                None => {}
            }
        }
        line.map_or(Ok(()), |line| line.close(&self.target))
    }

    /// Until all are ready. Long polls wait for nobody.
    fn wait_for_base(&self) -> Instant {
        while self.target.way.is_poll() && self.base.get().is_none() && !self.is_over() {
            thread::park_timeout(self.every);
        }
        self.base.get().copied().unwrap_or_else(Instant::now)
    }

    /// Until the next poll is to be made; false where none is. Whoever was too slow for one leaves it out.
    fn wait_for_turn(&self, due: &mut Instant) -> bool {
        if self.target.way.is_poll() {
            while !self.is_over() && Instant::now() < *due {
                thread::park_timeout(due.saturating_duration_since(Instant::now()));
            }
            while *due <= Instant::now() {
                *due += self.every;
            }
        }
        !self.is_over()
    }

    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// One request: which change the answer shows, if it is not the one that is shown already.
    fn get(
        &self,
        line: &mut Option<PollConnection<'f>>,
        tag: &mut Option<String>,
    ) -> Result<Option<u32>, RunError> {
        let mut on = match line.take() {
            Some(line) => line,
            None => PollConnection::open(&self.target)?,
        };
        let answer = on.get(&self.target, tag.as_deref())?;
        if self.target.way.is_on_new_connections() {
            on.close(&self.target)?;
        } else if answer.is_persistent {
            *line = Some(on);
        } else {
            return Err(RunError::failed("the server does not keep the connection".to_owned()));
        }
        let Some(body) = answer.body else { return Ok(None) };
        *tag = answer.tag;
        if self.target.way.is_conditional() && tag.is_none() {
            return Err(RunError::failed(
                "the answer has no ETag, so it cannot be asked whether it has changed".to_owned(),
            ));
        }
        self.number(&body).map(Some)
    }

    /// Of the change that a notice tells of, if it tells of one; and what its parts are for.
    fn read_notice(&self, heard: &ReceivedNotification) -> Result<Option<u32>, RunError> {
        let notice: Notice = serde_json::from_str(&heard.text)
            .map_err(|error| RunError::failed(format!("the server's notice cannot be read: {error}")))?;
        let value = notice.params.value.map_or("", RawValue::get);
        let (all, payload) = (heard.text.len() as u64, value.len() as u64);
        self.target.ledger.note(|tally| {
            let received = &mut tally.said.received;
            match heard.encoding {
                NotificationEncoding::Event => {
                    received.framing -= all;
                    received.payload += payload;
                    received.fields += all - payload;
                }
                NotificationEncoding::Message => received.payload_to_fields(all - payload),
                NotificationEncoding::CompressedMessage => {}
            }
        });
        match &*notice.method {
            "snapshot" | "change" => self.number(value).map(Some),
            "position" => Ok(None),
            other => {
                Err(RunError::failed(format!("the server said {other:?} where it should tell of changes")))
            }
        }
    }

    fn number(&self, item: &str) -> Result<u32, RunError> {
        number_of(item)
            .ok_or_else(|| RunError::failed("the server's item is not the one that was written".to_owned()))
    }
}

/// What one follower has shown.
struct Shown<'f> {
    views: Vec<View>,
    ledger: &'f Ledger,
    epoch: Instant,
}

impl Shown<'_> {
    fn begin(&mut self, number: u32) -> Result<(), RunError> {
        if number != 0 {
            return Err(RunError::inconsistent(format!(
                "the server showed change {number} before it was made"
            )));
        }
        self.show(number);
        Ok(())
    }

    /// Of one who is told everything.
    fn add_next(&mut self, way: UpdateWay, number: u32) -> Result<(), RunError> {
        let next = self.last() + 1;
        if number != next {
            return Err(RunError::inconsistent(format!(
                "who follows by {} was told change {number} where {next} was next",
                way.name()
            )));
        }
        self.show(number);
        Ok(())
    }

    /// Of one who looks now and then.
    fn add_later(&mut self, number: u32) -> Result<(), RunError> {
        let last = self.last();
        if number < last {
            return Err(RunError::inconsistent(format!("the server showed change {number} after {last}")));
        }
        if number > last {
            self.show(number);
        }
        Ok(())
    }

    fn last(&self) -> u32 {
        self.views.last().map_or(0, |view| view.number)
    }

    fn show(&mut self, number: u32) {
        self.views.push(View { at: self.epoch.elapsed(), number });
        self.ledger.show(number);
    }
}

#[derive(Deserialize)]
struct Notice<'t> {
    #[serde(borrow)]
    method: Cow<'t, str>,
    #[serde(borrow)]
    params: Params<'t>,
}

#[derive(Deserialize)]
struct Params<'t> {
    #[serde(borrow)]
    value: Option<&'t RawValue>,
}

/// Once, and nothing more is to be heard here.
fn say_ready(ready: Sender<()>) {
    // Who does not wait for it has failed, and ends us.
    let _ = ready.send(());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(ledger: &Ledger) -> Shown<'_> {
        let mut shown = Shown { views: Vec::new(), ledger, epoch: Instant::now() };
        shown.begin(0).unwrap();
        shown
    }

    fn words(stop: Result<(), RunError>) -> String {
        match stop {
            Err(RunError::Inconsistent(failure)) => failure.to_string(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn who_is_told_hears_each_change_once_and_in_order() {
        let ledger = Ledger::default();
        let mut shown = shown(&ledger);
        assert!(shown.add_next(UpdateWay::Socket, 1).is_ok());
        let twice = words(shown.add_next(UpdateWay::Socket, 1));
        assert_eq!(twice, "who follows by socket was told change 1 where 2 was next");
        words(shown.add_next(UpdateWay::Socket, 3));
        assert!(shown.add_next(UpdateWay::Socket, 2).is_ok());
        assert_eq!((shown.views.len(), ledger.shown()), (3, 2));
    }

    #[test]
    fn who_looks_may_miss_changes_and_never_goes_back() {
        let ledger = Ledger::default();
        let mut shown = shown(&ledger);
        for number in [0, 3, 3, 4] {
            assert!(shown.add_later(number).is_ok());
        }
        assert_eq!(words(shown.add_later(3)), "the server showed change 3 after 4");
        let numbers: Vec<u32> = shown.views.iter().map(|view| view.number).collect();
        assert_eq!((numbers, ledger.shown()), (vec![0, 3, 4], 4));
    }
}
