//! Password hashes: Argon2id, on as many threads as there are cores and no more.
//!
//! A hash takes 19 MiB and some 20 ms of a core, on purpose. So a flood of sign-ins must neither take
//! the memory nor the threads that everything else needs: hashes queue, the queue is bounded, and who
//! finds it full is told to come back.

use std::{
    num::NonZero,
    sync::{Arc, LazyLock},
    thread,
    time::{Duration, Instant},
};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use common::{ErrorCode, Problem};
use prometheus::{Histogram, IntCounter, register_histogram, register_int_counter};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

static SECONDS: LazyLock<Histogram> = LazyLock::new(|| {
    register_histogram!(
        "auth_password_seconds",
        "time of one password hash, without its wait"
    )
    .expect("the name is used once")
});
static TURNED_AWAY: LazyLock<IntCounter> = LazyLock::new(|| {
    register_int_counter!(
        "auth_password_turned_away_total",
        "password checks that found the queue full"
    )
    .expect("the name is used once")
});

/// OWASP's parameters for Argon2id (Password Storage Cheat Sheet, 2026): 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// How many may wait for each core: less than a second's worth.
const WAITING_PER_CORE: usize = 32;

/// Too many passwords are being checked.
#[derive(Debug, thiserror::Error)]
#[error("too many passwords are being checked")]
pub(crate) struct Busy;

impl From<Busy> for Problem {
    fn from(_: Busy) -> Self {
        Self::new(ErrorCode::RateLimited)
            .detail("too many people sign in at this moment; try again in a second")
            .retry_after(Duration::from_secs(1))
    }
}

/// What came of checking a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Checked {
    /// It is right.
    Right,
    /// It is right, and its hash was made with less work than we ask for today.
    RightButWeak,
    /// It is wrong, or there is none.
    Wrong,
}

impl Checked {
    /// Whether it is right.
    pub(crate) fn is_right(self) -> bool {
        self != Self::Wrong
    }
}

/// Hashes and checks passwords. Cheap to clone.
#[derive(Clone)]
pub struct Passwords(Arc<Inner>);

struct Inner {
    argon2: Argon2<'static>,
    /// The hash that stands in for an account that does not exist.
    nobody: String,
    /// One permit for each hash that runs or waits.
    queue: Arc<Semaphore>,
    /// One permit for each hash that runs.
    cores: Arc<Semaphore>,
}

impl Passwords {
    /// A pool for this machine.
    #[must_use]
    pub fn new() -> Self {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        Self::with_room_for(cores, cores * (1 + WAITING_PER_CORE))
    }

    /// A pool that runs `cores` hashes at once and lets `queue` run or wait.
    #[must_use]
    pub fn with_room_for(cores: usize, queue: usize) -> Self {
        let params =
            Params::new(MEMORY_KIB, PASSES, LANES, None).expect("the parameters are constants");
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let nobody = argon2
            .hash_password(b"nobody")
            .expect("the system gives a salt")
            .to_string();
        Self(Arc::new(Inner {
            argon2,
            nobody,
            queue: Arc::new(Semaphore::new(queue)),
            cores: Arc::new(Semaphore::new(cores)),
        }))
    }

    /// The hash of a new password, as a PHC string.
    pub(crate) async fn hash(&self, password: SecretString) -> Result<String, Busy> {
        self.run(move |inner| {
            inner
                .argon2
                .hash_password(password.expose_secret().as_bytes())
                .expect("the system gives a salt, and the password is shorter than 4 GiB")
                .to_string()
        })
        .await
    }

    /// Whether the password belongs to `stored`. Without a stored hash the answer is no, after the
    /// same work: the time must not tell which accounts exist.
    pub(crate) async fn verify(
        &self,
        password: SecretString,
        stored: Option<String>,
    ) -> Result<Checked, Busy> {
        self.run(move |inner| {
            let text = stored.as_deref().unwrap_or(&inner.nobody);
            let Ok(hash) = PasswordHash::new(text) else {
                return Checked::Wrong;
            };
            let right = inner
                .argon2
                .verify_password(password.expose_secret().as_bytes(), &hash)
                .is_ok();
            match Params::try_from(&hash) {
                _ if !right || stored.is_none() => Checked::Wrong,
                Ok(params) if is_as_strong(&params, inner.argon2.params()) => Checked::Right,
                _ => Checked::RightButWeak,
            }
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> T + Send + 'static,
    ) -> Result<T, Busy> {
        let queued = self.0.queue.clone().try_acquire_owned().map_err(|_| {
            TURNED_AWAY.inc();
            Busy
        })?;
        let core = self
            .0
            .cores
            .clone()
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        let inner = self.0.clone();
        // The permits go with the work: a caller that leaves does not stop the hash.
        let done = tokio::task::spawn_blocking(move || {
            let started = Instant::now();
            let result = work(&inner);
            SECONDS.observe(started.elapsed().as_secs_f64());
            drop((core, queued));
            result
        });
        Ok(done
            .await
            .expect("hashing does not panic, and the runtime outlives the requests"))
    }
}

/// Whether a hash was made with at least the work that we ask for today.
fn is_as_strong(made: &Params, wanted: &Params) -> bool {
    made.m_cost() >= wanted.m_cost() && made.t_cost() >= wanted.t_cost()
}

impl Default for Passwords {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Passwords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Passwords")
            .field("room", &self.0.queue.available_permits())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> SecretString {
        text.to_owned().into()
    }

    #[tokio::test]
    async fn the_hash_has_owasps_parameters_and_a_salt_of_its_own() {
        let passwords = Passwords::with_room_for(1, 4);
        let first = passwords.hash(password("correct horse")).await.unwrap();
        let second = passwords.hash(password("correct horse")).await.unwrap();
        assert!(
            first.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{first}"
        );
        assert_ne!(first, second);
        for (text, expected) in [
            ("correct horse", Checked::Right),
            ("battery staple", Checked::Wrong),
        ] {
            let checked = passwords.verify(password(text), Some(first.clone())).await;
            assert_eq!(checked.unwrap(), expected);
        }
    }

    #[tokio::test]
    async fn a_hash_of_older_parameters_is_right_and_weak() {
        let passwords = Passwords::with_room_for(1, 4);
        let weaker = Params::new(MEMORY_KIB / 2, PASSES, LANES, None).unwrap();
        let old = Argon2::new(Algorithm::Argon2id, Version::V0x13, weaker)
            .hash_password(b"correct horse")
            .unwrap()
            .to_string();
        for (text, expected) in [
            ("correct horse", Checked::RightButWeak),
            ("battery staple", Checked::Wrong),
        ] {
            let checked = passwords.verify(password(text), Some(old.clone())).await;
            assert_eq!(checked.unwrap(), expected);
        }
    }

    #[tokio::test]
    async fn an_account_that_is_not_there_costs_as_much_and_never_matches() {
        let passwords = Passwords::with_room_for(1, 4);
        let checked = passwords.verify(password("nobody"), None).await;
        assert_eq!(checked.unwrap(), Checked::Wrong);
        let stored = passwords.hash(password("correct horse")).await.unwrap();
        let (mut known, mut unknown) = (Duration::MAX, Duration::MAX);
        for _ in 0..5 {
            let started = Instant::now();
            passwords
                .verify(password("wrong"), Some(stored.clone()))
                .await
                .unwrap();
            known = known.min(started.elapsed());
            let started = Instant::now();
            passwords.verify(password("wrong"), None).await.unwrap();
            unknown = unknown.min(started.elapsed());
        }
        // Without the stand-in the ratio would be a thousand.
        assert!(
            unknown < known * 3 && known < unknown * 3,
            "known {known:?}, unknown {unknown:?}"
        );
    }

    #[tokio::test]
    async fn a_full_queue_turns_away_and_empties_again() {
        let passwords = Passwords::with_room_for(1, 3);
        let all = (0..12).map(|_| passwords.verify(password("wrong"), None));
        let answers = futures::future::join_all(all).await;
        let served = answers.iter().filter(|answer| answer.is_ok()).count();
        // One runs and two wait; a slow machine may finish some before it has asked for all.
        assert!((3..12).contains(&served), "{answers:?}");
        assert!(passwords.verify(password("wrong"), None).await.is_ok());
    }
}
