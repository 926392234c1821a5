//! Contacts in PostgreSQL.

use chrono::{DateTime, Utc};
use crm_api::Contact;
use ids::{ContactId, UserId, VisitorId, WorkspaceId};
use sqlx::PgConnection;

use super::model::{FIRST_VERSION, Keys, Versioned, personal};

/// A row of the table, without the tenant and the keys that are only searched.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct Row {
    pub(super) id: ContactId,
    user_id: Option<UserId>,
    visitor_id: Option<VisitorId>,
    name: Option<String>,
    email: Option<String>,
    phone: Option<String>,
    company: Option<String>,
    pub(super) lead_score: i16,
    tags: Vec<String>,
    version: i64,
    pub(super) created_at: DateTime<Utc>,
    pub(super) updated_at: DateTime<Utc>,
    pub(super) name_key: Option<String>,
}

impl From<Row> for Versioned {
    fn from(row: Row) -> Self {
        let contact = Contact {
            id: row.id,
            user_id: row.user_id,
            visitor_id: row.visitor_id,
            name: personal(row.name),
            email: personal(row.email),
            phone: personal(row.phone),
            company: row.company,
            lead_score: row.lead_score,
            tags: row.tags,
            created_at: row.created_at,
            updated_at: row.updated_at,
        };
        Self {
            contact,
            version: row.version,
        }
    }
}

/// One contact.
pub(super) async fn find(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    contact: ContactId,
) -> sqlx::Result<Option<Versioned>> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT id AS "id: ContactId", user_id AS "user_id: UserId", visitor_id AS "visitor_id: VisitorId",
                  name, email, phone, company, lead_score, tags, version, created_at, updated_at, name_key
           FROM crm.contacts WHERE workspace_id = $1 AND id = $2"#,
        workspace.as_uuid(),
        contact.as_uuid(),
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(Versioned::from))
}

/// One contact, which nobody else can change until the transaction ends.
pub(super) async fn lock(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    contact: ContactId,
) -> sqlx::Result<Option<Versioned>> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT id AS "id: ContactId", user_id AS "user_id: UserId", visitor_id AS "visitor_id: VisitorId",
                  name, email, phone, company, lead_score, tags, version, created_at, updated_at, name_key
           FROM crm.contacts WHERE workspace_id = $1 AND id = $2 FOR UPDATE"#,
        workspace.as_uuid(),
        contact.as_uuid(),
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(Versioned::from))
}

/// The contact of a visitor.
pub(super) async fn find_by_visitor(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    visitor: VisitorId,
) -> sqlx::Result<Option<Versioned>> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT id AS "id: ContactId", user_id AS "user_id: UserId", visitor_id AS "visitor_id: VisitorId",
                  name, email, phone, company, lead_score, tags, version, created_at, updated_at, name_key
           FROM crm.contacts WHERE workspace_id = $1 AND visitor_id = $2"#,
        workspace.as_uuid(),
        visitor.as_uuid(),
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(Versioned::from))
}

/// Whether there is such a contact.
pub(crate) async fn exists(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    contact: ContactId,
) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM crm.contacts WHERE workspace_id = $1 AND id = $2) AS "exists!""#,
        workspace.as_uuid(),
        contact.as_uuid(),
    )
    .fetch_one(connection)
    .await
}

/// Inserts a contact; answers false when its visitor has one already. Waits for a transaction that is
/// inserting it.
pub(super) async fn insert(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    contact: &Contact,
) -> sqlx::Result<bool> {
    let keys = Keys::of(contact);
    let done = sqlx::query!(
        "INSERT INTO crm.contacts (workspace_id, id, user_id, visitor_id, name, email, phone, company, lead_score,
                                   tags, version, created_at, updated_at, name_key, email_key, search)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
         ON CONFLICT (workspace_id, visitor_id) DO NOTHING",
        workspace.as_uuid(),
        contact.id.as_uuid(),
        contact.user_id.map(|user| user.as_uuid()),
        contact.visitor_id.map(|visitor| visitor.as_uuid()),
        contact.name.as_ref().map(|name| name.expose().as_str()),
        contact.email.as_ref().map(|email| email.expose().as_str()),
        contact.phone.as_ref().map(|phone| phone.expose().as_str()),
        contact.company.as_deref(),
        contact.lead_score,
        &contact.tags,
        FIRST_VERSION,
        contact.created_at,
        contact.updated_at,
        keys.name,
        keys.email,
        keys.search,
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Writes what a patch may have changed.
pub(super) async fn update(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    Versioned { contact, version }: &Versioned,
) -> sqlx::Result<()> {
    let keys = Keys::of(contact);
    sqlx::query!(
        "UPDATE crm.contacts
         SET name = $3, email = $4, phone = $5, company = $6, lead_score = $7, tags = $8, version = $9,
             updated_at = $10, name_key = $11, email_key = $12, search = $13
         WHERE workspace_id = $1 AND id = $2",
        workspace.as_uuid(),
        contact.id.as_uuid(),
        contact.name.as_ref().map(|name| name.expose().as_str()),
        contact.email.as_ref().map(|email| email.expose().as_str()),
        contact.phone.as_ref().map(|phone| phone.expose().as_str()),
        contact.company.as_deref(),
        contact.lead_score,
        &contact.tags,
        *version,
        contact.updated_at,
        keys.name,
        keys.email,
        keys.search,
    )
    .execute(connection)
    .await?;
    Ok(())
}
