//! Giving a role to somebody.

use common::tokens::Role;
use ids::{RoleId, WorkspaceId};
use serde_json::{Value, json};
use sqlx::PgConnection;

use super::{Error, store};
use crate::{
    access::{self, Standing},
    permissions,
};

/// A role that somebody is to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grant {
    /// The role.
    pub(crate) role: Role,
    /// Which of the workspace's own roles, if it is one.
    pub(crate) role_id: Option<RoleId>,
    /// What it lets them do.
    permissions: Vec<String>,
}

impl Grant {
    /// The role as it stands.
    ///
    /// # Errors
    /// [`Error::Unknown`] when the workspace has no such role.
    pub(crate) async fn find(
        connection: &mut PgConnection,
        workspace: WorkspaceId,
        (role, role_id): (Role, Option<RoleId>),
    ) -> Result<Self, Error> {
        let permissions = match role_id {
            Some(id) => {
                let found = store::find(connection, workspace, id).await?;
                found.ok_or(Error::Unknown)?.role.permissions
            }
            None => permissions::of(connection, role).await?,
        };
        Ok(Self {
            role,
            role_id,
            permissions,
        })
    }

    /// Lets pass whoever may give this role: only owners make owners, and nobody gives away more than
    /// they have.
    ///
    /// # Errors
    /// When they may not.
    pub(crate) fn by(&self, standing: &Standing) -> Result<(), Error> {
        if self.role == Role::Owner && standing.role != Role::Owner {
            return Err(access::Error::OwnersOnly.into());
        }
        within(standing, &self.permissions)
    }

    /// What the audit log keeps of it.
    pub(crate) fn told(&self) -> Value {
        told(self.role, self.role_id)
    }
}

/// What the audit log keeps of a role that somebody has.
pub(crate) fn told(role: Role, role_id: Option<RoleId>) -> Value {
    match role_id {
        Some(id) => json!({ "role": role, "role_id": id }),
        None => json!({ "role": role }),
    }
}

/// Lets pass whoever has each of these permissions.
pub(super) fn within(standing: &Standing, permissions: &[String]) -> Result<(), Error> {
    let lacking = standing.lacks(permissions);
    if lacking.is_empty() {
        return Ok(());
    }
    let lacking = lacking.into_iter().map(str::to_owned).collect();
    Err(Error::Beyond(lacking))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_gives_away_more_than_they_have() {
        let grant = |role, permissions: &[&str]| Grant {
            role,
            role_id: None,
            permissions: permissions.iter().map(ToString::to_string).collect(),
        };
        let all = ["contacts:read", "contacts:write", "members:write"];
        let owner = Standing::of(Role::Owner, &all);
        let admin = Standing::of(Role::Admin, &all);
        let recruiter = Standing::of(Role::Custom, &["contacts:read", "members:write"]);
        assert!(grant(Role::Owner, &all).by(&owner).is_ok());
        assert!(matches!(
            grant(Role::Owner, &all).by(&admin),
            Err(Error::Access(access::Error::OwnersOnly))
        ));
        assert!(grant(Role::Admin, &all).by(&admin).is_ok());
        assert!(
            grant(Role::Viewer, &["contacts:read"])
                .by(&recruiter)
                .is_ok()
        );
        let agent = grant(Role::Agent, &["contacts:read", "contacts:write"]);
        let Err(Error::Beyond(lacking)) = agent.by(&recruiter) else {
            panic!("a recruiter cannot let somebody write");
        };
        assert_eq!(lacking, ["contacts:write"]);
    }
}
