//! The event bus: envelope, confirmed publishing, consuming with retries and dead letters.
