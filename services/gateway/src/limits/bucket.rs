//! One counter on this replica.
//!
//! The quota belongs to the fleet and is kept in Redis, but no request waits for it. A replica lets pass
//! a batch by itself, books it afterwards, and gets the next batch: its part of what was left then. So
//! all replicas together let pass the quota, and at most one request each above it. While nothing was
//! booked for a second, or Redis is away, the replica's own share of the quota decides; a counter that
//! uses less than an eighth of its share is not booked at all, because it cannot be what breaks a limit.

use super::{policy::Rule, quota::Verdict};

/// A batch is good for this long (µs).
const FRESH: u64 = 1_000_000;
/// Booked again after this long while requests come (µs).
const BOOK_EVERY: u64 = 250_000;

/// Times are microseconds of this process.
#[derive(Debug, Default)]
pub(super) struct Bucket {
    /// The theoretical arrival time by the replica's share.
    own: u64,
    /// What was let pass and is not booked.
    used: u32,
    /// What may pass before the next booking.
    batch: u32,
    /// What the batch was at first.
    drawn: u32,
    /// When the last booking was answered; 0 for never.
    booked_at: u64,
    /// The fleet's backlog by that answer.
    backlog: u64,
    /// Whether a booking is on its way.
    booking: bool,
}

/// What came of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) verdict: Verdict,
    /// Whether the bucket must be booked; from then on it waits for the answer.
    pub(super) book: bool,
}

impl Bucket {
    /// Lets one request pass, if it may.
    pub(super) fn take(&mut self, rule: &Rule, now: u64) -> Outcome {
        let verdict = if self.is_fresh(now) {
            let passes = self.batch > 0;
            if passes {
                self.batch -= 1;
                // The share is no limit here, only the measure of how busy the counter is.
                if !rule.share.take(&mut self.own, now).passes {
                    self.own = now + rule.share.tolerance();
                }
            }
            rule.quota
                .verdict(passes, self.backlog_at(rule, now, passes))
        } else {
            rule.share.take(&mut self.own, now)
        };
        if verdict.passes {
            self.used = self.used.saturating_add(1);
        }
        let book = !self.booking && self.wants_booking(rule, now);
        self.booking |= book;
        Outcome { verdict, book }
    }

    /// Lets one request pass by the replica's share alone, and never books it: where Redis is asked each
    /// time, it knows already.
    pub(super) fn take_alone(&mut self, rule: &Rule, now: u64) -> Verdict {
        rule.share.take(&mut self.own, now)
    }

    /// What the next request would be told, without letting one pass.
    pub(super) fn look(&self, rule: &Rule, now: u64) -> Verdict {
        if self.is_fresh(now) {
            rule.quota
                .verdict(self.batch > 0, self.backlog_at(rule, now, false))
        } else {
            let backlog = self.own.saturating_sub(now);
            rule.share.verdict(rule.share.room(backlog) > 0, backlog)
        }
    }

    /// What is to be booked now.
    pub(super) fn begin_booking(&mut self, rule: &Rule, now: u64) -> u32 {
        let used = std::mem::take(&mut self.used);
        if self.is_fresh(now) {
            return used;
        }
        // What a slow counter used long ago has come back meanwhile.
        let recent = self.own.saturating_sub(now).div_ceil(rule.share.interval());
        used.min(u32::try_from(recent).unwrap_or(u32::MAX))
    }

    /// The booking was answered with the fleet's backlog.
    pub(super) fn booked(&mut self, rule: &Rule, replicas: u32, backlog: u64, now: u64) {
        // What passed since it was sent is in the next one, and has used up its part of the room.
        let room = rule.quota.room(backlog).saturating_sub(self.used);
        self.booking = false;
        self.booked_at = now.max(1);
        self.backlog = backlog;
        self.batch = match room {
            0 => 0,
            room => (room / replicas.max(1)).max(1),
        };
        self.drawn = self.batch;
    }

    /// The booking failed: nothing is known of the fleet.
    pub(super) fn not_booked(&mut self, used: u32) {
        self.booking = false;
        self.booked_at = 0;
        self.used = self.used.saturating_add(used);
    }

    fn is_fresh(&self, now: u64) -> bool {
        self.booked_at > 0 && now < self.booked_at + FRESH
    }

    fn wants_booking(&self, rule: &Rule, now: u64) -> bool {
        let busy = self.own.saturating_sub(now) > rule.share.tolerance() / 8;
        let aged = self.booked_at == 0 || now >= self.booked_at + BOOK_EVERY;
        busy && (aged || self.batch <= self.drawn / 2)
    }

    /// The fleet's backlog by now, as far as this replica knows.
    fn backlog_at(&self, rule: &Rule, now: u64, passed: bool) -> u64 {
        let used = u64::from(self.used) + u64::from(passed);
        let booked = self.backlog + used * rule.quota.interval();
        booked.saturating_sub(now - self.booked_at)
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            policy::rules,
            quota::Quota,
            tests::{SECOND, config},
        },
        *,
    };

    /// What the script in Redis does.
    #[derive(Default)]
    struct Shared(u64);

    impl Shared {
        fn settle(&mut self, rule: &Rule, used: u32, now: u64) -> u64 {
            let backlog = self.0.saturating_sub(now) + u64::from(used) * rule.quota.interval();
            self.0 = now + backlog.min(2 * rule.quota.tolerance());
            self.0 - now
        }
    }

    fn rule(quota: Quota, replicas: u32) -> Rule {
        let mut config = config();
        (config.limit_user, config.gateway_replicas) = (quota, replicas);
        let [.., user, _, _, _] = rules(&config);
        user
    }

    /// Sends `requests` to each replica at once, with a booking after each that asks for one.
    fn burst(rule: &Rule, buckets: &mut [Bucket], requests: u32, shared: &mut Shared) -> u32 {
        let (mut passed, mut now) = (0, 100 * SECOND);
        let replicas = u32::try_from(buckets.len()).unwrap();
        for _ in 0..requests {
            for bucket in &mut *buckets {
                let outcome = bucket.take(rule, now);
                passed += u32::from(outcome.verdict.passes);
                if outcome.book {
                    let used = bucket.begin_booking(rule, now);
                    let backlog = shared.settle(rule, used, now);
                    bucket.booked(rule, replicas, backlog, now);
                }
                now += 1;
            }
        }
        passed
    }

    #[test]
    fn replicas_together_let_pass_the_quota() {
        for replicas in [1, 2, 3, 5] {
            let rule = rule(Quota::new(100, 60), replicas);
            let mut buckets: Vec<_> = (0..replicas).map(|_| Bucket::default()).collect();
            let passed = burst(&rule, &mut buckets, 400, &mut Shared::default());
            let most = 100 + replicas;
            assert!(
                (95..=most).contains(&passed),
                "{passed} at {replicas} replicas"
            );
        }
    }

    #[test]
    fn one_replica_may_use_what_the_others_leave() {
        let rule = rule(Quota::new(100, 60), 4);
        let mut shared = Shared::default();
        let mut busy = Bucket::default();
        let (mut passed, mut now) = (0, SECOND);
        // Ten a second, and each booking is answered before the next request.
        for _ in 0..400 {
            let outcome = busy.take(&rule, now);
            passed += u32::from(outcome.verdict.passes);
            if outcome.book {
                let used = busy.begin_booking(&rule, now);
                let backlog = shared.settle(&rule, used, now);
                busy.booked(&rule, 4, backlog, now);
            }
            now += SECOND / 10;
        }
        // 100 at once, and 40 seconds' worth of what comes back.
        assert!((155..=170).contains(&passed), "{passed}");
    }

    #[test]
    fn without_redis_each_enforces_its_share() {
        let rule = rule(Quota::new(100, 60), 4);
        let mut bucket = Bucket::default();
        let mut passed = 0;
        for _ in 0..400 {
            let outcome = bucket.take(&rule, SECOND);
            passed += u32::from(outcome.verdict.passes);
            if outcome.book {
                let used = bucket.begin_booking(&rule, SECOND);
                bucket.not_booked(used);
            }
        }
        assert_eq!(passed, 25);
        let refused = bucket.look(&rule, SECOND);
        assert!(!refused.passes && refused.wait > 0);
    }

    #[test]
    fn a_slow_caller_is_not_booked_and_what_is_booked_late_is_not_too_much() {
        let rule = rule(Quota::new(100, 60), 1);
        let mut bucket = Bucket::default();
        for second in 1..100 {
            assert!(!bucket.take(&rule, second * SECOND).book);
        }
        assert_eq!(bucket.used, 99);
        let used = bucket.begin_booking(&rule, 99 * SECOND);
        assert!(used <= 1, "{used}: the others have come back");
    }
}
