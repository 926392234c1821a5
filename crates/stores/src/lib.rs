//! Connecting to PostgreSQL, MongoDB and Redis: settings, deadlines and health, the same everywhere.
//!
//! Every connection is lazy: a service starts while a store is down, says so in `/readyz`, answers 503
//! within its deadline, and recovers by itself.

pub mod mongo;
pub mod postgres;
pub mod redis;
pub mod revocations;
