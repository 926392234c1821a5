//! What clients are told when no replica answered.

use std::{io, time::Duration};

use axum::BoxError;
use common::{ErrorCode, Problem};

/// Why a request got no answer.
#[derive(Debug)]
pub(crate) enum Unserved {
    /// The service has too much to do.
    Overloaded,
    /// Every replica is left alone.
    Open {
        service: &'static str,
        wait: Duration,
    },
    /// Nobody listens.
    Away {
        service: &'static str,
        error: io::Error,
    },
    /// The connection ended before the answer.
    Broken {
        service: &'static str,
        error: BoxError,
    },
    /// The answer did not begin in time.
    TooSlow {
        service: &'static str,
        deadline: Duration,
    },
}

/// Whoever is refused because of too many comes back after this time.
const LATER: Duration = Duration::from_secs(1);

impl From<Unserved> for Problem {
    fn from(failure: Unserved) -> Self {
        match failure {
            Unserved::Overloaded => Self::new(ErrorCode::Overloaded)
                .detail("nothing was done with this request; send it again a little later")
                .retry_after(LATER),
            Unserved::Open { service, wait } => Self::new(ErrorCode::Unavailable)
                .detail("the service cannot be reached; nothing was done with this request")
                .retry_after(Duration::from_secs(wait.as_secs_f64().ceil() as u64))
                .caused_by(format!("all replicas of {service} are left alone")),
            Unserved::Away { service, error } => {
                Self::unavailable(format!("{service} cannot be reached: {error}"))
            }
            Unserved::Broken { service, error } => Self::new(ErrorCode::BadGateway)
                .detail("the service broke off; repeat a POST only with an Idempotency-Key")
                .retry_after(LATER)
                .caused_by(format!("{service} broke off: {error}")),
            Unserved::TooSlow { service, deadline } => Self::new(ErrorCode::GatewayTimeout)
                .detail("the service did not answer in time; it may still have done what you asked")
                .caused_by(format!("{service} did not answer within {deadline:?}")),
        }
    }
}
