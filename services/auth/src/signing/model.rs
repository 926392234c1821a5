//! The life of a signing key: when it is published, when it signs, when it retires.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// How long the token of a person or a program lives.
pub(crate) const PERSON: TimeDelta = TimeDelta::minutes(10);
/// How long a visitor's token lives; no token lives longer.
pub(crate) const VISITOR: TimeDelta = TimeDelta::minutes(60);

/// Every replica reads the keys this often.
pub(super) const RELOAD_EVERY: Duration = Duration::from_secs(15);
/// A new key is published this long before it signs: longer than a replica takes to read it (15 s) and
/// others may keep the published set (300 s).
const PUBLISHED_BEFORE: TimeDelta = TimeDelta::minutes(6);
/// When there is no time for that, the replicas at least shall know it: twice [`RELOAD_EVERY`]. Services
/// ask at once for a key that they do not know.
const KNOWN_BEFORE: TimeDelta = TimeDelta::seconds(30);
/// A key retires this long after it last signed: [`VISITOR`], and ten minutes for clocks that differ.
const RETIRES_AFTER: TimeDelta = TimeDelta::minutes(70);
/// A retired key stays in the table this much longer, for clocks that differ.
const KEPT: TimeDelta = TimeDelta::minutes(10);

/// How a new key takes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    /// Nobody notices: it signs once everybody may know it, and what was signed before stays good.
    Smooth,
    /// The keys before it are not to be trusted any more: it signs as soon as every replica knows it,
    /// and what was signed before is refused from then on.
    AtOnce,
}

/// When a key is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Life {
    /// From here on it signs, until the next one does.
    pub(super) signs_from: DateTime<Utc>,
    /// From here on its tokens are refused.
    pub(super) retires_at: Option<DateTime<Utc>>,
}

impl Life {
    /// Of a key that signs from here on, until another one takes over.
    pub(super) const fn from(signs_from: DateTime<Utc>) -> Self {
        Self {
            signs_from,
            retires_at: None,
        }
    }

    /// Whether its tokens are good.
    pub(super) fn verifies(&self, now: DateTime<Utc>) -> bool {
        self.retires_at.is_none_or(|at| now < at)
    }

    /// Whether nothing needs it any more.
    pub(super) fn is_over(&self, now: DateTime<Utc>) -> bool {
        self.retires_at.is_some_and(|at| at < over_before(now))
    }
}

/// Keys that retired before this may be deleted.
pub(super) fn over_before(now: DateTime<Utc>) -> DateTime<Utc> {
    now - KEPT
}

/// The keys to be published, by their place in `lives`; the first one signs. That is the one that began
/// last. If none has begun, it is the next that will: the replica that made it has a clock ahead of ours.
pub(super) fn in_use(lives: &[Life], now: DateTime<Utc>) -> Vec<usize> {
    let mut places: Vec<usize> = (0..lives.len())
        .filter(|place| lives[*place].verifies(now))
        .collect();
    places.sort_by_key(|place| {
        let until_it_signs = (lives[*place].signs_from - now).num_milliseconds();
        (until_it_signs > 0, until_it_signs.abs())
    });
    places
}

/// What a rotation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Change {
    /// When the new key begins to sign.
    pub(super) signs_from: DateTime<Utc>,
    /// When the others retire, unless they do before.
    pub(super) others_retire_at: DateTime<Utc>,
}

/// Plans a rotation; the time of the one that is under way, if there is one that must not be overtaken.
pub(super) fn plan(
    lives: &[Life],
    rotation: Rotation,
    now: DateTime<Utc>,
) -> Result<Change, DateTime<Utc>> {
    if rotation == Rotation::AtOnce {
        let signs_from = now + KNOWN_BEFORE;
        return Ok(Change {
            signs_from,
            others_retire_at: signs_from,
        });
    }
    let latest = lives.iter().map(|life| life.signs_from).max();
    if let Some(latest) = latest
        && latest > now
    {
        return Err(latest);
    }
    let signs_from = now + PUBLISHED_BEFORE;
    Ok(Change {
        signs_from,
        others_retire_at: signs_from + RETIRES_AFTER,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::minutes(minutes)
    }

    fn life(signs_from: i64, retires_at: Option<i64>) -> Life {
        Life {
            signs_from: at(signs_from),
            retires_at: retires_at.map(at),
        }
    }

    #[test]
    fn the_one_that_began_last_signs_and_the_retired_are_gone() {
        let lives = [life(0, Some(176)), life(100, None), life(106, None)];
        assert_eq!(in_use(&lives, at(99)), [0, 1, 2]);
        assert_eq!(in_use(&lives, at(100)), [1, 0, 2]);
        assert_eq!(in_use(&lives, at(106)), [2, 1, 0]);
        assert_eq!(in_use(&lives, at(175)), [2, 1, 0]);
        assert_eq!(in_use(&lives, at(176)), [2, 1]);
        assert!(in_use(&[], at(0)).is_empty());
    }

    #[test]
    fn a_clock_that_is_behind_signs_with_the_key_that_is_nearest() {
        assert_eq!(in_use(&[life(20, None), life(10, None)], at(9)), [1, 0]);
    }

    #[test]
    fn a_smooth_rotation_outlasts_every_reader_and_every_token() {
        let change = plan(&[life(0, None)], Rotation::Smooth, at(100)).unwrap();
        let reader = TimeDelta::from_std(RELOAD_EVERY).unwrap() + TimeDelta::seconds(300);
        assert!(change.signs_from > at(100) + reader);
        assert!(change.others_retire_at > change.signs_from + VISITOR);
    }

    #[test]
    fn a_rotation_waits_for_the_one_before_it_unless_there_is_no_time() {
        let lives = [life(0, Some(176)), life(106, None)];
        assert_eq!(plan(&lives, Rotation::Smooth, at(105)), Err(at(106)));
        assert!(plan(&lives, Rotation::Smooth, at(106)).is_ok());
        let change = plan(&lives, Rotation::AtOnce, at(105)).unwrap();
        assert_eq!(change.signs_from, at(105) + TimeDelta::seconds(30));
        assert_eq!(change.others_retire_at, change.signs_from);
    }

    #[test]
    fn a_retired_key_is_kept_a_little() {
        let life = life(0, Some(100));
        assert!(life.verifies(at(99)) && !life.verifies(at(100)));
        assert!(!life.is_over(at(110)) && life.is_over(at(111)));
    }
}
