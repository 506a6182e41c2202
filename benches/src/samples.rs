//! Numbers that were measured more than once.

use serde_json::{Value, json};

/// Measured values of one thing, in the order in which they were measured.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Samples(pub(crate) Vec<f64>);

impl Samples {
    /// The value in the middle; of two, the mean. Zero of nothing.
    pub(crate) fn median(&self) -> f64 {
        let sorted = self.sorted();
        let middle = sorted.len() / 2;
        match sorted.len() {
            0 => 0.0,
            odd if odd % 2 == 1 => sorted[middle],
            _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
        }
    }

    /// The smallest and the largest.
    pub(crate) fn range(&self) -> (f64, f64) {
        let sorted = self.sorted();
        (sorted.first().copied().unwrap_or_default(), sorted.last().copied().unwrap_or_default())
    }

    /// The quotients of what was measured in the same round.
    pub(crate) fn over(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(value, other)| value / other).collect())
    }

    /// All of them changed alike.
    pub(crate) fn map(&self, change: impl Fn(f64) -> f64) -> Self {
        Self(self.0.iter().copied().map(change).collect())
    }

    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }

    /// Median, smallest, largest, how many.
    pub(crate) fn to_json(&self) -> Value {
        let (min, max) = self.range();
        let [median, min, max] = [self.median(), min, max].map(significant);
        json!({ "median": median, "min": min, "max": max, "samples": self.0.len() })
    }
}

/// Four digits: what is behind them is noise.
pub(crate) fn significant(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle_whatever_the_order() {
        assert_eq!(Samples(vec![9.0, 1.0, 2.0]).median(), 2.0);
        assert_eq!(Samples(vec![9.0, 1.0, 2.0, 4.0]).median(), 3.0);
        assert_eq!(Samples(vec![9.0, 1.0, 2.0]).range(), (1.0, 9.0));
        assert_eq!(Samples::default().median(), 0.0);
    }

    #[test]
    fn quotients_are_made_round_by_round() {
        // A machine that is half as fast in the second round changes no quotient.
        let (a, b) = (Samples(vec![1.0, 2.0]), Samples(vec![2.0, 4.0]));
        assert_eq!(a.over(&b), Samples(vec![0.5, 0.5]));
    }

    #[test]
    fn four_digits_are_kept() {
        assert_eq!(significant(0.001_234_567), 0.001_235);
        assert_eq!(significant(8_643_999_999.0), 8_644_000_000.0);
    }
}
