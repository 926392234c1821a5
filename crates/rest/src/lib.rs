//! Request and response shapes that every service uses: extractors that answer problems, validation,
//! lists with cursors, entity tags, merge patches, idempotency keys, and calls between services.

mod client;
mod etag;
mod extract;
mod idempotency;
mod keyset;
mod list;
mod no_store;
mod openapi;
mod optional;
mod patch;
mod validate;

pub use client::{ClientError, ServiceClient};
pub use etag::{IfMatch, Tagged, etag};
pub use extract::{Json, Path, Query};
pub use idempotency::{Attempt, Idempotency, IdempotencyKey};
pub use keyset::{Keyset, like_containing};
pub use list::{Cursor, Limit, ListQuery, Page, PageQuery, Timestamp};
pub use no_store::NoStore;
pub use openapi::{Problems, document, print};
pub use optional::OptionalJson;
pub use patch::Field;
pub use validate::{Check, Validate};
