//! From values to places, and the steps that are written beside an axis.

use super::Steps;

/// One axis.
#[derive(Debug, Clone)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    log: bool,
    /// Where the lowest and the highest value are drawn.
    from: f64,
    to: f64,
    ticks: Vec<f64>,
}

/// Where the largest value is more than so many times the least, equal ratios show more.
const WIDE: f64 = 15.0;
/// About so many steps.
const TICKS: f64 = 6.0;

impl Scale {
    /// For values from `low` to `high`, drawn from `from` to `to`.
    pub(super) fn new(steps: Steps, (low, high): (f64, f64), from: f64, to: f64) -> Result<Self, String> {
        let possible = low > 0.0 && high > low;
        let log = match steps {
            Steps::Linear => false,
            Steps::Log if low <= 0.0 => return Err(format!("{low} has no place on an axis of equal ratios")),
            Steps::Log => possible,
            Steps::Fitting => possible && high / low > WIDE,
        };
        let mut scale = Self { low: low.min(0.0), high, log, from, to, ticks: Vec::new() };
        if log {
            let room = (high / low).powf(0.04);
            (scale.low, scale.high) = (low / room, high * room);
            scale.ticks = ratios(scale.low, scale.high);
        } else {
            if scale.high <= scale.low {
                scale.high = scale.low + 1.0;
            }
            let step = nice((scale.high - scale.low) / TICKS);
            scale.low = (scale.low / step).floor() * step;
            scale.high = (scale.high / step).ceil() * step;
            let mut at = scale.low;
            while at <= scale.high + step / 2.0 {
                // Sums of steps drift off zero.
                scale.ticks.push(if at.abs() < step / 1e6 { 0.0 } else { at });
                at += step;
            }
        }
        Ok(scale)
    }

    pub(super) fn place(&self, value: f64) -> f64 {
        let part = if self.log {
            (value / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        self.from + part * (self.to - self.from)
    }

    pub(super) fn high(&self) -> f64 {
        self.high
    }

    pub(super) fn ticks(&self) -> &[f64] {
        &self.ticks
    }
}

/// The next of 1, 2, 2.5, 5 times a power of ten.
fn nice(step: f64) -> f64 {
    let power = 10_f64.powf(step.log10().floor());
    let times = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().find(|times| times * power >= step * 0.999_999);
    times.unwrap_or(10.0) * power
}

/// As many of the round numbers as are easily read.
fn ratios(low: f64, high: f64) -> Vec<f64> {
    let decades = (high / low).log10();
    let digits: &[f64] = match decades {
        d if d > 5.0 => &[1.0],
        d if d > 2.5 => &[1.0, 3.0],
        d if d > 0.7 => &[1.0, 2.0, 5.0],
        _ => &[1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0],
    };
    let mut ticks = Vec::new();
    let mut power = 10_f64.powf(low.log10().floor());
    while power <= high {
        ticks.extend(digits.iter().map(|digit| digit * power).filter(|tick| (low..=high).contains(tick)));
        power *= 10.0;
    }
    ticks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_of_equal_differences_begins_at_zero_and_has_round_steps() {
        let scale = Scale::new(Steps::Fitting, (40.0, 97.0), 0.0, 100.0).unwrap();
        assert_eq!(scale.ticks(), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        assert_eq!((scale.place(0.0), scale.place(100.0)), (0.0, 100.0));
    }

    #[test]
    fn values_over_orders_of_magnitude_get_equal_ratios() {
        let scale = Scale::new(Steps::Fitting, (80.0, 12_000.0), 100.0, 0.0).unwrap();
        assert_eq!(scale.ticks(), [100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0, 10_000.0]);
        let distance = scale.place(100.0) - scale.place(1000.0);
        assert!((scale.place(1000.0) - scale.place(10_000.0) - distance).abs() < 1e-9);
        assert!(scale.place(12_000.0) > 0.0 && scale.place(80.0) < 100.0, "there is room at both ends");
        assert!(Scale::new(Steps::Log, (0.0, 5.0), 0.0, 1.0).is_err());
    }

    #[test]
    fn any_span_has_a_few_steps() {
        for low in [1e-3, 0.7, 1.0, 33.0, 1e6] {
            for times in [1.0, 1.5, 3.0, 14.0, 16.0, 300.0, 1e5, 1e9] {
                for steps in [Steps::Fitting, Steps::Log] {
                    let scale = Scale::new(steps, (low, low * times), 0.0, 1.0).unwrap();
                    let count = scale.ticks().len();
                    assert!((2..=13).contains(&count), "{low} x {times}: {:?}", scale.ticks());
                }
            }
        }
    }
}
