//! What can go wrong with a model, told apart by what the caller can do about it.

use std::time::Duration;

/// Which limit passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Until the first word.
    FirstDelta,
    /// Between two words.
    BetweenDeltas,
    /// The whole call.
    Whole,
}

impl std::fmt::Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::FirstDelta => "the first word",
            Self::BetweenDeltas => "the next word",
            Self::Whole => "the end",
        })
    }
}

/// A call to a model failed. Texts of requests and answers are never part of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The server is not there, or has a fault of its own: it may pass.
    #[error("the model server is not available: {0}")]
    Unavailable(String),
    /// The server was too slow: it may pass.
    #[error("the model server did not come to {stage} within {limit:?}")]
    TimedOut {
        /// Which limit passed.
        stage: Stage,
        /// The limit.
        limit: Duration,
    },
    /// The answer broke off in the middle: it may pass.
    #[error("the answer broke off: {0}")]
    Cut(String),
    /// Too many requests: it passes, after the given time if there is one.
    #[error("the model server limits the rate of requests")]
    RateLimited {
        /// When to ask again.
        retry_after: Option<Duration>,
    },
    /// The server does not serve this request, and will not: the key, the model or the request is
    /// wrong, or the quota is used up.
    #[error("the model server refuses the request: {status} {code}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The server's own code, or what is known instead.
        code: String,
    },
    /// The server answered something that is no answer of the OpenAI API.
    #[error("the model server answered garbage: {0}")]
    Garbage(&'static str),
}

impl Error {
    /// Whether the same request may succeed later.
    #[must_use]
    pub const fn may_pass(&self) -> bool {
        match self {
            Self::Unavailable(_)
            | Self::TimedOut { .. }
            | Self::Cut(_)
            | Self::RateLimited { .. } => true,
            Self::Refused { .. } | Self::Garbage(_) => false,
        }
    }

    /// How long the server asks to wait.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after } => *retry_after,
            _ => None,
        }
    }

    /// A word for metrics and spans.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Unavailable(_) => "unavailable",
            Self::TimedOut { .. } => "timed_out",
            Self::Cut(_) => "cut",
            Self::RateLimited { .. } => "rate_limited",
            Self::Refused { .. } => "refused",
            Self::Garbage(_) => "garbage",
        }
    }
}
