//! The arithmetic of rounds: medians, ratios round by round, their spread.

use serde::{Deserialize, Serialize};

/// A figure over the rounds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) min: f64,
    pub(super) max: f64,
}

impl Spread {
    /// `None` of no values.
    pub(super) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let (below, above) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
        Some(Self {
            median: f64::midpoint(below, above),
            min,
            max,
        })
    }

    /// How many times theirs ours is. Each round is held against itself, so that a machine which
    /// slows down between rounds does not count. `None` unless both have the same rounds.
    pub(super) fn ratio(ours: &[f64], theirs: &[f64]) -> Option<Self> {
        if ours.len() != theirs.len() || theirs.contains(&0.0) {
            return None;
        }
        Self::of(ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(one: f64, other: f64) -> bool {
        (one - other).abs() < 1e-9
    }

    #[test]
    fn the_median_of_odd_and_even_counts() {
        let odd = Spread::of([3.0, 1.0, 2.0]).unwrap();
        assert!(near(odd.median, 2.0) && near(odd.min, 1.0) && near(odd.max, 3.0));
        assert!(near(Spread::of([4.0, 1.0, 2.0, 3.0]).unwrap().median, 2.5));
        assert_eq!(Spread::of([]), None);
    }

    #[test]
    fn a_ratio_is_taken_round_by_round() {
        // The machine was ten times slower in the second round; ours is half in each.
        let ratio = Spread::ratio(&[5.0, 50.0, 6.0], &[10.0, 100.0, 12.0]).unwrap();
        assert!(near(ratio.median, 0.5) && near(ratio.min, 0.5) && near(ratio.max, 0.5));
        let uneven = Spread::ratio(&[1.0, 2.0, 9.0], &[1.0, 1.0, 3.0]).unwrap();
        assert!(near(uneven.median, 2.0) && near(uneven.min, 1.0) && near(uneven.max, 3.0));
    }

    #[test]
    fn no_ratio_of_different_rounds_or_to_nothing() {
        assert_eq!(Spread::ratio(&[1.0], &[1.0, 2.0]), None);
        assert_eq!(Spread::ratio(&[1.0], &[0.0]), None);
    }
}
