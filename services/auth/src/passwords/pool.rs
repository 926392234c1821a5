//! Password hashes: Argon2id, on as many threads as there are cores and no more.
//!
//! A hash takes 19 MiB and some 20 ms of a core, on purpose. So a flood of sign-ins must neither take
//! the memory nor the cores that everything else needs. Hashes have threads of their own, which give
//! way to all others and use their memory again; they queue, the queue is bounded, and who finds it
//! full is told to come back.
//!
//! Giving way is Linux' `SCHED_IDLE` (sched(7)). Niceness is not enough: a nice thread gets less of a
//! core, but what wakes up beside it waits until its slice of some milliseconds is over, several times
//! for each request. From an idle thread it takes the core at once. The price is that idle threads
//! stand still where others want all cores for good, so one more thread, which is only nice, serves
//! who has waited too long.

use std::{
    collections::VecDeque,
    io,
    num::NonZero,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::{
        PasswordHasher,
        phc::{Output, PasswordHash},
    },
};
use common::{ErrorCode, Problem};
use prometheus::{Histogram, IntCounter, register_histogram, register_int_counter};
use secrecy::{ExposeSecret, SecretString};
use thread_priority::{
    NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};
use tokio::sync::oneshot;

use super::{
    error::NotTaken,
    model::{self, OwnWords},
};

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
/// Who has waited for so long waits because the cores are wanted elsewhere: the queue is shorter.
const PATIENCE: Duration = Duration::from_secs(1);
/// How much the thread for them gives way: it gets a tenth of a core that is wanted elsewhere.
const NICE: i32 = 10;

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

/// Hashes and checks passwords. Cheap to clone; its threads end with the last clone.
#[derive(Clone)]
pub struct Passwords {
    /// The hash that stands in for an account that does not exist.
    nobody: Arc<str>,
    queue: Arc<Sending>,
}

type Job = Box<dyn FnOnce(&mut Memory) + Send>;
/// What a hash is made in. Each thread has one and keeps it.
type Memory = Vec<Block>;

/// The jobs that wait.
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    /// Wakes the thread that looks only now and then.
    closed: Condvar,
    room: usize,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<(Instant, Job)>,
    closed: bool,
}

/// The end of the queue at which jobs come in. Without it no more can come.
struct Sending(Arc<Queue>);

impl Passwords {
    /// A pool for this machine.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn new() -> io::Result<Self> {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        Self::with_room_for(cores, cores * WAITING_PER_CORE)
    }

    /// A pool that runs `cores` hashes at once and lets `waiting` more wait.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn with_room_for(cores: usize, waiting: usize) -> io::Result<Self> {
        let queue = Arc::new(Queue {
            state: Mutex::default(),
            changed: Condvar::new(),
            closed: Condvar::new(),
            room: waiting,
        });
        // Dropped where a thread cannot be started, which ends the others.
        let sending = Arc::new(Sending(queue.clone()));
        for core in 0..cores {
            let queue = queue.clone();
            thread::Builder::new()
                .name(format!("password-{core}"))
                .spawn(move || queue.work())?;
        }
        thread::Builder::new()
            .name("password-late".to_owned())
            .spawn(move || queue.work_late())?;
        Ok(Self {
            nobody: hash(b"nobody").into(),
            queue: sending,
        })
    }

    /// The hash of a password that somebody chose, if it is none that others would guess.
    pub(crate) async fn hash_new(
        &self,
        password: SecretString,
        own: OwnWords,
    ) -> Result<String, NotTaken> {
        let judged = self.run(move |_| {
            let text = password.expose_secret();
            match model::weakness(text, &own) {
                Some(weakness) => Err(weakness),
                None => Ok(hash(text.as_bytes())),
            }
        });
        judged.await?.map_err(NotTaken::Weak)
    }

    /// The hash of a secret, as a PHC string.
    pub(crate) async fn hash(&self, password: SecretString) -> Result<String, Busy> {
        self.run(move |_| hash(password.expose_secret().as_bytes()))
            .await
    }

    /// Whether the password belongs to `stored`. Without a stored hash the answer is no, after the
    /// same work: the time must not tell which accounts exist.
    pub(crate) async fn verify(
        &self,
        password: SecretString,
        stored: Option<String>,
    ) -> Result<Checked, Busy> {
        let nobody = self.nobody.clone();
        self.run(move |memory| {
            let Ok(hash) = PasswordHash::new(stored.as_deref().unwrap_or(&nobody)) else {
                return Checked::Wrong;
            };
            match made_with(&hash, password.expose_secret().as_bytes(), memory) {
                Some(params) if stored.is_some() => {
                    if params.m_cost() >= MEMORY_KIB && params.t_cost() >= PASSES {
                        Checked::Right
                    } else {
                        Checked::RightButWeak
                    }
                }
                _ => Checked::Wrong,
            }
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Memory) -> T + Send + 'static,
    ) -> Result<T, Busy> {
        let (done, result) = oneshot::channel();
        let job: Job = Box::new(move |memory| {
            // Nobody waits any more: the client went away while this stood in the queue.
            if done.is_closed() {
                return;
            }
            let started = Instant::now();
            let result = work(memory);
            SECONDS.observe(started.elapsed().as_secs_f64());
            let _ = done.send(result);
        });
        self.queue.0.push(job).inspect_err(|_| TURNED_AWAY.inc())?;
        Ok(result.await.expect("hashing does not panic"))
    }
}

impl Queue {
    fn push(&self, job: Job) -> Result<(), Busy> {
        let mut state = self.state();
        if state.jobs.len() >= self.room {
            return Err(Busy);
        }
        state.jobs.push_back((Instant::now(), job));
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    /// What a thread of the pool does until nobody can send it anything more.
    fn work(&self) {
        // Where it is refused the pool works all the same.
        let _ = set_thread_priority_and_policy(
            thread_native_id(),
            ThreadPriority::Min,
            ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle),
        );
        let mut memory = Memory::new();
        loop {
            let state = self.state();
            let waits = |state: &mut State| state.jobs.is_empty() && !state.closed;
            let waited = self.changed.wait_while(state, waits);
            let mut state = waited.unwrap_or_else(PoisonError::into_inner);
            let Some((_, job)) = state.jobs.pop_front() else {
                return;
            };
            drop(state);
            run(job, &mut memory);
        }
    }

    /// What the thread does that serves who has waited too long.
    fn work_late(&self) {
        // On Linux this is the thread's own priority.
        let _ = rustix::process::setpriority_process(None, NICE);
        let mut memory = Memory::new();
        loop {
            let waited = self
                .closed
                .wait_timeout_while(self.state(), PATIENCE, |state| !state.closed);
            let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
            if state.closed {
                return;
            }
            while let Some((_, job)) = state.jobs.pop_front_if(|(at, _)| at.elapsed() >= PATIENCE) {
                drop(state);
                run(job, &mut memory);
                state = self.state();
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.0.state().closed = true;
        self.0.changed.notify_all();
        self.0.closed.notify_all();
    }
}

/// A panic is the caller's to tell; the next one wants this thread.
fn run(job: Job, memory: &mut Memory) {
    let _ = catch_unwind(AssertUnwindSafe(|| job(memory)));
}

fn argon2() -> Argon2<'static> {
    let params =
        Params::new(MEMORY_KIB, PASSES, LANES, None).expect("the parameters are constants");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn hash(password: &[u8]) -> String {
    argon2()
        .hash_password(password)
        .expect("the system gives a salt, and the password is shorter than 4 GiB")
        .to_string()
}

/// The parameters of a hash, if it is this password's.
fn made_with(hash: &PasswordHash, password: &[u8], memory: &mut Memory) -> Option<Params> {
    let (salt, expected) = (hash.salt.as_ref()?, hash.hash.as_ref()?);
    let algorithm = Algorithm::try_from(hash.algorithm.as_str()).ok()?;
    let version = Version::try_from(hash.version?).ok()?;
    let params = Params::try_from(hash).ok()?;
    memory.resize(memory.len().max(params.block_count()), Block::new());
    let argon2 = Argon2::new(algorithm, version, params.clone());
    let mut made = [0; Output::MAX_LENGTH];
    let made = &mut made[..expected.len()];
    argon2
        .hash_password_into_with_memory(password, salt, made, memory)
        .ok()?;
    // `Output` compares in constant time.
    (Output::new(made).ok()? == *expected).then_some(params)
}

impl std::fmt::Debug for Passwords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Passwords").finish_non_exhaustive()
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
        let passwords = Passwords::with_room_for(1, 4).unwrap();
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
        let passwords = Passwords::with_room_for(1, 4).unwrap();
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
        let passwords = Passwords::with_room_for(1, 4).unwrap();
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
    async fn who_has_waited_too_long_is_served_beside_the_others() {
        let passwords = Passwords::with_room_for(1, 4).unwrap();
        let (release, held) = std::sync::mpsc::channel::<()>();
        // The only thread for everybody stands still.
        let standing = passwords.run(move |_| held.recv().is_ok());
        let late = async {
            let checked = passwords.verify(password("wrong"), None).await;
            release.send(()).unwrap();
            checked
        };
        let (standing, late) = tokio::join!(standing, late);
        assert!(standing.unwrap());
        assert_eq!(late.unwrap(), Checked::Wrong);
    }

    #[tokio::test]
    async fn a_full_queue_turns_away_and_empties_again() {
        let passwords = Passwords::with_room_for(1, 2).unwrap();
        let all = (0..12).map(|_| passwords.verify(password("wrong"), None));
        let answers = futures::future::join_all(all).await;
        let served = answers.iter().filter(|answer| answer.is_ok()).count();
        // Two wait, and perhaps one runs already; a slow machine may even have finished some.
        assert!((2..12).contains(&served), "{answers:?}");
        assert!(passwords.verify(password("wrong"), None).await.is_ok());
    }
}
