//! Choosing a replica: of two that are well, the one with less to do.
//!
//! Two choices at random spread load nearly as evenly as a look at everybody, and do not send all
//! gateways to the same replica (Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing",
//! 2001).

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{breaker::State, replica::Replica};

/// Replicas that a request was sent to already, as bits.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Tried(u64);

/// The most replicas of a service.
pub(super) const MOST: usize = u64::BITS as usize;

impl Tried {
    pub(super) fn add(&mut self, place: usize) {
        self.0 |= 1 << place;
    }

    /// These and those.
    pub(super) fn and(self, those: Self) -> Self {
        Self(self.0 | those.0)
    }

    fn has(self, place: usize) -> bool {
        self.0 & 1 << place != 0
    }
}

/// The place of the replica to send a request to; none when each was tried or is left alone.
pub(super) fn pick(replicas: &[Arc<Replica>], tried: Tried, now: Instant) -> Option<usize> {
    let untried = || (0..replicas.len()).filter(|place| !tried.has(*place));
    let state = |place: usize| replicas[place].breaker.state(now);
    let claims =
        |place: &usize| state(*place) == State::HalfOpen && replicas[*place].breaker.claim(now);
    // A replica comes back only by being tried.
    let ready = |place: &usize| replicas[*place].is_ready();
    if let Some(due) = untried().filter(ready).find(claims) {
        return Some(due);
    }
    let well = |place: &usize| ready(place) && state(*place) == State::Closed;
    lighter(replicas, untried().filter(well)).or_else(|| {
        // Nobody says that it is ready, but what is asked may work all the same.
        let closed = |place: &usize| state(*place) == State::Closed;
        lighter(replicas, untried().filter(closed)).or_else(|| untried().find(claims))
    })
}

/// Whether another replica than this one is well.
pub(super) fn others(replicas: &[Arc<Replica>], tried: Tried, place: usize, now: Instant) -> bool {
    replicas.iter().enumerate().any(|(other, replica)| {
        other != place
            && !tried.has(other)
            && replica.is_ready()
            && replica.breaker.state(now) == State::Closed
    })
}

/// Until the first of the replicas that are left alone may be tried.
pub(super) fn wait(replicas: &[Arc<Replica>], now: Instant) -> Duration {
    let left = replicas
        .iter()
        .filter_map(|replica| match replica.breaker.state(now) {
            State::Open(left) => Some(left),
            State::Closed | State::HalfOpen => None,
        });
    left.min().unwrap_or_default()
}

/// Of two at random, the one with less to do.
fn lighter(
    replicas: &[Arc<Replica>],
    places: impl Iterator<Item = usize> + Clone,
) -> Option<usize> {
    let count = places.clone().count();
    let nth = |n| places.clone().nth(n);
    if count < 2 {
        return nth(0);
    }
    let random: u64 = rand::random();
    let (one, other) = two(random, count);
    let (one, other) = (nth(one)?, nth(other)?);
    let lighter = replicas[one].load() <= replicas[other].load();
    Some(if lighter { one } else { other })
}

/// Two different numbers below `count`, which is two at least.
fn two(random: u64, count: usize) -> (usize, usize) {
    let below = |bits: u64, count: usize| {
        let scaled = ((bits & 0xffff_ffff) * count as u64) >> 32;
        usize::try_from(scaled).unwrap_or(0)
    };
    let one = below(random, count);
    let other = below(random >> 32, count - 1);
    (one, if other >= one { other + 1 } else { other })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::{
        super::{breaker::Fault, replica::UnderWay},
        *,
    };

    fn replicas(count: u16) -> Vec<Arc<Replica>> {
        let url = |port| format!("http://127.0.0.1:{port}").parse().unwrap();
        let replica = |place| Arc::new(Replica::new(&url(1 + place)).unwrap());
        (0..count).map(replica).collect()
    }

    fn counts(replicas: &[Arc<Replica>], tried: Tried, now: Instant) -> Vec<u32> {
        let mut counts = vec![0; replicas.len()];
        for _ in 0..1000 {
            counts[pick(replicas, tried, now).unwrap()] += 1;
        }
        counts
    }

    #[test]
    fn whoever_has_most_to_do_gets_nothing_more() {
        let (replicas, now) = (replicas(3), Instant::now());
        let _busy: Vec<_> = (0..9).map(|_| UnderWay::at(&replicas[1])).collect();
        let counts = counts(&replicas, Tried::default(), now);
        assert_eq!(counts[1], 0);
        assert!(counts[0] > 300 && counts[2] > 300, "{counts:?}");
    }

    #[test]
    fn equals_share_and_what_was_tried_is_not_tried_again() {
        let (replicas, now) = (replicas(4), Instant::now());
        let mut tried = Tried::default();
        assert!(
            counts(&replicas, tried, now)
                .iter()
                .all(|count| *count > 150)
        );
        for place in [2, 0, 1] {
            tried.add(place);
            assert_eq!(counts(&replicas, tried, now)[place], 0);
        }
        tried.add(3);
        assert_eq!(pick(&replicas, tried, now), None);
    }

    #[test]
    fn a_replica_that_is_left_alone_is_tried_once_when_its_time_has_come() {
        let (replicas, now) = (replicas(2), Instant::now());
        let wait_for = replicas[0].breaker.failed(Fault::Connect, now).unwrap();
        assert_eq!(counts(&replicas, Tried::default(), now), [0, 1000]);
        assert!(others(&replicas, Tried::default(), 0, now));
        assert!(!others(&replicas, Tried::default(), 1, now));
        replicas[1].breaker.failed(Fault::Connect, now);
        assert_eq!(pick(&replicas, Tried::default(), now), None);
        assert_eq!(wait(&replicas, now), wait_for);
        replicas[1].breaker.succeeded();
        assert_eq!(
            counts(&replicas, Tried::default(), now + wait_for),
            [1, 999]
        );
    }

    #[test]
    fn who_is_not_ready_is_spared_unless_nobody_is() {
        let (replicas, now) = (replicas(2), Instant::now());
        replicas[0].ready.store(false, Ordering::Relaxed);
        assert_eq!(counts(&replicas, Tried::default(), now), [0, 1000]);
        replicas[1].ready.store(false, Ordering::Relaxed);
        assert!(
            counts(&replicas, Tried::default(), now)
                .iter()
                .all(|count| *count > 300)
        );
    }
}
