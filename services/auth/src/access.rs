//! What a caller may do at this moment.
//!
//! Tokens say what was true when they were signed. Here, where sessions and roles are kept, nothing
//! waits for a token to end: each request asks the tables.

use common::{
    ErrorCode, Problem,
    tokens::{Caller, Permission, Role},
};
use ids::UserId;
use sqlx::PgConnection;

use crate::{app::App, factors, members, sessions};

/// What is true of a caller at this moment.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    /// The role.
    pub(crate) role: Role,
    /// What the caller may do.
    pub(crate) permissions: Vec<String>,
    /// Whether the person's e-mail address was verified; a program has none to verify.
    pub(crate) email_verified: bool,
    /// Whether the workspace demands a second factor that the session lacks: then there are no permissions.
    pub(crate) second_factor_missing: bool,
}

/// Why a caller may not pass.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The session, or what it rests on, has ended.
    #[error("the session has ended")]
    SessionEnded,
    /// The caller lacks a permission.
    #[error("the permission {0} is missing")]
    Lacks(Permission),
    /// Only owners may do this.
    #[error("the caller is no owner")]
    OwnersOnly,
    /// The workspace demands a second factor, and the session lacks one.
    #[error("the session lacks a second factor")]
    SecondFactor,
    /// The caller's e-mail address was not verified.
    #[error("the e-mail address was not verified")]
    EmailNotVerified,
    /// Only a person can do this for themselves.
    #[error("a program has no account")]
    NotAPerson,
    /// An identity provider's word is good in its own workspace, and nowhere else.
    #[error("the session was opened by an identity provider")]
    ByIssuer,
    /// PostgreSQL failed.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::SessionEnded => sessions::Error::Ended.into(),
            Error::Lacks(permission) => Self::new(ErrorCode::Forbidden).detail(format!(
                "you lack the permission {permission}; ask an owner or an admin"
            )),
            Error::OwnersOnly => Self::new(ErrorCode::Forbidden)
                .detail("only an owner of the workspace may do this"),
            Error::SecondFactor => Self::new(ErrorCode::SecondFactorSetupRequired)
                .detail("set up an authenticator app or a passkey, or sign in again with yours"),
            Error::EmailNotVerified => Self::new(ErrorCode::EmailNotVerified)
                .detail("open the link in the mail that we sent you, or ask for a new one"),
            Error::NotAPerson => Self::new(ErrorCode::Forbidden)
                .detail("this is about a person's own account; sign in as the person"),
            Error::ByIssuer => Self::new(ErrorCode::Forbidden).detail(
                "you signed in by an identity provider, which speaks for its workspace only; sign in by password or \
                 passkey, or set a password by POST /auth/password/forgotten",
            ),
            Error::Store(error) => error.into(),
        }
    }
}

impl Standing {
    /// Whether the caller may do this.
    pub(crate) fn may(&self, permission: Permission) -> bool {
        self.permissions
            .iter()
            .any(|held| held == permission.as_str())
    }

    /// Those of `wanted` that the caller does not have: nobody gives away more than they have.
    pub(crate) fn lacks<'w>(&self, wanted: &'w [String]) -> Vec<&'w str> {
        wanted
            .iter()
            .filter(|wanted| !self.permissions.contains(wanted))
            .map(String::as_str)
            .collect()
    }

    /// Lets people pass whose e-mail address was verified.
    pub(crate) fn verified(self) -> Result<Self, Error> {
        if self.email_verified {
            Ok(self)
        } else {
            Err(Error::EmailNotVerified)
        }
    }
}

#[cfg(test)]
impl Standing {
    /// Somebody with this role who may do this.
    pub(crate) fn of(role: Role, permissions: &[&str]) -> Self {
        Self {
            role,
            permissions: permissions.iter().map(ToString::to_string).collect(),
            email_verified: true,
            second_factor_missing: false,
        }
    }
}

/// What is true of the caller now.
pub(crate) async fn standing(
    connection: &mut PgConnection,
    caller: &Caller,
) -> Result<Standing, Error> {
    if caller.role == Role::Program {
        return program(connection, caller).await;
    }
    let found = sqlx::query!(
        r#"SELECT u.email_verified_at IS NOT NULL AS "verified!", w.require_second_factor
           FROM auth.sessions s
           JOIN auth.users u ON u.id = s.user_id
           JOIN auth.workspaces w ON w.id = s.workspace_id
           WHERE s.workspace_id = $1 AND s.id = $2 AND s.user_id = $3 AND s.revoked_at IS NULL"#,
        caller.workspace_id.as_uuid(),
        caller.session_id.as_uuid(),
        caller.user_id.as_uuid(),
    )
    .fetch_optional(&mut *connection)
    .await?;
    let found = found.ok_or(Error::SessionEnded)?;
    let (workspace, session) = (caller.workspace_id, caller.session_id);
    let membership = members::find(connection, workspace, caller.user_id)
        .await?
        .ok_or(Error::SessionEnded)?;
    let second_factor_missing =
        found.require_second_factor && !factors::is_strong(connection, workspace, session).await?;
    Ok(Standing {
        role: membership.role,
        permissions: if second_factor_missing {
            Vec::new()
        } else {
            membership.permissions
        },
        email_verified: found.verified,
        second_factor_missing,
    })
}

async fn program(connection: &mut PgConnection, caller: &Caller) -> Result<Standing, Error> {
    let scopes = sqlx::query_scalar!(
        "SELECT k.scopes FROM auth.sessions s
         JOIN auth.keys k ON k.workspace_id = s.workspace_id AND k.id = s.key_id
         WHERE s.workspace_id = $1 AND s.id = $2 AND s.user_id IS NULL AND s.visitor_id IS NULL
           AND s.revoked_at IS NULL AND k.revoked_at IS NULL",
        caller.workspace_id.as_uuid(),
        caller.session_id.as_uuid(),
    )
    .fetch_optional(connection)
    .await?;
    Ok(Standing {
        role: Role::Program,
        permissions: scopes.ok_or(Error::SessionEnded)?,
        email_verified: true,
        second_factor_missing: false,
    })
}

/// Lets callers pass who may do this now.
pub(crate) async fn require(
    connection: &mut PgConnection,
    caller: &Caller,
    permission: Permission,
) -> Result<Standing, Error> {
    let standing = standing(connection, caller).await?;
    if standing.may(permission) {
        Ok(standing)
    } else if standing.second_factor_missing {
        Err(Error::SecondFactor)
    } else {
        Err(Error::Lacks(permission))
    }
}

/// Lets owners of the workspace pass.
pub(crate) async fn owner(
    connection: &mut PgConnection,
    caller: &Caller,
) -> Result<Standing, Error> {
    let standing = standing(connection, caller).await?;
    if standing.second_factor_missing {
        Err(Error::SecondFactor)
    } else if standing.role == Role::Owner {
        Ok(standing)
    } else {
        Err(Error::OwnersOnly)
    }
}

/// Lets people pass whose session lives, and answers who it is: for what somebody does to their own
/// account, also while a second factor is demanded.
pub(crate) async fn person(
    connection: &mut PgConnection,
    caller: &Caller,
) -> Result<UserId, Error> {
    persons_standing(connection, caller).await?;
    Ok(caller.user_id)
}

/// Lets people pass as [`person`] does, and answers what is true of them.
pub(crate) async fn persons_standing(
    connection: &mut PgConnection,
    caller: &Caller,
) -> Result<Standing, Error> {
    if caller.role == Role::Program {
        return Err(Error::NotAPerson);
    }
    standing(connection, caller).await
}

/// Lets people pass as [`person`] does, unless an identity provider opened their session: for what
/// changes how the account signs in, and for what reaches beyond the workspace.
///
/// Whoever owns a workspace chooses its provider, which may then say that anybody signed in. So its word
/// opens sessions in that workspace, and must not become a password, a passkey or a way into another one.
pub(crate) async fn own_account(
    connection: &mut PgConnection,
    caller: &Caller,
) -> Result<UserId, Error> {
    let user = person(connection, caller).await?;
    if by_issuer(connection, caller).await? {
        return Err(Error::ByIssuer);
    }
    Ok(user)
}

/// Lets people pass as [`own_account`] does, on a connection that is given back at once: for what goes on
/// without one.
pub(crate) async fn check_own_account(app: &App, caller: &Caller) -> Result<UserId, Error> {
    let mut connection = app.pool.acquire().await?;
    own_account(&mut connection, caller).await
}

/// Whether an identity provider opened the caller's session.
pub(crate) async fn by_issuer(
    connection: &mut PgConnection,
    caller: &Caller,
) -> sqlx::Result<bool> {
    let by_issuer = sqlx::query_scalar!(
        r#"SELECT 'issuer' = ANY (methods) AS "by_issuer!" FROM auth.sessions WHERE workspace_id = $1 AND id = $2"#,
        caller.workspace_id.as_uuid(),
        caller.session_id.as_uuid(),
    )
    .fetch_optional(connection)
    .await?;
    Ok(by_issuer.unwrap_or(false))
}
