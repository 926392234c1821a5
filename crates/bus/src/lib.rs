//! The event bus: CloudEvents on RabbitMQ's topic exchange `syntera.events`.
//!
//! Publishing waits for the broker's confirm. Each consumer has one quorum queue, with a delivery limit
//! and a dead-letter queue. Delivery is at least once and in no order: consumers of state compare
//! versions, and every consumer says how it is idempotent. Events carry ids, versions and codes, never
//! bodies, names or addresses.

mod connection;
mod consume;
mod event;
mod publish;
mod replay;
pub mod schema;
pub mod topology;

pub use connection::{Bus, BusConfig};
pub use consume::{Consumer, Failure};
pub use event::{Event, EventData, WrongType};
pub use publish::PublishError;
pub use replay::Replay;
pub use schema::EventSchema;
