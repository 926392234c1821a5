//! What an access token says.

use ids::{AgentId, SessionId, WorkspaceId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::permission::Role;

/// The audience of tokens for people and programs.
pub const AUDIENCE_PEOPLE: &str = "syntera";
/// The audience of tokens for visitors of the widget.
pub const AUDIENCE_VISITORS: &str = "syntera-widget";

/// The claims of an access token. Times are seconds since 1970 (RFC 7519 §2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Who signed it.
    pub iss: String,
    /// Whom it is for: [`AUDIENCE_PEOPLE`] or [`AUDIENCE_VISITORS`].
    pub aud: String,
    /// The user's or the visitor's id.
    pub sub: Uuid,
    /// The workspace.
    pub wid: WorkspaceId,
    /// The session; revoking it ends the token early.
    pub sid: SessionId,
    /// The person's role; visitors have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// What the caller may do: permissions, separated by spaces (RFC 8693 §4.2).
    #[serde(default)]
    pub scope: String,
    /// The only agent that a visitor may talk to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentId>,
    /// The only origin that may use a visitor's token from a browser.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// When it was signed.
    pub iat: i64,
    /// When it ends.
    pub exp: i64,
}
