//! The extractors: a handler that takes one of these is never reached without a good token.

use axum::extract::{FromRef, FromRequestParts};
use chrono::{DateTime, Utc};
use http::request::Parts;
use ids::{AgentId, SessionId, UserId, VisitorId, WorkspaceId};

use super::{
    permission::{Permission, Role},
    verify::{self, Identity, Tokens},
};
use crate::problem::{ErrorCode, Problem};

/// A person or a program of a workspace.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who.
    pub user_id: UserId,
    /// In which workspace.
    pub workspace_id: WorkspaceId,
    /// The sign-in that the token belongs to.
    pub session_id: SessionId,
    /// The role in the workspace.
    pub role: Role,
    /// What the role may do: permissions, separated by spaces.
    pub(super) scope: String,
    /// When the token ends.
    pub expires_at: DateTime<Utc>,
}

impl Caller {
    /// Whether the caller may do this.
    #[must_use]
    pub fn may(&self, permission: Permission) -> bool {
        let mut held = self.scope.split_ascii_whitespace();
        held.any(|held| *held == *permission.as_str())
    }

    /// Lets the caller pass who may do this.
    ///
    /// # Errors
    /// 403 that names the missing permission, or says that a second factor is missing.
    pub fn require(&self, permission: Permission) -> Result<(), Problem> {
        if self.may(permission) {
            return Ok(());
        }
        if self.scope.is_empty() {
            // Every role may do something: this is a session that lacks what its workspace demands.
            return Err(Problem::new(ErrorCode::SecondFactorSetupRequired).detail(
                "set up an authenticator app or a passkey, or sign in again with yours; then renew the token",
            ));
        }
        Err(Problem::new(ErrorCode::Forbidden).detail(format!(
            "your role {} lacks the permission {permission}; ask an owner or an admin",
            self.role
        )))
    }
}

/// A visitor of the widget.
#[derive(Debug, Clone)]
pub struct VisitorCaller {
    /// Who.
    pub visitor_id: VisitorId,
    /// The workspace whose widget it is.
    pub workspace_id: WorkspaceId,
    /// The visitor's session.
    pub session_id: SessionId,
    /// The only agent that the visitor may talk to.
    pub agent_id: AgentId,
    /// The only origin that may use the token from a browser.
    pub origin: Option<String>,
    /// When the token ends.
    pub expires_at: DateTime<Utc>,
}

/// Whoever may take part in a conversation: a visitor, or somebody of the workspace.
#[derive(Debug, Clone)]
pub enum Participant {
    /// A person or a program of the workspace.
    Person(Caller),
    /// A visitor of the widget.
    Visitor(VisitorCaller),
}

impl Participant {
    /// The workspace, whoever it is.
    #[must_use]
    pub fn workspace_id(&self) -> WorkspaceId {
        match self {
            Self::Person(caller) => caller.workspace_id,
            Self::Visitor(visitor) => visitor.workspace_id,
        }
    }

    /// The session, whoever it is.
    #[must_use]
    pub fn session_id(&self) -> SessionId {
        match self {
            Self::Person(caller) => caller.session_id,
            Self::Visitor(visitor) => visitor.session_id,
        }
    }
}

impl From<Identity> for Participant {
    fn from(identity: Identity) -> Self {
        match identity {
            Identity::Person(caller) => Self::Person(caller),
            Identity::Visitor(visitor) => Self::Visitor(visitor),
        }
    }
}

/// Another service of the fleet, by name. Only internal routes take it.
#[derive(Debug, Clone)]
pub struct ServiceCaller {
    /// Which one.
    pub service: String,
}

impl<S> FromRequestParts<S> for Participant
where
    S: Send + Sync,
    Tokens: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let token = token(parts)?;
        Ok(Tokens::from_ref(state).verify(token).await?.into())
    }
}

impl<S> FromRequestParts<S> for Caller
where
    S: Send + Sync,
    Tokens: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Participant::from_request_parts(parts, state).await? {
            Participant::Person(caller) => Ok(caller),
            Participant::Visitor(_) => {
                Err(Problem::new(ErrorCode::Forbidden)
                    .detail("a visitor's token is not enough here"))
            }
        }
    }
}

impl<S> FromRequestParts<S> for VisitorCaller
where
    S: Send + Sync,
    Tokens: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Participant::from_request_parts(parts, state).await? {
            Participant::Visitor(visitor) => Ok(visitor),
            Participant::Person(_) => Err(Problem::new(ErrorCode::Forbidden)
                .detail("only a visitor's token is accepted here")),
        }
    }
}

impl<S> FromRequestParts<S> for ServiceCaller
where
    S: Send + Sync,
    Tokens: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let tokens = Tokens::from_ref(state);
        let service =
            tokens
                .service_keys()
                .verify(token(parts)?, tokens.service(), tokens.now())?;
        Ok(Self { service })
    }
}

fn token(parts: &Parts) -> Result<&str, Problem> {
    verify::bearer(&parts.headers).ok_or_else(|| {
        Problem::new(ErrorCode::Unauthenticated)
            .detail("send the access token as `Authorization: Bearer <token>`")
    })
}
