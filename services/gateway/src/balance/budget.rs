//! A budget for retries: where much fails, repeating everything would be the larger half of the load
//! (Google, "Site Reliability Engineering", ch. 21; Finagle's `RetryBudget`).
//!
//! Each request pays a tenth of a retry in, each retry takes a whole one out. A few a second are there
//! without any payment, so that a quiet service can be retried too.

use std::{
    sync::{Mutex, PoisonError},
    time::Instant,
};

/// A retry, in the tenths that requests pay.
const RETRY: f64 = 10.0;
/// Retries a second that nobody paid for.
const FREE: f64 = 5.0;
/// The most that is saved up, in retries.
const SAVED: f64 = 100.0;

#[derive(Debug)]
pub(super) struct Budget(Mutex<Account>);

#[derive(Debug)]
struct Account {
    /// In tenths of a retry.
    balance: f64,
    at: Instant,
}

impl Budget {
    pub(super) fn new(now: Instant) -> Self {
        Self(Mutex::new(Account {
            balance: FREE * RETRY,
            at: now,
        }))
    }

    /// A request pays.
    pub(super) fn pay(&self) {
        let mut account = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        account.balance = (account.balance + 1.0).min(SAVED * RETRY);
    }

    /// Takes out a retry, if there is one.
    pub(super) fn take(&self, now: Instant) -> bool {
        let mut account = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let free = now.saturating_duration_since(account.at).as_secs_f64() * FREE * RETRY;
        account.at = now;
        // What nobody paid for is not saved up for longer than a second.
        if account.balance < FREE * RETRY {
            account.balance = (account.balance + free).min(FREE * RETRY);
        }
        let enough = account.balance >= RETRY;
        if enough {
            account.balance -= RETRY;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_tenth_of_the_requests_and_five_a_second_may_be_retried() {
        let start = Instant::now();
        let budget = Budget::new(start);
        let taken = |now| (0..1000).filter(|_| budget.take(now)).count();
        assert_eq!(taken(start), 5);
        for _ in 0..200 {
            budget.pay();
        }
        assert_eq!(taken(start), 20);
        assert_eq!(taken(start + Duration::from_secs(1)), 5);
        assert_eq!(taken(start + Duration::from_secs(60)), 5, "not saved up");
        for _ in 0..100_000 {
            budget.pay();
        }
        assert_eq!(taken(start + Duration::from_secs(60)), 100);
    }
}
