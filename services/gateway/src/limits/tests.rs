//! The limits of one process, and what clients are told.

use clap::{Args, Command, FromArgMatches};

use super::*;

pub(super) const SECOND: u64 = 1_000_000;

/// The settings as they are by default.
pub(super) fn config() -> LimitsConfig {
    let command = LimitsConfig::augment_args(Command::new("test"));
    let matches = command.get_matches_from(["test"]);
    LimitsConfig::from_arg_matches(&matches).unwrap()
}

fn of(policy: Policy, subject: u128) -> Counter {
    Counter::new(policy, Subject::Key(subject))
}

#[test]
fn each_counter_is_its_own_and_the_first_that_is_used_up_refuses() {
    let mut config = config();
    (config.limit_user, config.limit_workspace) = (Quota::new(2, 60), Quota::new(3, 60));
    let limits = Limits::alone(&config);
    let both = |user| [of(Policy::User, user), of(Policy::Workspace, 9)];
    for user in [1, 1, 2] {
        assert!(limits.take(&both(user)).is_ok());
    }
    let by_user = limits.take(&both(1)).unwrap_err().to_string();
    assert!(
        by_user.contains("\"user\" is 2 requests in 60 s"),
        "{by_user}"
    );
    let by_workspace = limits.take(&both(2)).unwrap_err().to_string();
    assert!(
        by_workspace.contains("\"workspace\" is 3"),
        "{by_workspace}"
    );
    assert!(limits.take(&[of(Policy::User, 3)]).is_ok());
}

#[test]
fn the_headers_tell_of_the_nearest_limit() {
    let mut config = config();
    config.limit_user = Quota::new(4, 60);
    let limits = Limits::alone(&config);
    let counters = [of(Policy::User, 1), of(Policy::Workspace, 9)];
    let mut headers = HeaderMap::new();
    let standing = limits.take(&counters).unwrap().unwrap();
    limits.tell(standing, &mut headers);
    assert_eq!(headers["ratelimit-policy"], "\"user\";q=4;w=60");
    assert_eq!(headers["ratelimit"], "\"user\";r=3;t=15");
}

#[test]
fn looking_counts_nothing() {
    let mut config = config();
    config.limit_refused = Quota::new(1, 60);
    let limits = Limits::alone(&config);
    let counter = of(Policy::Refused, 1);
    for _ in 0..5 {
        assert!(limits.look(counter).is_ok());
    }
    assert!(limits.take(&[counter]).is_ok());
    assert_eq!(
        limits.look(counter).unwrap_err().code(),
        ErrorCode::RateLimited
    );
}

#[test]
fn every_quota_is_multiplied() {
    let mut config = config();
    (config.limit_user, config.limit_scale) = (Quota::new(1, 60), 3);
    let limits = Limits::alone(&config);
    let passed = (0..9).filter(|_| limits.take(&[of(Policy::User, 1)]).is_ok());
    assert_eq!(passed.count(), 3);
}
