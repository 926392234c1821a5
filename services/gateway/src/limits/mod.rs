//! Rate limits: by address, caller, key and workspace, shared by all gateways through Redis.
//!
//! What attackers repeat (signing in, registering) asks Redis each time, and waits five milliseconds at
//! most. Everything else is decided here, from batches that are booked in the background. Where Redis
//! does not answer, each replica enforces its share. Answers carry `RateLimit` and `RateLimit-Policy`
//! (draft-ietf-httpapi-ratelimit-headers-10), refusals `Retry-After`.

mod bucket;
mod config;
mod policy;
mod quota;
mod script;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use common::{ErrorCode, Problem};
use futures::future;
use http::{HeaderMap, HeaderName, HeaderValue};
use lru::LruCache;
use stores::redis::Redis;
use tokio::sync::mpsc;

use crate::forward::header_value;

pub use config::LimitsConfig;
pub use policy::Class;
pub(crate) use policy::{Counter, Policy, Subject};
pub use quota::Quota;

use self::{
    bucket::Bucket,
    policy::{Rule, rules},
    quota::Verdict,
};

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STANDING: HeaderName = HeaderName::from_static("ratelimit");

/// How long a sensitive request waits for Redis.
const SENSITIVE_WITHIN: Duration = Duration::from_millis(5);
/// How long a booking may take; nobody waits for it.
const BOOK_WITHIN: Duration = Duration::from_secs(1);
/// Redis failed: nothing is booked for this long.
const AFTER_FAILURE: Duration = Duration::from_secs(1);
/// Counters that may wait to be booked; others are booked with a later request.
const QUEUE: usize = 4096;
/// Bookings under way at once.
const AT_ONCE: usize = 64;
/// The map is cut in parts, so that requests seldom wait for each other.
const PARTS: usize = 16;
/// Counters that are kept, about 150 bytes each; the least recently used goes first.
const KEPT: usize = 65_536;

/// The limits of this gateway. Cheap to clone.
#[derive(Clone)]
pub struct Limits(Arc<Inner>);

struct Inner {
    rules: [Rule; 7],
    replicas: u32,
    parts: Box<[Mutex<LruCache<Counter, Bucket>>]>,
    started: Instant,
    redis: Option<Redis>,
    bookings: Option<mpsc::Sender<Counter>>,
}

/// What of the limits a request is told: the one that is nearest to its end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standing {
    policy: Policy,
    verdict: Verdict,
}

/// Books what was let pass; part of [`Limits`].
#[must_use = "without it every replica enforces its share only"]
pub struct Bookkeeper {
    limits: Limits,
    redis: Redis,
    due: mpsc::Receiver<Counter>,
}

impl Limits {
    /// The limits of a fleet that meets in `redis`, and what books them: run it in the background.
    pub fn shared(config: &LimitsConfig, redis: Redis) -> (Self, Bookkeeper) {
        let (bookings, due) = mpsc::channel(QUEUE);
        let limits = Self::with(config, Some(redis.clone()), Some(bookings));
        let bookkeeper = Bookkeeper {
            limits: limits.clone(),
            redis,
            due,
        };
        (limits, bookkeeper)
    }

    /// The limits of a gateway that shares them with nobody, or knows nothing of the others.
    #[must_use]
    pub fn alone(config: &LimitsConfig) -> Self {
        Self::with(config, None, None)
    }

    fn with(
        config: &LimitsConfig,
        redis: Option<Redis>,
        bookings: Option<mpsc::Sender<Counter>>,
    ) -> Self {
        let part = || Mutex::new(LruCache::sparse(PART));
        Self(Arc::new(Inner {
            rules: rules(config),
            replicas: config.gateway_replicas,
            parts: std::iter::repeat_with(part).take(PARTS).collect(),
            started: Instant::now(),
            redis,
            bookings,
        }))
    }

    /// Counts a request against each of the counters.
    ///
    /// # Errors
    /// 429 from the first that is used up.
    pub(crate) fn take(&self, counters: &[Counter]) -> Result<Option<Standing>, Problem> {
        let (mut nearest, now) = (None, self.now());
        for counter in counters {
            let verdict = self.take_one(*counter, now);
            nearest = self.nearer(nearest, self.judged(*counter, verdict)?);
        }
        Ok(nearest)
    }

    /// Counts a request whose kind attackers repeat: Redis decides for the whole fleet.
    ///
    /// # Errors
    /// 429 when the counter is used up.
    pub(crate) async fn take_strictly(&self, counter: Counter) -> Result<Standing, Problem> {
        let rule = self.rule(counter.policy);
        // Also here, so that the count is not lost with Redis.
        let own = {
            let mut part = self.part(counter);
            let bucket = part.get_or_insert_mut(counter, Bucket::default);
            bucket.take_alone(rule, self.now())
        };
        let Some(redis) = &self.0.redis else {
            return self.judged(counter, own);
        };
        let name = counter.name();
        let verdict = match script::take(redis, &name, rule.quota, SENSITIVE_WITHIN).await {
            Ok((passes, backlog)) => rule.quota.verdict(passes, backlog),
            Err(_) => own,
        };
        self.judged(counter, verdict)
    }

    /// Looks at a counter without counting.
    ///
    /// # Errors
    /// 429 when it is used up.
    pub(crate) fn look(&self, counter: Counter) -> Result<(), Problem> {
        let now = self.now();
        let rule = self.rule(counter.policy);
        let verdict = self
            .part(counter)
            .peek(&counter)
            .map(|it| it.look(rule, now));
        match verdict {
            Some(verdict) => self.judged(counter, verdict).map(drop),
            None => Ok(()),
        }
    }

    fn take_one(&self, counter: Counter, now: u64) -> Verdict {
        let rule = self.rule(counter.policy);
        let mut part = self.part(counter);
        let bucket = part.get_or_insert_mut(counter, Bucket::default);
        let outcome = bucket.take(rule, now);
        if outcome.book
            && let Some(bookings) = &self.0.bookings
            && bookings.try_send(counter).is_err()
        {
            let used = bucket.begin_booking(rule, now);
            bucket.not_booked(used);
        }
        outcome.verdict
    }

    fn judged(&self, counter: Counter, verdict: Verdict) -> Result<Standing, Problem> {
        let standing = Standing {
            policy: counter.policy,
            verdict,
        };
        if verdict.passes {
            return Ok(standing);
        }
        let quota = self.rule(counter.policy).quota;
        let wait = quota::seconds(verdict.wait).max(Duration::from_secs(1));
        let detail = format!(
            "the limit \"{}\" is {} requests in {} s; go on in {} s",
            counter.policy.name(),
            quota.count(),
            quota.seconds(),
            wait.as_secs()
        );
        let problem = Problem::new(ErrorCode::RateLimited)
            .detail(detail)
            .retry_after(wait)
            .header(POLICY, self.rule(counter.policy).header.clone())
            .header(STANDING, standing.header());
        Err(problem)
    }

    /// Writes how a request stands to its limits into its answer.
    pub(crate) fn tell(&self, standing: Standing, headers: &mut HeaderMap) {
        headers.insert(POLICY, self.rule(standing.policy).header.clone());
        headers.insert(STANDING, standing.header());
    }

    /// Of two standings the one with the smaller part of its quota left.
    fn nearer(&self, one: Option<Standing>, other: Standing) -> Option<Standing> {
        let left = |standing: &Standing| {
            let whole = self.rule(standing.policy).quota.count();
            f64::from(standing.verdict.remaining) / f64::from(whole)
        };
        match one {
            Some(one) if left(&one) <= left(&other) => Some(one),
            _ => Some(other),
        }
    }

    fn rule(&self, policy: Policy) -> &Rule {
        &self.0.rules[policy as usize]
    }

    fn now(&self) -> u64 {
        // Not zero, which says "never".
        u64::try_from(self.0.started.elapsed().as_micros()).unwrap_or(u64::MAX) + 1
    }

    fn part(&self, counter: Counter) -> MutexGuard<'_, LruCache<Counter, Bucket>> {
        let place = counter.subject.spread() % PARTS;
        self.0.parts[place]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Standing {
    fn header(self) -> HeaderValue {
        header_value(format_args!(
            "\"{}\";r={};t={}",
            self.policy.name(),
            self.verdict.remaining,
            quota::seconds(self.verdict.reset).as_secs()
        ))
    }
}

impl Bookkeeper {
    /// Books until it is dropped.
    pub async fn run(mut self) {
        let mut due = Vec::with_capacity(AT_ONCE);
        let mut away = false;
        while self.due.recv_many(&mut due, AT_ONCE).await > 0 {
            let bookings = due.drain(..).map(|counter| self.book(counter));
            let results = future::join_all(bookings).await;
            match results.into_iter().find_map(Result::err) {
                None if away => {
                    away = false;
                    tracing::info!("redis is there; the limits are shared again");
                }
                None => {}
                Some(error) => {
                    if !away {
                        tracing::warn!(%error, "each gateway enforces its share of the limits");
                    }
                    away = true;
                    tokio::time::sleep(AFTER_FAILURE).await;
                }
            }
        }
    }

    async fn book(&self, counter: Counter) -> Result<(), stores::redis::Error> {
        let limits = &self.limits;
        let rule = limits.rule(counter.policy);
        let used = {
            let mut part = limits.part(counter);
            let Some(bucket) = part.peek_mut(&counter) else {
                return Ok(());
            };
            bucket.begin_booking(rule, limits.now())
        };
        let name = counter.name();
        let answer = script::settle(&self.redis, &name, (rule.quota, used), BOOK_WITHIN).await;
        let mut part = limits.part(counter);
        if let Some(bucket) = part.peek_mut(&counter) {
            match &answer {
                Ok(backlog) => bucket.booked(rule, limits.0.replicas, *backlog, limits.now()),
                Err(_) => bucket.not_booked(used),
            }
        }
        answer.map(drop)
    }
}

const PART: std::num::NonZeroUsize =
    std::num::NonZeroUsize::new(KEPT / PARTS).expect("each part keeps some");

#[cfg(test)]
mod tests;
