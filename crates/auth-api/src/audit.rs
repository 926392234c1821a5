//! The audit log.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use ids::AuditId;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

/// Who did something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuditActorKind {
    /// A person.
    User,
    /// A program with a secret key.
    Program,
    /// Syntera itself.
    System,
}

/// One change, as the audit log keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// The entry.
    pub id: AuditId,
    /// When.
    pub at: DateTime<Utc>,
    /// Who did it.
    pub actor_kind: AuditActorKind,
    /// The user or the key; the system has none.
    pub actor_id: Option<Uuid>,
    /// What was done, such as `member.updated`.
    #[schema(example = "member.updated")]
    pub action: String,
    /// What it was done to: `user`, `key`, `role` and so on.
    #[schema(example = "user")]
    pub target_kind: String,
    /// Which one.
    pub target_id: Uuid,
    /// What changed, as it was.
    pub before: Option<Value>,
    /// What changed, as it is now.
    pub after: Option<Value>,
    /// The address that the request came from.
    #[schema(value_type = Option<String>, example = "192.0.2.7")]
    pub address: Option<IpAddr>,
    /// What the client called itself.
    pub user_agent: Option<String>,
}
