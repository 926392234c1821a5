//! The ceiling of logins: the password hash, and nothing around it.

use std::{thread, time::Duration};

use anyhow::{Context, anyhow};
use argon2::{
    Argon2,
    password_hash::{PasswordVerifier, phc::PasswordHash},
};
use secrecy::{ExposeSecret, SecretString};

use crate::bare::Figures;

/// Checks the password on `threads` threads for `time` and prints the figures of all. The hash says
/// which algorithm and parameters, so they are those of whoever made it.
pub(crate) fn run(
    stored: &str,
    password: &SecretString,
    threads: usize,
    time: Duration,
) -> anyhow::Result<()> {
    let hash = PasswordHash::new(stored).map_err(|error| anyhow!("{error}"))?;
    let password = password.expose_secret().as_bytes();
    let check = || {
        Argon2::default()
            .verify_password(password, &hash)
            .map_err(|error| anyhow!("{error}"))
    };
    let all = thread::scope(|scope| {
        let threads: Vec<_> = (0..threads)
            .map(|_| scope.spawn(|| Figures::of(time, check)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().ok().context("a thread panicked")?)
            .collect::<anyhow::Result<Vec<_>>>()
    })?;
    Figures::together(&all).print()
}
