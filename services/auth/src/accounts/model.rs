//! What an account is.

use chrono::{DateTime, Utc};
use common::telemetry::Personal;
use ids::{UserId, WorkspaceId};

/// An e-mail address as it is compared: people write the same one in upper and lower case. Nothing
/// else is folded: `ada+shop@` and `ada@` may be two people's.
pub(crate) fn email_key(email: &str) -> String {
    email.trim().to_lowercase()
}

/// A person and their workspace, to be created together.
#[derive(Debug, Clone)]
pub(crate) struct NewAccount {
    pub(crate) user: UserId,
    pub(crate) workspace: WorkspaceId,
    pub(crate) email: Personal<String>,
    pub(crate) name: Personal<String>,
    pub(crate) workspace_name: String,
    pub(crate) at: DateTime<Utc>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_compared_without_case() {
        assert_eq!(
            email_key("Ada.Lovelace@Example.COM"),
            "ada.lovelace@example.com"
        );
        assert_ne!(
            email_key("ada+shop@example.com"),
            email_key("ada@example.com")
        );
    }
}
