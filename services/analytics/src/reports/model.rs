//! Which time a report covers.

use chrono::{DateTime, Duration, Utc};

use super::error::Error;

/// The time of a report when the request names none.
const DEFAULT_DAYS: i64 = 30;
/// The longest time of a report.
pub(super) const MAX_DAYS: i64 = 366;
/// A report "until now" ends at the next multiple of this many seconds. So requests of the same moment
/// ask for the same report, which one of them computes and the others find in the cache.
const NOW_STEP: i64 = 5;

/// From when, inclusive, until when, exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) from: DateTime<Utc>,
    pub(super) to: DateTime<Utc>,
}

impl Range {
    /// The time that a request names, completed by what is usual.
    pub(super) fn new(
        from: Option<DateTime<Utc>>,
        to: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> Result<Self, Error> {
        let to = to.unwrap_or_else(|| {
            now + Duration::seconds(NOW_STEP - now.timestamp().rem_euclid(NOW_STEP))
                - Duration::nanoseconds(now.timestamp_subsec_nanos().into())
        });
        let from = from.unwrap_or(to - Duration::days(DEFAULT_DAYS));
        if from >= to {
            return Err(Error::Backwards);
        }
        if to - from > Duration::days(MAX_DAYS) {
            return Err(Error::TooLong);
        }
        Ok(Self { from, to })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn the_last_thirty_days_end_just_behind_now() {
        let range = Range::new(None, None, at("2026-11-23T10:00:02.250Z")).unwrap();
        assert_eq!(
            range,
            Range {
                from: at("2026-10-24T10:00:05Z"),
                to: at("2026-11-23T10:00:05Z")
            }
        );
        // What happens now is in it.
        let range = Range::new(None, None, at("2026-11-23T10:00:05Z")).unwrap();
        assert_eq!(range.to, at("2026-11-23T10:00:10Z"));
    }

    #[test]
    fn a_time_has_a_direction_and_a_length() {
        let (new_year, now) = (at("2026-01-01T00:00:00Z"), at("2026-11-23T10:00:00Z"));
        let days = |days| Some(new_year + Duration::days(days));
        assert!(Range::new(days(0), days(366), now).is_ok());
        let too_long = days(366).map(|to| to + Duration::microseconds(1));
        assert_eq!(Range::new(days(0), too_long, now), Err(Error::TooLong));
        assert_eq!(Range::new(days(1), days(1), now), Err(Error::Backwards));
        assert_eq!(Range::new(days(400), None, now), Err(Error::Backwards));
        assert_eq!(Range::new(None, days(30), now).unwrap().from, new_year);
    }
}
