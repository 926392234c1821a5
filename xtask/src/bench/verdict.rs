//! What figures are held against: others' figures, and numbers.

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use super::contest::{Comparison, Entry, Figure, Goal, Limit, ratio};
use super::spread::Spread;

/// A figure of ours, as a multiple of theirs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Ratio {
    pub(super) figure: Figure,
    pub(super) ours: String,
    pub(super) theirs: String,
    pub(super) ratio: Spread,
    pub(super) goal: Option<Goal>,
}

impl Ratio {
    /// # Errors
    /// When a contestant did not measure the figure.
    pub(super) fn of(entries: &[Entry], comparison: &Comparison) -> Result<Self> {
        let (ours, theirs) = (comparison.ours, comparison.theirs);
        let ratio = ratio(entries, comparison)
            .with_context(|| format!("{} of {ours} and {theirs}", comparison.figure.title()))?;
        Ok(Self {
            figure: comparison.figure,
            ours: ours.to_owned(),
            theirs: theirs.to_owned(),
            ratio,
            goal: comparison.goal,
        })
    }
}

/// A figure, held against a number.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Held {
    pub(super) figure: Figure,
    pub(super) of: String,
    pub(super) value: Spread,
    pub(super) goal: Goal,
}

impl Held {
    /// # Errors
    /// When the contestant did not measure the figure.
    pub(super) fn of(entries: &[Entry], limit: &Limit) -> Result<Self> {
        let entry = entries.iter().find(|entry| entry.name == limit.of);
        let value = entry
            .and_then(|entry| Spread::of(entry.figures(limit.figure)?))
            .with_context(|| format!("{} of {}", limit.figure.title(), limit.of))?;
        Ok(Self {
            figure: limit.figure,
            of: limit.of.to_owned(),
            value,
            goal: limit.goal,
        })
    }
}

/// The goal, and whether it is met.
pub(super) fn verdict(goal: Option<Goal>, value: f64) -> String {
    let words = match goal {
        Some(Goal::AtMost(limit)) => format!("≤ {limit}"),
        Some(Goal::AtLeast(limit)) => format!("≥ {limit}"),
        None => String::new(),
    };
    let met = match goal.map(|goal| goal.is_met(value)) {
        Some(true) => "met",
        Some(false) => "**missed**",
        None => "",
    };
    format!("{words} | {met}")
}
