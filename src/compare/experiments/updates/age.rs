//! How old what a follower shows is, over time: integrated from the moments of all events, not sampled.
//!
//! ```text
//!   answered to the writer     1            2  3
//!   the follower shows     0         1               3
//!                                                  ╱│
//!   age                                         ╱   │
//!                             ╱│             ╱      │
//!                          ──╱ └────────────╱       └──────▶ time
//! ```
//!
//! At any moment the age is 0 where the newest state that was answered to its writer is shown. Otherwise
//! it is the time since the oldest change that is lacking was answered.

use std::time::Duration;

/// From that moment on, the state after that change was shown; times are from a beginning common to all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    pub at: Duration,
    pub number: u32,
}

/// The ages of what followers have shown, each weighted with how long it was shown. In seconds.
#[derive(Clone, Debug, Default)]
pub struct Ages {
    /// For so long the newest was shown.
    current: f64,
    /// For the rest the age grew with time, from the first to the second.
    growing: Vec<(f64, f64)>,
}

impl Ages {
    /// What one follower has shown in that stretch of time. `answered` has the moment of change 1 first;
    /// `views` begins before the stretch does.
    pub fn add(&mut self, from: Duration, to: Duration, answered: &[Duration], views: &[View]) {
        for (n, view) in views.iter().enumerate() {
            let begin = view.at.max(from);
            let end = views.get(n + 1).map_or(to, |next| next.at.min(to));
            if begin >= end {
                continue;
            }
            // That of the change that follows upon what is shown; never, if none does.
            let lacks_from = answered.get(view.number as usize).map_or(end, |&answered| answered.min(end));
            self.current += lacks_from.saturating_sub(begin).as_secs_f64();
            if lacks_from < end {
                let at_begin = begin.saturating_sub(lacks_from).as_secs_f64();
                self.growing.push((at_begin, (end - lacks_from).as_secs_f64()));
            }
        }
    }

    /// Time that all followers together have shown something.
    pub fn total(&self) -> f64 {
        self.current + self.growing.iter().map(|(low, high)| high - low).sum::<f64>()
    }

    /// Of that time, the share in which the newest was shown.
    pub fn current_share(&self) -> f64 {
        self.current / self.total()
    }

    /// Of that time, the share in which it was older than so many seconds.
    pub fn share_older_than(&self, bound: f64) -> f64 {
        sum(self.growing.iter().map(|&(low, high)| (high - low.max(bound)).max(0.0))) / self.total()
    }

    pub fn mean(&self) -> f64 {
        sum(self.growing.iter().map(|(low, high)| (high * high - low * low) / 2.0)) / self.total()
    }

    pub fn max(&self) -> f64 {
        self.growing.iter().map(|&(_, high)| high).fold(0.0, f64::max)
    }

    /// For that share of the time the age was no more than this.
    pub fn quantile(&self, share: f64) -> f64 {
        let mut bounds: Vec<(f64, f64)> =
            self.growing.iter().flat_map(|&(low, high)| [(low, 1.0), (high, -1.0)]).collect();
        bounds.sort_by(|one, other| one.0.total_cmp(&other.0));
        let wanted = share * self.total();
        // How long the age was at most `age`, and how many stretches pass through it.
        let (mut time, mut age, mut passing) = (self.current, 0.0, 0.0);
        for (bound, more) in bounds {
            let until_bound = time + passing * (bound - age);
            if until_bound >= wanted {
                break;
            }
            (time, age) = (until_bound, bound);
            passing += more;
        }
        if passing > 0.0 && time < wanted { (age + (wanted - time) / passing).min(self.max()) } else { age }
    }
}

/// The sum of no numbers is -0 to the standard library.
fn sum(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(0.0, |sum, value| sum + value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    fn ages(to: f64, answered: &[f64], views: &[(f64, u32)]) -> Ages {
        let answered: Vec<_> = answered.iter().copied().map(seconds).collect();
        let views: Vec<_> = views.iter().map(|&(at, number)| View { at: seconds(at), number }).collect();
        let mut ages = Ages::default();
        ages.add(seconds(10.0), seconds(to), &answered, &views);
        ages
    }

    #[track_caller]
    fn check(ages: &Ages, total: f64, current: f64, mean: f64, max: f64) {
        let found = [ages.total(), ages.current_share(), ages.mean(), ages.max()];
        for (found, expected) in found.into_iter().zip([total, current, mean, max]) {
            assert!((found - expected).abs() < 1e-9, "{ages:?}: {found} where {expected} should be");
        }
    }

    #[test]
    fn the_oldest_change_that_is_lacking_counts() {
        // Changes at 11, 15 and 16; the follower looks at 12 and at 18.
        let picture = ages(20.0, &[11.0, 15.0, 16.0], &[(0.0, 0), (12.0, 1), (18.0, 3)]);
        check(&picture, 10.0, 0.6, (0.5 + 4.5) / 10.0, 3.0);
        // Six seconds of nothing; two stretches pass through the first second of age, then one.
        for (share, age) in
            [(0.5, 0.0), (0.6, 0.0), (0.7, 0.5), (0.8, 1.0), (0.9, 2.0), (0.99, 2.9), (1.0, 3.0)]
        {
            let found = picture.quantile(share);
            assert!((found - age).abs() < 1e-9, "{share}: {found} where {age} should be");
        }
        for (bound, share) in [(0.0, 0.4), (0.5, 0.3), (1.0, 0.2), (2.0, 0.1), (2.9, 0.01), (3.0, 0.0)] {
            let found = picture.share_older_than(bound);
            assert!((found - share).abs() < 1e-9, "{bound}: {found} where {share} should be");
        }
    }

    #[test]
    fn who_is_told_before_the_writer_is_never_old() {
        check(&ages(20.0, &[12.0], &[(0.0, 0), (11.5, 1)]), 10.0, 1.0, 0.0, 0.0);
        let never = ages(20.0, &[12.0], &[(0.0, 0), (11.5, 1)]);
        for age in [never.quantile(0.99), never.share_older_than(0.0), never.mean()] {
            assert!(age == 0.0 && age.is_sign_positive());
        }
    }

    #[test]
    fn what_is_shown_may_be_old_when_it_comes() {
        // The answer with change 1 was under way when change 2 was answered.
        check(&ages(14.0, &[11.0, 12.0], &[(0.0, 0), (13.0, 1)]), 4.0, 0.25, (2.0 + 1.5) / 4.0, 2.0);
    }

    #[test]
    fn the_stretch_cuts_both_ends() {
        // Two seconds old when the stretch begins, and still not told when it ends.
        check(&ages(13.0, &[8.0], &[(0.0, 0), (99.0, 1)]), 3.0, 0.0, (25.0 - 4.0) / 2.0 / 3.0, 5.0);
        check(&ages(13.0, &[], &[(0.0, 0)]), 3.0, 1.0, 0.0, 0.0);
    }

    #[test]
    fn a_poll_every_second_is_half_a_second_behind() {
        // A change every 10 ms for 100 s: whoever looks every second lacks one for nearly all of the time.
        let answered: Vec<f64> = (0..10_000).map(|n| 10.0 + f64::from(n) / 100.0 + 0.001).collect();
        let looks: Vec<(f64, u32)> = (0..101).map(|n| (10.0 + f64::from(n), (n * 100) as u32)).collect();
        let ages = ages(110.0, &answered, &looks);
        assert!((ages.mean() - 0.498).abs() < 0.002, "{}", ages.mean());
        assert!((ages.quantile(0.5) - 0.499).abs() < 0.002 && (ages.max() - 0.999).abs() < 1e-6);
    }
}
