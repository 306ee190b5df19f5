//! What the experiments on updates measure: a way with its polling interval, or the changes alone.

use std::time::Duration;

use crate::compare::experiments::updates::ways::{ALL, UpdateWay};
use crate::compare::options::UpdateOptions;

/// A way of following with its polling interval, or the baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpdateSeries {
    /// Changes without subscribers: what the changes alone cost.
    Baseline,
    Polling(UpdateWay, Duration),
    Push(UpdateWay),
}

impl UpdateSeries {
    /// The series of all ways that the options select, or of the ways in `default` if they select none.
    pub fn selected(options: &UpdateOptions, default: &[UpdateWay]) -> Vec<UpdateSeries> {
        let selected = if options.follow_ways.is_empty() { default } else { &options.follow_ways };
        let mut series = Vec::new();
        for &way in ALL.iter().filter(|way| selected.contains(way)) {
            if way.is_poll() {
                series.extend(options.poll_seconds.iter().map(|&every| UpdateSeries::Polling(way, every)));
            } else {
                series.push(UpdateSeries::Push(way));
            }
        }
        series
    }

    /// The name of the way, without its interval.
    pub fn name(self) -> &'static str {
        match self {
            UpdateSeries::Baseline => "nobody",
            UpdateSeries::Polling(way, _) | UpdateSeries::Push(way) => way.name(),
        }
    }

    /// The polling interval.
    pub fn every(self) -> Option<Duration> {
        if let UpdateSeries::Polling(_, every) = self { Some(every) } else { None }
    }

    /// Returns whether it polls at an interval.
    pub fn is_polling(self) -> bool {
        self.every().is_some()
    }

    /// The name of the way and its interval.
    pub fn words(self) -> String {
        match self.every() {
            Some(every) => format!("{} every {} s", self.name(), every.as_secs_f64()),
            None => self.name().to_owned(),
        }
    }

    /// Describes in which one thing it differs, and from which other series.
    pub fn difference(self) -> &'static str {
        match self {
            UpdateSeries::Baseline => "the changes alone, and nobody who follows",
            UpdateSeries::Polling(way, _) | UpdateSeries::Push(way) => way.difference(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::compare_args::compare_options;

    fn series(flags: &[&str]) -> Vec<String> {
        let options = compare_options(flags);
        UpdateSeries::selected(&options.follow, ALL).into_iter().map(UpdateSeries::words).collect()
    }

    #[test]
    fn each_way_of_polling_is_measured_with_each_interval() {
        assert_eq!(
            series(&["--follow-ways", "socket,poll", "--poll-seconds", "0.5,2"]),
            ["poll every 0.5 s", "poll every 2 s", "socket"]
        );
        assert_eq!(series(&[]).len(), ALL.len());
    }
}
