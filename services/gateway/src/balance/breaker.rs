//! A circuit breaker for one replica (M. Nygard, "Release It!", "Circuit Breaker"): whoever fails is left
//! alone for a while that grows, then one request tries it.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// A replica that accepts connections and then fails is set aside after so many failures in a row.
const FAILURES: u32 = 5;
/// The first time that a replica is set aside; each next one is twice as long.
const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(8);
/// A request that tries a replica has this long before the next one may.
const TRY_WITHIN: Duration = Duration::from_secs(10);

/// How a call failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nobody listens, or not in time: one is enough.
    Connect,
    /// It broke off, or said that it cannot serve.
    Answer,
}

/// Whether a replica takes requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// It does.
    Closed,
    /// It is left alone for so long.
    Open(Duration),
    /// One request may try it.
    HalfOpen,
}

#[derive(Debug)]
pub(super) struct Breaker {
    /// Closed and without a failure: all that a request to a healthy replica looks at.
    clean: AtomicBool,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    phase: Phase,
    /// In a row, while it is closed.
    failures: u32,
    /// How often in a row it was opened.
    opened: u32,
}

#[derive(Debug, Default, Clone, Copy)]
enum Phase {
    #[default]
    Closed,
    Open {
        until: Instant,
    },
    Tried {
        until: Instant,
    },
}

impl Breaker {
    pub(super) fn new() -> Self {
        Self {
            clean: AtomicBool::new(true),
            inner: Mutex::default(),
        }
    }

    pub(super) fn state(&self, now: Instant) -> State {
        if self.clean.load(Ordering::Acquire) {
            return State::Closed;
        }
        match self.inner().phase {
            Phase::Closed => State::Closed,
            Phase::Open { until } | Phase::Tried { until } if now < until => {
                State::Open(until - now)
            }
            Phase::Open { .. } | Phase::Tried { .. } => State::HalfOpen,
        }
    }

    /// Claims the one try of a half-open breaker.
    pub(super) fn claim(&self, now: Instant) -> bool {
        let mut inner = self.inner();
        match inner.phase {
            Phase::Open { until } | Phase::Tried { until } if until <= now => {
                inner.phase = Phase::Tried {
                    until: now + TRY_WITHIN,
                };
                true
            }
            _ => false,
        }
    }

    /// The replica answered.
    pub(super) fn succeeded(&self) {
        if !self.clean.load(Ordering::Acquire) {
            *self.inner() = Inner::default();
            self.clean.store(true, Ordering::Release);
        }
    }

    /// The replica failed. Answers for how long it is set aside, if it is so from now on.
    pub(super) fn failed(&self, fault: Fault, now: Instant) -> Option<Duration> {
        let mut inner = self.inner();
        self.clean.store(false, Ordering::Release);
        let opens = match inner.phase {
            Phase::Closed => {
                inner.failures += 1;
                fault == Fault::Connect || inner.failures >= FAILURES
            }
            Phase::Tried { .. } => true,
            // It was under way when the breaker opened, and tells of the same fault.
            Phase::Open { .. } => false,
        };
        opens.then(|| {
            inner.opened += 1;
            inner.failures = 0;
            let wait = wait(inner.opened);
            inner.phase = Phase::Open { until: now + wait };
            wait
        })
    }

    /// The replica says by itself that it is well: it may be tried at once.
    pub(super) fn is_well(&self, now: Instant) {
        if self.clean.load(Ordering::Acquire) {
            return;
        }
        let mut inner = self.inner();
        if matches!(inner.phase, Phase::Open { .. }) {
            inner.phase = Phase::Open { until: now };
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long a replica is set aside the n-th time in a row.
fn wait(opened: u32) -> Duration {
    let doublings = opened.saturating_sub(1).min(8);
    (FIRST * 2_u32.pow(doublings)).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_there_opens_it_at_once_and_for_longer_each_time() {
        let (breaker, mut now) = (Breaker::new(), Instant::now());
        for seconds in [0.5, 1.0, 2.0, 4.0, 8.0, 8.0] {
            let wait = Duration::from_secs_f64(seconds);
            assert_eq!(breaker.failed(Fault::Connect, now), Some(wait));
            assert_eq!(breaker.state(now), State::Open(wait));
            // Others that were under way.
            assert_eq!(breaker.failed(Fault::Answer, now), None);
            assert!(!breaker.claim(now));
            now += wait;
            assert_eq!(breaker.state(now), State::HalfOpen);
            assert!(breaker.claim(now), "one may try");
            assert!(!breaker.claim(now), "and only one");
        }
        breaker.succeeded();
        assert_eq!(breaker.state(now), State::Closed);
        assert_eq!(breaker.failed(Fault::Connect, now), Some(FIRST));
    }

    #[test]
    fn some_failed_answers_are_borne_unless_they_come_in_a_row() {
        let (breaker, now) = (Breaker::new(), Instant::now());
        for _ in 0..3 {
            for _ in 1..FAILURES {
                assert_eq!(breaker.failed(Fault::Answer, now), None);
                assert_eq!(breaker.state(now), State::Closed);
            }
            breaker.succeeded();
        }
        for _ in 1..FAILURES {
            assert_eq!(breaker.failed(Fault::Answer, now), None);
        }
        assert_eq!(breaker.failed(Fault::Answer, now), Some(FIRST));
    }

    #[test]
    fn a_try_that_never_ends_does_not_close_it_for_ever() {
        let (breaker, now) = (Breaker::new(), Instant::now());
        breaker.failed(Fault::Connect, now);
        assert!(breaker.claim(now + FIRST));
        assert!(!breaker.claim(now + FIRST + TRY_WITHIN / 2));
        assert!(breaker.claim(now + FIRST + TRY_WITHIN));
    }

    #[test]
    fn a_replica_that_says_it_is_well_is_tried_at_once() {
        let (breaker, now) = (Breaker::new(), Instant::now());
        breaker.is_well(now);
        assert_eq!(breaker.state(now), State::Closed);
        breaker.failed(Fault::Connect, now);
        breaker.is_well(now);
        assert_eq!(breaker.state(now), State::HalfOpen);
    }
}
