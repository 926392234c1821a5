//! The generic cell rate algorithm: a limit in one number (ITU-T I.371, annex A.1, "virtual
//! scheduling").
//!
//! A limit is kept as the time at which all that was let pass would have arrived if it had come evenly:
//! the theoretical arrival time. What it is ahead of now is the backlog. A request passes as long as
//! the backlog stays within the whole quota, so a quota can be used at once, and comes back evenly.
//! All times are microseconds.

use std::{str::FromStr, time::Duration};

/// How many requests in how long, as `60/60`: sixty in sixty seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    count: u32,
    seconds: u32,
}

/// What a limit says to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) passes: bool,
    /// How many more would pass now.
    pub(super) remaining: u32,
    /// Until the whole quota is there again.
    pub(super) reset: u64,
    /// Until the next one passes; 0 when it would now.
    pub(super) wait: u64,
}

impl Quota {
    /// A quota of `count` requests in `seconds`, neither of them zero.
    #[must_use]
    pub const fn new(count: u32, seconds: u32) -> Self {
        assert!(count > 0 && seconds > 0, "a quota of nothing");
        Self { count, seconds }
    }

    pub(super) const fn count(self) -> u32 {
        self.count
    }

    pub(super) const fn seconds(self) -> u32 {
        self.seconds
    }

    /// The same, `factor` times as generous.
    pub(super) const fn times(self, factor: u32) -> Self {
        Self {
            count: self.count.saturating_mul(factor),
            seconds: self.seconds,
        }
    }

    /// What one of so many replicas may let pass by itself.
    pub(super) fn share(self, replicas: u32) -> Self {
        Self {
            count: self.count.div_ceil(replicas.max(1)),
            seconds: self.seconds,
        }
    }

    /// The time that one request takes up.
    pub(super) fn interval(self) -> u64 {
        (u64::from(self.seconds) * 1_000_000 / u64::from(self.count)).max(1)
    }

    /// The backlog at which nothing more passes.
    pub(super) fn tolerance(self) -> u64 {
        self.interval() * u64::from(self.count)
    }

    /// How many requests fit on top of a backlog.
    pub(super) fn room(self, backlog: u64) -> u32 {
        let left = self.tolerance().saturating_sub(backlog) / self.interval();
        u32::try_from(left).unwrap_or(u32::MAX)
    }

    /// What a backlog means to the next request. `passes` says whether this one did.
    pub(super) fn verdict(self, passes: bool, backlog: u64) -> Verdict {
        Verdict {
            passes,
            remaining: self.room(backlog),
            reset: backlog,
            wait: (backlog + self.interval()).saturating_sub(self.tolerance()),
        }
    }

    /// Lets one request pass, if it fits, and moves the theoretical arrival time.
    pub(super) fn take(self, arrival: &mut u64, now: u64) -> Verdict {
        let backlog = arrival.saturating_sub(now);
        let passes = backlog + self.interval() <= self.tolerance();
        if passes {
            *arrival = now + backlog + self.interval();
        }
        self.verdict(passes, arrival.saturating_sub(now))
    }
}

impl FromStr for Quota {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong =
            || format!("{text:?} is no quota such as 60/60: requests, and in how many seconds");
        let (count, seconds) = text.split_once('/').ok_or_else(wrong)?;
        match (count.trim().parse(), seconds.trim().parse()) {
            (Ok(count), Ok(seconds)) if count > 0 && seconds > 0 => Ok(Self { count, seconds }),
            _ => Err(wrong()),
        }
    }
}

impl std::fmt::Display for Quota {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.count, self.seconds)
    }
}

/// Microseconds as whole seconds, rounded up: what a client waits must be enough.
pub(super) fn seconds(micros: u64) -> Duration {
    Duration::from_secs(micros.div_ceil(1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    #[test]
    fn a_quota_may_be_used_at_once_and_comes_back_evenly() {
        let quota: Quota = "60/60".parse().unwrap();
        let (mut arrival, start) = (0, 1_000 * SECOND);
        for left in (0..60).rev() {
            let verdict = quota.take(&mut arrival, start);
            assert!(verdict.passes);
            assert_eq!(verdict.remaining, left);
        }
        let refused = quota.take(&mut arrival, start);
        assert!(!refused.passes);
        assert_eq!((refused.wait, refused.reset), (SECOND, 60 * SECOND));
        // Being refused costs nothing.
        assert_eq!(quota.take(&mut arrival, start), refused);
        assert!(!quota.take(&mut arrival, start + SECOND - 1).passes);
        assert!(quota.take(&mut arrival, start + SECOND).passes);
        assert!(!quota.take(&mut arrival, start + SECOND).passes);
        // After a long while the whole quota is there, and no more.
        let passed = (0..100).filter(|_| quota.take(&mut arrival, start + 3600 * SECOND).passes);
        assert_eq!(passed.count(), 60);
    }

    #[test]
    fn in_any_time_no_more_passes_than_the_quota_and_what_comes_back() {
        let quota = Quota::new(7, 3);
        let mut arrival = 0;
        let mut times = Vec::new();
        // An uneven stream, three times as dense as the quota on average.
        let mut now = SECOND;
        for step in 0..2000_u64 {
            now += (step * 7919) % 285_000;
            if quota.take(&mut arrival, now).passes {
                times.push(now);
            }
        }
        for (place, begin) in times.iter().enumerate() {
            for (count, end) in times[place..].iter().enumerate() {
                let most = 7 + (end - begin) / quota.interval();
                assert!((count as u64) < most, "{count} more within {}", end - begin);
            }
        }
        let over = now - SECOND;
        assert!(
            times.len() as u64 >= over / quota.interval(),
            "all that comes back is used"
        );
    }

    #[test]
    fn shares_add_up_to_the_whole_and_everybody_has_one() {
        assert_eq!(Quota::new(10, 60).share(4), Quota::new(3, 60));
        assert_eq!(Quota::new(2, 60).share(10), Quota::new(1, 60));
        assert_eq!(Quota::new(2, 60).share(0), Quota::new(2, 60));
    }

    #[test]
    fn what_is_no_quota_is_refused() {
        for bad in ["", "60", "0/60", "60/0", "60/60/60", "-1/60", "a/b"] {
            assert!(bad.parse::<Quota>().is_err(), "{bad:?}");
        }
        assert_eq!("120/60".parse::<Quota>().unwrap().to_string(), "120/60");
    }
}
