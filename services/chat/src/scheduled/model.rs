//! The rules of messages that are to be sent later.

use chrono::{DateTime, Duration, Utc};

use super::Error;

/// Messages that wait in one channel.
pub(super) const MAX_PENDING: i64 = 10;
/// The furthest time.
const WITHIN: Duration = Duration::days(366);

/// The version of a message that was just scheduled.
pub(super) const FIRST_VERSION: i64 = 1;

/// The customer wrote before.
pub(super) const CUSTOMER_REPLIED: &str = "customer_replied";
/// Somebody took it back.
pub(super) const TAKEN_BACK: &str = "taken_back";

/// Lets a time pass at which something can be sent.
pub(super) fn may_send_at(send_at: DateTime<Utc>, now: DateTime<Utc>) -> Result<(), Error> {
    if send_at > now && send_at - now <= WITHIN {
        Ok(())
    } else {
        Err(Error::Time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_later_is_sent_later_and_not_in_years() {
        let now = DateTime::UNIX_EPOCH;
        let at = |seconds| may_send_at(now + Duration::seconds(seconds), now).is_ok();
        assert!(at(1) && at(366 * 86_400));
        assert!(!at(0) && !at(-1) && !at(366 * 86_400 + 1));
    }
}
