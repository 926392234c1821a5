//! The events that auth publishes.

use bus::{EventData, EventSchema};
use chrono::{DateTime, Utc};
use ids::{UserId, WorkspaceId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A workspace came into being.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkspaceCreated {
    /// The workspace.
    pub workspace_id: WorkspaceId,
    /// Its owner.
    pub owner_id: UserId,
    /// When.
    pub created_at: DateTime<Utc>,
}

impl EventData for WorkspaceCreated {
    const TYPE: &'static str = "auth.workspace.created.v1";

    fn subject(&self) -> String {
        self.workspace_id.to_string()
    }

    fn subject_version(&self) -> Option<i64> {
        Some(1)
    }
}

/// A workspace is gone. Whoever keeps something of it may destroy that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkspaceDeleted {
    /// The workspace.
    pub workspace_id: WorkspaceId,
    /// The owner who deleted it.
    pub deleted_by: UserId,
    /// The version that the deletion made.
    pub version: i64,
    /// When.
    pub deleted_at: DateTime<Utc>,
}

impl EventData for WorkspaceDeleted {
    const TYPE: &'static str = "auth.workspace.deleted.v1";

    fn subject(&self) -> String {
        self.workspace_id.to_string()
    }

    fn subject_version(&self) -> Option<i64> {
        Some(self.version)
    }
}

/// The shapes of all of them.
#[must_use]
pub fn catalog() -> Vec<EventSchema> {
    vec![
        EventSchema::of::<WorkspaceCreated>(),
        EventSchema::of::<WorkspaceDeleted>(),
    ]
}

#[cfg(test)]
mod tests {
    #[test]
    fn published_events_keep_their_shape() {
        let file = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../openapi/events/auth.json"
        );
        bus::schema::assert_snapshot(file.as_ref(), &super::catalog());
    }
}
