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

/// The shapes of all of them.
#[must_use]
pub fn catalog() -> Vec<EventSchema> {
    vec![EventSchema::of::<WorkspaceCreated>()]
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
