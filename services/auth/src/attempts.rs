//! Guessing is slow: how often somebody may be wrong about a password or a code.
//!
//! The gateway limits by address. Here the account is what counts, because guesses at one account may
//! come from anywhere. An address may be wrong a few times about an account, and all addresses together
//! more often, so that a stranger's guesses do not lock the owner out at once. Only what was wrong is
//! counted, in Redis; without it each instance counts for itself.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chrono::{DateTime, Utc};
use clock::Clock;
use common::{ErrorCode, Problem};
use futures::future;
use stores::redis::Redis;

/// Mistakes are counted for this long, from the first one on.
const WINDOW: Duration = Duration::from_secs(15 * 60);
const ANSWER_WITHIN: Duration = Duration::from_millis(50);
/// How many counters an instance keeps for itself at most.
const KEPT: usize = 10_000;

/// Counts a mistake; the first one starts the window.
const COUNT: &str =
    "if redis.call('INCR', KEYS[1]) == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end";
/// How many mistakes, and for how many milliseconds they still count.
const LOOK: &str =
    "return {tonumber(redis.call('GET', KEYS[1]) or '0'), redis.call('PTTL', KEYS[1])}";

/// What is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// A password, to sign in.
    Password,
    /// A code, to sign in or to change factors.
    Code,
    /// A letter to somebody.
    Letter,
}

/// Somebody was wrong too often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many mistakes; again in {0:?}")]
pub(crate) struct TooMany(Duration);

impl From<TooMany> for Problem {
    fn from(TooMany(wait): TooMany) -> Self {
        Self::new(ErrorCode::RateLimited)
            .detail("too many mistakes; wait, or set a new password")
            .retry_after(wait)
    }
}

/// Counts mistakes. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Attempts {
    redis: Redis,
    clock: Clock,
    here: Arc<Mutex<HashMap<String, Counter>>>,
}

#[derive(Debug, Clone, Copy)]
struct Counter {
    mistakes: i64,
    until: DateTime<Utc>,
}

/// How many mistakes about one account are too many.
struct Allowed {
    from_one_address: i64,
    from_anywhere: i64,
}

impl Attempt {
    /// A hundred wrong passwords are what NIST SP 800-63B §5.2.2 allows; a code has fewer digits.
    const fn allowed(self) -> Allowed {
        match self {
            Self::Password => Allowed {
                from_one_address: 100,
                from_anywhere: 500,
            },
            Self::Code | Self::Letter => Allowed {
                from_one_address: 10,
                from_anywhere: 100,
            },
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Code => "code",
            Self::Letter => "letter",
        }
    }
}

impl Attempts {
    /// Over this Redis.
    pub(crate) fn new(redis: Redis, clock: Clock) -> Self {
        Self {
            redis,
            clock,
            here: Arc::default(),
        }
    }

    /// Lets somebody try who was not wrong too often. `account` names it without saying who it is: a
    /// blind index, or an id.
    ///
    /// # Errors
    /// When there were too many mistakes.
    pub(crate) async fn check(
        &self,
        attempt: Attempt,
        account: &[u8],
        address: Option<IpAddr>,
    ) -> Result<(), TooMany> {
        let looks = counters(attempt, account, address).map(|counter| self.look(counter));
        // At once, so that they share the way to Redis.
        future::join_all(looks).await.into_iter().collect()
    }

    async fn look(&self, (key, limit): (String, i64)) -> Result<(), TooMany> {
        let mut command = redis::cmd("EVAL");
        command.arg(LOOK).arg(1).arg(&key);
        let (mistakes, left) = match self.redis.run::<(i64, i64)>(&command, ANSWER_WITHIN).await {
            Ok((mistakes, millis)) => (
                mistakes,
                Duration::from_millis(u64::try_from(millis).unwrap_or_default()),
            ),
            Err(error) => {
                tracing::debug!(%error, "mistakes are counted by this instance alone");
                self.here(&key)
            }
        };
        if mistakes >= limit {
            return Err(TooMany(left.max(Duration::from_secs(1))));
        }
        Ok(())
    }

    /// Lets somebody have a letter written, and counts it: nobody has us write without end.
    ///
    /// # Errors
    /// When there were too many.
    pub(crate) async fn letter(
        &self,
        account: &[u8],
        address: Option<IpAddr>,
    ) -> Result<(), TooMany> {
        self.check(Attempt::Letter, account, address).await?;
        self.miss(Attempt::Letter, account, address).await;
        Ok(())
    }

    /// Counts a mistake.
    pub(crate) async fn miss(&self, attempt: Attempt, account: &[u8], address: Option<IpAddr>) {
        for (key, _) in counters(attempt, account, address) {
            let mut command = redis::cmd("EVAL");
            command
                .arg(COUNT)
                .arg(1)
                .arg(&key)
                .arg(u64::try_from(WINDOW.as_millis()).unwrap_or(u64::MAX));
            if self.redis.run::<()>(&command, ANSWER_WITHIN).await.is_err() {
                self.miss_here(key);
            }
        }
    }

    /// The counter of this instance.
    fn here(&self, key: &str) -> (i64, Duration) {
        let now = self.clock.now();
        match self.lock().get(key) {
            Some(counter) if counter.until > now => (
                counter.mistakes,
                (counter.until - now).to_std().unwrap_or_default(),
            ),
            _ => (0, Duration::ZERO),
        }
    }

    fn miss_here(&self, key: String) {
        let now = self.clock.now();
        let mut counters = self.lock();
        if counters.len() >= KEPT {
            counters.retain(|_, counter| counter.until > now);
        }
        if counters.len() >= KEPT {
            counters.clear();
        }
        let fresh = Counter {
            mistakes: 0,
            until: now + WINDOW,
        };
        let counter = counters.entry(key).or_insert(fresh);
        if counter.until <= now {
            *counter = fresh;
        }
        counter.mistakes += 1;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Counter>> {
        self.here.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The counters of an account, with what each allows.
fn counters(
    attempt: Attempt,
    account: &[u8],
    address: Option<IpAddr>,
) -> impl Iterator<Item = (String, i64)> {
    let allowed = attempt.allowed();
    let here = address.map(|address| {
        (
            key(attempt, account, Some(address)),
            allowed.from_one_address,
        )
    });
    let anywhere = (key(attempt, account, None), allowed.from_anywhere);
    std::iter::once(anywhere).chain(here)
}

/// The name of a counter. The address is no secret here: it vanishes with the counter.
fn key(attempt: Attempt, account: &[u8], address: Option<IpAddr>) -> String {
    use std::fmt::Write as _;

    let mut key = format!("auth:attempts:{}:", attempt.name());
    for byte in account {
        // Writing to a string does not fail.
        let _ = write!(key, "{byte:02x}");
    }
    if let Some(address) = address {
        let _ = write!(key, ":{address}");
    }
    key
}

impl std::fmt::Debug for Attempts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Attempts")
    }
}

#[cfg(test)]
mod tests {
    use stores::redis::RedisConfig;

    use super::*;

    /// Counts here: nobody answers at this port.
    fn alone(clock: &Clock) -> Attempts {
        let config = RedisConfig {
            redis_url: "redis://127.0.0.1:1/0".to_owned().into(),
        };
        Attempts::new(Redis::connect(&config).unwrap(), clock.clone())
    }

    #[tokio::test]
    async fn an_address_has_ten_mistakes_and_another_one_its_own() {
        let clock = Clock::manual(DateTime::UNIX_EPOCH);
        let attempts = alone(&clock);
        let (first, second) = (
            Some("192.0.2.1".parse().unwrap()),
            Some("192.0.2.2".parse().unwrap()),
        );
        for _ in 0..10 {
            let may = attempts.check(Attempt::Code, b"ada", first).await;
            assert_eq!(may, Ok(()));
            attempts.miss(Attempt::Code, b"ada", first).await;
        }
        let may = attempts.check(Attempt::Code, b"ada", first).await;
        assert_eq!(may, Err(TooMany(WINDOW)));
        for (attempt, account, address) in [
            (Attempt::Code, b"ada", second),
            (Attempt::Code, b"bob", first),
            (Attempt::Password, b"ada", first),
        ] {
            assert_eq!(attempts.check(attempt, account, address).await, Ok(()));
        }
        clock.advance(WINDOW);
        let may = attempts.check(Attempt::Code, b"ada", first).await;
        assert_eq!(may, Ok(()));
    }

    #[tokio::test]
    async fn all_addresses_together_have_a_hundred() {
        let attempts = alone(&Clock::manual(DateTime::UNIX_EPOCH));
        for host in 0..100_u8 {
            let address = Some(IpAddr::from([192, 0, 2, host]));
            let may = attempts.check(Attempt::Code, b"ada", address).await;
            assert_eq!(may, Ok(()), "{host}");
            attempts.miss(Attempt::Code, b"ada", address).await;
        }
        let may = attempts.check(Attempt::Code, b"ada", None).await;
        assert_eq!(may, Err(TooMany(WINDOW)));
    }
}
