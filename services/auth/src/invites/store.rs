//! Invitations in PostgreSQL.

use auth_api::Invite;
use chrono::{DateTime, Utc};
use common::{telemetry::Personal, tokens::Role};
use ids::{InviteId, RoleId, UserId, WorkspaceId};
use sqlx::PgConnection;
use uuid::Uuid;
use vault::{BlindIndex, Sealed};

use super::{Error, KEPT, Sender};
use crate::{members, secrets::Hash};

/// An invitation with its address still sealed.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) id: InviteId,
    pub(super) email: Sealed,
    pub(super) role: Role,
    pub(super) role_id: Option<RoleId>,
    pub(super) invited_by: Uuid,
    pub(super) created_at: DateTime<Utc>,
    pub(super) sent_at: DateTime<Utc>,
    pub(super) expires_at: DateTime<Utc>,
}

impl Kept {
    /// As the API shows it.
    pub(super) fn shown(self, email: Personal<String>) -> Invite {
        Invite {
            id: self.id,
            email,
            role: self.role,
            role_id: self.role_id,
            invited_by: self.invited_by,
            created_at: self.created_at,
            sent_at: self.sent_at,
            expires_at: self.expires_at,
        }
    }
}

/// What a link is good for.
#[derive(Debug)]
pub(super) struct Offer {
    pub(super) workspace: WorkspaceId,
    pub(super) workspace_name: String,
    pub(super) invite: InviteId,
    pub(super) email: Sealed,
    pub(super) role: Role,
    pub(super) role_id: Option<RoleId>,
    /// What the role is called, if the workspace made it.
    pub(super) role_name: Option<String>,
}

struct Row {
    id: InviteId,
    email: Sealed,
    role: String,
    role_id: Option<RoleId>,
    invited_by: Uuid,
    created_at: DateTime<Utc>,
    sent_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
}

impl TryFrom<Row> for Kept {
    type Error = sqlx::Error;

    fn try_from(row: Row) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.id,
            email: row.email,
            role: members::role(&row.role)?,
            role_id: row.role_id,
            invited_by: row.invited_by,
            created_at: row.created_at,
            sent_at: row.sent_at,
            expires_at: row.expires_at,
        })
    }
}

/// How the workspace is called, and whoever invites. A program has no name of its own, so the workspace
/// itself does.
pub(super) async fn sender(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    user: UserId,
) -> sqlx::Result<Option<Sender>> {
    let found = sqlx::query!(
        r#"SELECT w.name AS workspace, coalesce(u.name, w.name) AS "inviter!"
           FROM auth.workspaces w LEFT JOIN auth.users u ON u.id = $2
           WHERE w.id = $1 AND w.deleted_at IS NULL"#,
        workspace.as_uuid(),
        user.as_uuid(),
    )
    .fetch_optional(connection)
    .await?;
    Ok(found.map(|row| Sender {
        workspace: row.workspace,
        inviter: Personal::new(row.inviter),
    }))
}

/// What a workspace is called.
pub(super) async fn workspace_name(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar!(
        "SELECT name FROM auth.workspaces WHERE id = $1 AND deleted_at IS NULL",
        workspace.as_uuid(),
    )
    .fetch_optional(connection)
    .await
}

/// The member whose address this is.
pub(super) async fn member(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    account: &BlindIndex,
) -> sqlx::Result<Option<UserId>> {
    sqlx::query_scalar!(
        r#"SELECT u.id AS "id: UserId" FROM auth.users u
           JOIN auth.memberships m ON m.user_id = u.id
           WHERE m.workspace_id = $1 AND u.email_index = $2"#,
        workspace.as_uuid(),
        account.as_bytes(),
    )
    .fetch_optional(connection)
    .await
}

/// Writes an invitation, in the place of an older one that nobody accepted in time.
///
/// # Errors
/// [`Error::AlreadyInvited`] when the older one is still good.
pub(super) async fn insert(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    kept: &Kept,
    (index, hash): (&BlindIndex, &Hash),
) -> Result<(), Error> {
    sqlx::query!(
        "DELETE FROM auth.invites WHERE workspace_id = $1 AND email_index = $2 AND expires_at <= $3",
        workspace.as_uuid(),
        index.as_bytes(),
        kept.created_at,
    )
    .execute(&mut *connection)
    .await?;
    let done = sqlx::query!(
        "INSERT INTO auth.invites (workspace_id, id, email_sealed, email_index, role, role_id, hash, invited_by,
                                   created_at, sent_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         ON CONFLICT (workspace_id, email_index) DO NOTHING",
        workspace.as_uuid(),
        kept.id.as_uuid(),
        kept.email.as_bytes(),
        index.as_bytes(),
        kept.role.as_str(),
        kept.role_id.map(|id| id.as_uuid()),
        hash.as_bytes(),
        kept.invited_by,
        kept.created_at,
        kept.sent_at,
        kept.expires_at,
    )
    .execute(&mut *connection)
    .await?;
    if done.rows_affected() == 1 {
        return Ok(());
    }
    let older = sqlx::query_scalar!(
        r#"SELECT id AS "id: InviteId" FROM auth.invites WHERE workspace_id = $1 AND email_index = $2"#,
        workspace.as_uuid(),
        index.as_bytes(),
    )
    .fetch_one(connection)
    .await?;
    Err(Error::AlreadyInvited(older))
}

/// One invitation.
pub(super) async fn find(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    id: InviteId,
) -> sqlx::Result<Option<Kept>> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT id AS "id: InviteId", email_sealed AS "email: Sealed", role, role_id AS "role_id: RoleId",
                  invited_by, created_at, sent_at, expires_at
           FROM auth.invites WHERE workspace_id = $1 AND id = $2"#,
        workspace.as_uuid(),
        id.as_uuid(),
    )
    .fetch_optional(connection)
    .await?;
    row.map(Kept::try_from).transpose()
}

/// The invitations of a workspace that nobody accepted yet, newest first.
pub(super) async fn list(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    before: Option<InviteId>,
    rows: i64,
) -> sqlx::Result<Vec<Kept>> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT id AS "id: InviteId", email_sealed AS "email: Sealed", role, role_id AS "role_id: RoleId",
                  invited_by, created_at, sent_at, expires_at
           FROM auth.invites
           WHERE workspace_id = $1 AND ($2::uuid IS NULL OR id < $2)
           ORDER BY id DESC LIMIT $3"#,
        workspace.as_uuid(),
        before.map(|id| id.as_uuid()),
        rows,
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(Kept::try_from).collect()
}

/// Gives an invitation another secret and a longer life; answers it as it is then.
pub(super) async fn renew(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    id: InviteId,
    (hash, (sent_at, expires_at)): (&Hash, (DateTime<Utc>, DateTime<Utc>)),
) -> sqlx::Result<Option<Kept>> {
    let row = sqlx::query_as!(
        Row,
        r#"UPDATE auth.invites SET hash = $3, sent_at = $4, expires_at = $5
           WHERE workspace_id = $1 AND id = $2
           RETURNING id AS "id: InviteId", email_sealed AS "email: Sealed", role, role_id AS "role_id: RoleId",
                     invited_by, created_at, sent_at, expires_at"#,
        workspace.as_uuid(),
        id.as_uuid(),
        hash.as_bytes(),
        sent_at,
        expires_at,
    )
    .fetch_optional(connection)
    .await?;
    row.map(Kept::try_from).transpose()
}

/// Deletes an invitation; answers whether there was one.
pub(super) async fn delete(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    id: InviteId,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "DELETE FROM auth.invites WHERE workspace_id = $1 AND id = $2",
        workspace.as_uuid(),
        id.as_uuid(),
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Deletes some of the invitations that ended long ago; answers how many.
pub(crate) async fn delete_old(
    connection: &mut PgConnection,
    now: DateTime<Utc>,
) -> sqlx::Result<u64> {
    let done = sqlx::query!(
        "DELETE FROM auth.invites
         WHERE (workspace_id, id) IN (SELECT workspace_id, id FROM auth.invites WHERE expires_at < $1 LIMIT 1000)",
        now - KEPT,
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

/// What a link is good for now. The link says itself to which workspace it leads.
pub(super) async fn offer(
    connection: &mut PgConnection,
    hash: &Hash,
    now: DateTime<Utc>,
) -> sqlx::Result<Option<Offer>> {
    let found = sqlx::query!(
        r#"SELECT i.workspace_id AS "workspace: WorkspaceId", w.name AS workspace_name, i.id AS "invite: InviteId",
                  i.email_sealed AS "email: Sealed", i.role, i.role_id AS "role_id: RoleId",
                  r.name AS "role_name?"
           FROM auth.invites i
           JOIN auth.workspaces w ON w.id = i.workspace_id
           LEFT JOIN auth.roles r ON r.workspace_id = i.workspace_id AND r.id = i.role_id
           WHERE i.hash = $1 AND i.expires_at > $2 AND w.deleted_at IS NULL"#,
        hash.as_bytes(),
        now,
    )
    .fetch_optional(connection)
    .await?;
    let Some(row) = found else { return Ok(None) };
    Ok(Some(Offer {
        workspace: row.workspace,
        workspace_name: row.workspace_name,
        invite: row.invite,
        email: row.email,
        role: members::role(&row.role)?,
        role_id: row.role_id,
        role_name: row.role_name,
    }))
}

/// Uses a link up; answers false when somebody was faster, or it has ended.
pub(super) async fn spend(
    connection: &mut PgConnection,
    hash: &Hash,
    now: DateTime<Utc>,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "DELETE FROM auth.invites WHERE hash = $1 AND expires_at > $2",
        hash.as_bytes(),
        now,
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The account of an address, and whether somebody has proven that it is theirs.
pub(super) async fn account(
    connection: &mut PgConnection,
    index: &BlindIndex,
) -> sqlx::Result<Option<(UserId, bool)>> {
    let found = sqlx::query!(
        r#"SELECT id AS "id: UserId", email_verified_at IS NOT NULL AS "proven!"
           FROM auth.users WHERE email_index = $1"#,
        index.as_bytes(),
    )
    .fetch_optional(connection)
    .await?;
    Ok(found.map(|row| (row.id, row.proven)))
}

/// Keeps an account from being deleted until the transaction ends; answers false when it was.
pub(super) async fn hold_person(connection: &mut PgConnection, user: UserId) -> sqlx::Result<bool> {
    let found = sqlx::query_scalar!(
        "SELECT id FROM auth.users WHERE id = $1 AND deleted_at IS NULL FOR SHARE",
        user.as_uuid(),
    )
    .fetch_optional(connection)
    .await?;
    Ok(found.is_some())
}

/// Gives an account to the owner of its address: with their name and password, and without the links
/// and the half-done exchanges of whoever had it before.
pub(super) async fn take_over(
    connection: &mut PgConnection,
    user: UserId,
    (name, password_hash): (&Personal<String>, &str),
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE auth.users SET name = $2, password_hash = $3 WHERE id = $1",
        user.as_uuid(),
        name.expose(),
        password_hash,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "DELETE FROM auth.tickets WHERE user_id = $1",
        user.as_uuid()
    )
    .execute(connection)
    .await?;
    Ok(())
}
