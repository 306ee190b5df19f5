//! The scale of an axis: the place of a value, and the values that are labelled.

#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// The ends of the axis.
    pub from: f64,
    pub to: f64,
    least: f64,
    most: f64,
    is_logarithmic: bool,
}

impl Scale {
    /// A scale from zero to `most`.
    pub fn linear(most: f64, from: f64, to: f64) -> Scale {
        let most = if most > 0.0 && most.is_finite() { most } else { 1.0 };
        Scale { from, to, least: 0.0, most, is_logarithmic: false }
    }

    /// A scale on which each power of ten has the same length.
    pub fn logarithmic(least: f64, most: f64, from: f64, to: f64) -> Scale {
        let (least, most) = if least > 0.0 && least <= most { (least, most) } else { (1.0, 10.0) };
        // Room at both ends, also where the two are equal.
        let (least, most) = (least / 1.25, most * 1.25);
        Scale { from, to, least, most, is_logarithmic: true }
    }

    /// Returns the place of a value. A value outside the scale is put at its end.
    pub fn at(&self, value: f64) -> f64 {
        let value = value.clamp(self.least, self.most);
        let share = match self.is_logarithmic {
            true => (value / self.least).ln() / (self.most / self.least).ln(),
            false => (value - self.least) / (self.most - self.least),
        };
        self.from + share * (self.to - self.from)
    }

    /// A few round values, each with its label.
    pub fn ticks(&self) -> Vec<(f64, String)> {
        let values: Vec<f64> = if self.is_logarithmic {
            let times: &[f64] = if self.most / self.least < 1000.0 { &[1.0, 2.0, 5.0] } else { &[1.0] };
            let decades = (self.least.log10().floor() as i32)..=(self.most.log10().ceil() as i32);
            let values = decades.flat_map(|n| times.iter().map(move |times| times * 10f64.powi(n)));
            values.filter(|value| (self.least..=self.most).contains(value)).collect()
        } else {
            let step = round_step(self.most / 5.0);
            (0..).map(|n| n as f64 * step).take_while(|value| *value <= self.most).collect()
        };
        values.into_iter().map(|value| (value, label(value))).collect()
    }
}

/// Returns the next of 1, 2, 5, 10, 20, 50 and so on.
fn round_step(least: f64) -> f64 {
    let decade = 10f64.powf(least.log10().floor());
    let times = [1.0, 2.0, 5.0].into_iter().find(|times| times * decade >= least);
    times.unwrap_or(10.0) * decade
}

fn label(value: f64) -> String {
    match value {
        1e6.. => format!("{} M", short(value / 1e6)),
        1e4..1e6 => format!("{} k", short(value / 1e3)),
        _ => short(value),
    }
}

fn short(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(scale: &Scale) -> Vec<String> {
        scale.ticks().into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn a_linear_scale_begins_at_nothing() {
        let scale = Scale::linear(815.0, 100.0, 200.0);
        assert_eq!(
            [0.0, 815.0, 407.5, -3.0, 9000.0].map(|value| scale.at(value)),
            [100.0, 200.0, 150.0, 100.0, 200.0]
        );
        assert_eq!(labels(&scale), ["0", "200", "400", "600", "800"]);
        assert_eq!(labels(&Scale::linear(0.0, 0.0, 1.0)), ["0", "0.2", "0.4", "0.6", "0.8", "1"]);
        assert_eq!(labels(&Scale::linear(60_000.0, 0.0, 1.0)).last().unwrap(), "60 k");
    }

    #[test]
    fn a_logarithmic_scale_gives_each_power_of_ten_the_same_room() {
        let scale = Scale::logarithmic(1.25, 8000.0, 0.0, 4.0);
        let steps = [1.0, 10.0, 100.0, 1000.0, 10_000.0].map(|value| scale.at(value).round());
        assert_eq!(steps, [0.0, 1.0, 2.0, 3.0, 4.0]);
        assert_eq!(labels(&scale), ["1", "10", "100", "1000", "10 k"]);
        assert_eq!(labels(&Scale::logarithmic(30.0, 90.0, 0.0, 1.0)), ["50", "100"]);
        // Nothing to show is no reason to fail.
        assert!(Scale::logarithmic(f64::MAX, 0.0, 0.0, 1.0).at(3.0).is_finite());
    }
}
