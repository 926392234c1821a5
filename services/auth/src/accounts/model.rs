//! What an account is.

use chrono::{DateTime, Utc};
use common::telemetry::Personal;
use ids::{UserId, WorkspaceId};

use crate::people::KeptEmail;

/// A person, to be created.
#[derive(Debug, Clone)]
pub(crate) struct NewPerson {
    pub(crate) user: UserId,
    pub(crate) email: KeptEmail,
    pub(crate) name: Personal<String>,
    pub(crate) password_hash: Option<String>,
    /// When the address was proven, if it was.
    pub(crate) verified_at: Option<DateTime<Utc>>,
    pub(crate) at: DateTime<Utc>,
}

/// A workspace, to be created with its owner.
#[derive(Debug, Clone)]
pub(crate) struct NewWorkspace {
    pub(crate) id: WorkspaceId,
    pub(crate) owner: UserId,
    pub(crate) name: String,
    pub(crate) at: DateTime<Utc>,
}
