//! How many requests a service may have under way: more only make all of them wait.
//!
//! By Little's law a service that is busy answers no faster for having more to do; what is over waits.
//! So the limit follows the latency. Each route has its usual latency, learned while nothing is refused.
//! When answers take more than twice as long, the limit shrinks in proportion, at most by half; while
//! it is reached and they do not, it grows by its square root. Additive increase and multiplicative
//! decrease converge (Chiu and Jain, "Analysis of the Increase and Decrease Algorithms for Congestion
//! Avoidance", 1989); the gradient and its headroom are Envoy's adaptive concurrency filter's, and so is
//! the probe: a service that has long been overloaded shows its true latency only when it has little
//! to do for a moment.
//!
//! Counted is until the answer begins. What streams, and sockets, are not overload.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use prometheus::IntGauge;

/// Where the limit begins, and returns to when it is not needed.
const USUAL: usize = 256;
const LEAST: usize = 8;
const MOST: usize = 8192;
/// Answers may take so many times as long as usual.
const TOLERANCE: f64 = 2.0;
/// The limit is looked at this often, if so many answers have come.
const WINDOW: Duration = Duration::from_millis(250);
const ENOUGH: u32 = 10;
/// It is looked at after this time if anything has come.
const LONG_WINDOW: Duration = Duration::from_secs(1);
/// With each window the usual latency falls by this part of the difference.
const FALL: f64 = 0.25;
/// And rises by this part of itself at most, about two thirds a minute: a growing overload must not
/// become what is usual before the limit is reached.
const RISE: f64 = 0.002;
/// What is usual is measured anew when something has been refused for this long.
const PROBE_EVERY: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(super) struct Gate {
    limit: AtomicUsize,
    under_way: AtomicUsize,
    inner: Mutex<Inner>,
    /// Shows the limit.
    gauge: IntGauge,
}

#[derive(Debug)]
struct Inner {
    window: Window,
    /// The usual latency of each route in seconds, by its place in the table; 0 when it is not known.
    usual: Vec<f64>,
    /// When it was learned or measured last.
    learned_at: Option<Instant>,
    probe: Option<Probe>,
}

#[derive(Debug)]
struct Window {
    began: Instant,
    /// By route: answers, and the seconds that they took together.
    routes: Vec<(u32, f64)>,
    answers: u32,
    /// The most that was under way.
    peak: usize,
    refused: u32,
}

#[derive(Debug)]
struct Probe {
    began: Instant,
    /// The limit to go on with.
    resume: usize,
}

impl Gate {
    /// A gate for a service; `routes` is the length of the route table.
    pub(super) fn new(routes: usize, now: Instant, gauge: IntGauge) -> Self {
        gauge.set(shown(USUAL));
        Self {
            limit: AtomicUsize::new(USUAL),
            under_way: AtomicUsize::new(0),
            inner: Mutex::new(Inner {
                window: Window::new(routes, now),
                usual: vec![0.0; routes],
                learned_at: None,
                probe: None,
            }),
            gauge,
        }
    }

    /// Lets a request in, unless too many are under way. Whoever is let in leaves.
    pub(super) fn enter(&self, now: Instant) -> bool {
        let before = self.under_way.fetch_add(1, Ordering::Relaxed);
        if before < self.limit() {
            return true;
        }
        self.under_way.fetch_sub(1, Ordering::Relaxed);
        let mut inner = self.inner();
        inner.window.refused += 1;
        inner.window.peak = inner.window.peak.max(before);
        self.turn(&mut inner, now);
        false
    }

    /// A request that was let in is done with.
    pub(super) fn leave(&self) {
        self.under_way.fetch_sub(1, Ordering::Relaxed);
    }

    /// A request for the route at `place` was answered as it should be.
    pub(super) fn answered(&self, place: usize, entered: Instant, now: Instant) {
        let mut inner = self.inner();
        let inner = &mut *inner;
        // What came before the probe waited behind much else.
        if inner.probe.as_ref().is_some_and(|it| entered < it.began) {
            return;
        }
        let window = &mut inner.window;
        window.peak = window.peak.max(self.under_way.load(Ordering::Relaxed));
        window.answers += 1;
        if let Some((answers, took)) = window.routes.get_mut(place) {
            *answers += 1;
            *took += now.saturating_duration_since(entered).as_secs_f64();
        }
        self.turn(inner, now);
    }

    /// How many requests may be under way now.
    fn limit(&self) -> usize {
        self.limit.load(Ordering::Relaxed)
    }

    /// Begins the next window when it is time, with the limit that this one suggests.
    fn turn(&self, inner: &mut Inner, now: Instant) {
        let age = now.saturating_duration_since(inner.window.began);
        let full = age >= WINDOW && inner.window.answers >= ENOUGH;
        if !full && age < LONG_WINDOW {
            return;
        }
        let routes = inner.usual.len();
        let window = std::mem::replace(&mut inner.window, Window::new(routes, now));
        let limit = inner.next(&window, self.limit(), now);
        self.limit.store(limit, Ordering::Relaxed);
        self.gauge.set(shown(limit));
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Window {
    fn new(routes: usize, now: Instant) -> Self {
        Self {
            began: now,
            routes: vec![(0, 0.0); routes],
            answers: 0,
            peak: 0,
            refused: 0,
        }
    }

    /// Each route that answered, and the mean of its answers.
    fn means(&self) -> impl Iterator<Item = (usize, f64)> {
        let routes = self.routes.iter().enumerate();
        let answered = routes.filter(|(_, (answers, _))| *answers > 0);
        answered.map(|(place, (answers, took))| (place, took / f64::from(*answers)))
    }

    /// How many times as long as usual the answers took.
    fn slowness(&self, usual: &[f64]) -> f64 {
        let known = self.routes.iter().zip(usual);
        let known = known.filter(|(_, usual)| **usual > 0.0);
        let (took, expected) = known.fold((0.0, 0.0), |(took, expected), (route, usual)| {
            (took + route.1, expected + f64::from(route.0) * usual)
        });
        if expected > 0.0 { took / expected } else { 1.0 }
    }
}

impl Inner {
    fn next(&mut self, window: &Window, limit: usize, now: Instant) -> usize {
        if let Some(probe) = self.probe.take() {
            for (place, mean) in window.means() {
                self.usual[place] = mean;
            }
            self.learned_at = Some(now);
            return probe.resume;
        }
        let slowness = window.slowness(&self.usual);
        let reached = window.refused > 0 || window.peak * 5 >= limit * 4;
        let next = if slowness > TOLERANCE && window.peak * 2 >= limit {
            scaled(limit, (TOLERANCE / slowness).clamp(0.5, 0.95))
        } else if reached {
            limit + limit.isqrt()
        } else if limit < USUAL {
            limit + 1
        } else {
            limit
        };
        let next = next.clamp(LEAST, MOST);
        if window.refused == 0 {
            self.learn(window);
            self.learned_at = Some(now);
            return next;
        }
        let learned = self.learned_at.map(|at| now.saturating_duration_since(at));
        if learned.is_none_or(|age| age >= PROBE_EVERY) {
            self.probe = Some(Probe {
                began: now,
                resume: next,
            });
            return LEAST;
        }
        next
    }

    fn learn(&mut self, window: &Window) {
        for (place, mean) in window.means() {
            let usual = &mut self.usual[place];
            *usual = match *usual {
                0.0 => mean,
                usual if mean < usual => usual + (mean - usual) * FALL,
                usual => mean.min(usual * (1.0 + RISE)),
            };
        }
    }
}

fn shown(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "limits are small and positive"
)]
fn scaled(limit: usize, factor: f64) -> usize {
    (limit as f64 * factor) as usize
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    const STEP: Duration = Duration::from_micros(100);

    /// A service with so many workers, each taking `work` for a request, behind a gate or not.
    struct World {
        gate: Option<Gate>,
        now: Instant,
        workers: Vec<Option<(Instant, Instant)>>,
        work: Duration,
        queue: VecDeque<Instant>,
        latencies: Vec<Duration>,
        refused: u32,
    }

    impl World {
        fn new(gated: bool, workers: usize, work: Duration) -> Self {
            let now = Instant::now();
            Self {
                gate: gated.then(|| Gate::new(1, now, IntGauge::new("limit", "limit").unwrap())),
                now,
                workers: vec![None; workers],
                work,
                queue: VecDeque::new(),
                latencies: Vec::new(),
                refused: 0,
            }
        }

        /// So many requests a second, evenly, for so long. Answers the answers a second.
        fn run(&mut self, rate: f64, time: Duration) -> f64 {
            self.latencies.clear();
            self.refused = 0;
            let (until, mut due) = (self.now + time, 0.0);
            while self.now < until {
                due += rate * STEP.as_secs_f64();
                while due >= 1.0 {
                    due -= 1.0;
                    match &self.gate {
                        Some(gate) if !gate.enter(self.now) => self.refused += 1,
                        _ => self.queue.push_back(self.now),
                    }
                }
                for worker in &mut self.workers {
                    if let Some((entered, done)) = *worker
                        && done <= self.now
                    {
                        *worker = None;
                        self.latencies.push(self.now - entered);
                        if let Some(gate) = &self.gate {
                            gate.answered(0, entered, self.now);
                            gate.leave();
                        }
                    }
                    if worker.is_none()
                        && let Some(entered) = self.queue.pop_front()
                    {
                        *worker = Some((entered, self.now + self.work));
                    }
                }
                self.now += STEP;
            }
            self.latencies.len() as f64 / time.as_secs_f64()
        }

        fn p99(&mut self) -> Duration {
            self.latencies.sort();
            self.latencies[self.latencies.len() * 99 / 100]
        }
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn at_three_times_the_knee_the_service_does_what_it_can_as_fast_as_it_can() {
        for workers in [2, 16, 100] {
            let work = Duration::from_millis(10);
            let knee = workers as f64 / work.as_secs_f64();
            let mut world = World::new(true, workers, work);
            world.run(knee * 0.7, SECOND * 5);
            assert_eq!(world.refused, 0, "{workers} workers");
            // It finds the limit, and then it keeps it.
            world.run(knee * 3.0, SECOND * 5);
            let goodput = world.run(knee * 3.0, SECOND * 10);
            assert!(
                goodput >= knee * 0.95,
                "{workers} workers: {goodput} of {knee}"
            );
            let p99 = world.p99();
            assert!(p99 <= work * 5, "{workers} workers: {p99:?}");
            // Afterwards nobody is refused any more.
            world.run(knee * 0.7, SECOND * 2);
            world.run(knee * 0.7, SECOND * 5);
            assert_eq!(world.refused, 0, "{workers} workers");
        }
    }

    #[test]
    fn without_the_gate_everybody_waits() {
        let work = Duration::from_millis(10);
        let mut world = World::new(false, 2, work);
        world.run(600.0, SECOND * 10);
        assert!(world.p99() > SECOND);
    }

    #[test]
    fn who_starts_into_an_overload_finds_out_what_is_usual() {
        let work = Duration::from_millis(5);
        let mut world = World::new(true, 4, work);
        world.run(2400.0, SECOND * 5);
        let goodput = world.run(2400.0, SECOND * 40);
        // Also over the probes that follow.
        assert!(goodput >= 800.0 * 0.95, "{goodput}");
        let p99 = world.p99();
        assert!(p99 <= work * 6, "{p99:?}");
    }

    #[test]
    fn slow_by_nature_is_no_overload() {
        // Two thousand workers that take a second each, as calls of models do.
        let mut world = World::new(true, 2000, SECOND);
        world.run(200.0, SECOND * 5);
        world.run(1000.0, SECOND * 20);
        world.run(1000.0, SECOND * 10);
        assert_eq!(world.refused, 0, "the limit grew to what is needed");
    }
}
