//! The HTTP side of contacts.

use axum::{extract::State, response::Response};
use common::{
    problem::Result,
    tokens::{Caller, Permission, ServiceCaller},
};
use crm_api::{
    Contact, CreateContact, FindByVisitor, PatchContact,
    events::{ContactCreated, ContactUpdated},
};
use http::StatusCode;
use ids::ContactId;
use rest::{
    Check, Cursor, IdempotencyKey, IfMatch, Json, Limit, Page, Path, Query, Tagged, Timestamp,
};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    Error,
    list::{self, Filter, PageOf, Position, Sort},
    model::{self, FIRST_VERSION, Versioned},
    store,
};
use crate::app::App;

/// Which contacts, in which order.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListContacts {
    /// Part of the name, the e-mail address or the company, in upper or lower case.
    #[param(min_length = 1, max_length = 200)]
    q: Option<String>,
    /// The e-mail address, in upper or lower case.
    #[param(min_length = 1, max_length = 320)]
    email: Option<String>,
    /// A label that they must have.
    #[param(min_length = 1, max_length = 50)]
    tag: Option<String>,
    /// The lowest lead score.
    #[param(minimum = 0, maximum = 100)]
    min_lead_score: Option<i16>,
    /// Created then or later.
    #[param(value_type = Option<String>, format = DateTime)]
    created_after: Option<Timestamp>,
    /// Created before.
    #[param(value_type = Option<String>, format = DateTime)]
    created_before: Option<Timestamp>,
    /// The order; newest first by default.
    #[serde(default)]
    #[param(inline, value_type = Option<Sort>)]
    sort: Sort,
    /// How many at most.
    #[serde(default)]
    #[param(value_type = Option<u8>, minimum = 1, maximum = 100)]
    limit: Limit,
    /// `next_cursor` of the page before, made in the same order.
    #[param(value_type = Option<String>)]
    cursor: Option<Cursor>,
}

impl ListContacts {
    fn page(self) -> Result<PageOf> {
        let mut check = Check::default();
        for (name, text, max) in [
            ("q", &self.q, 200),
            ("email", &self.email, 320),
            ("tag", &self.tag, 50),
        ] {
            if let Some(text) = text {
                check.line(name, text, 1..=max);
            }
        }
        if self
            .min_lead_score
            .is_some_and(|score| !(0..=100).contains(&score))
        {
            check.fault("min_lead_score", "must be from 0 to 100");
        }
        check.parameters()?;
        let after = self
            .cursor
            .map(|cursor| Position::read(&cursor, self.sort))
            .transpose()?;
        let filter = Filter {
            text: self.q,
            email: self.email,
            tag: self.tag,
            min_lead_score: self.min_lead_score,
            created_after: self.created_after.map(Timestamp::time),
            created_before: self.created_before.map(Timestamp::time),
        };
        Ok(PageOf {
            filter,
            sort: self.sort,
            after,
            limit: self.limit,
        })
    }
}

/// List contacts
///
/// A page of the workspace's contacts that fit all the filters given.
#[utoipa::path(
    get,
    path = "/contacts",
    operation_id = "list_contacts",
    tag = "contacts",
    security(("bearer" = ["contacts:read"])),
    params(ListContacts),
    responses((status = 200, description = "a page of contacts", body = Page<Contact>)),
)]
pub(super) async fn list_contacts(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<ListContacts>,
) -> Result<Json<Page<Contact>>> {
    caller.require(Permission::ContactsRead)?;
    let (sort, limit) = (query.sort, query.limit);
    let page = query.page()?;
    let mut connection = app.pool.acquire().await?;
    let rows = list::fetch(&mut connection, caller.workspace_id, page).await?;
    let page = Page::cut(rows, limit, |row| Position::of(row, sort));
    Ok(Json(page.map(|row| Versioned::from(row).contact)))
}

/// Create a contact
///
/// Labels are trimmed and sorted, each is kept once.
#[utoipa::path(
    post,
    path = "/contacts",
    operation_id = "create_contact",
    tag = "contacts",
    security(("bearer" = ["contacts:write"])),
    params(("Idempotency-Key" = Option<String>, Header, max_length = 255,
            description = "repeating the request with the same key has no second effect, for 24 hours")),
    request_body = CreateContact,
    responses(
        (status = 201, description = "the contact", body = Contact, headers(
            ("ETag" = String, description = "its version"),
            ("Location" = String, description = "where it is"),
            ("Idempotent-Replayed" = Option<String>, description = "`true` when it was created by an earlier request"),
        )),
        (status = 409, description = "the first request with this key is still running",
         body = common::problem::Document, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn create_contact(
    State(app): State<App>,
    caller: Caller,
    key: IdempotencyKey,
    Json(body): Json<CreateContact>,
) -> Result<Response> {
    caller.require(Permission::ContactsWrite)?;
    let workspace = caller.workspace_id;
    let mut transaction = app.pool.begin().await?;
    let whose = (workspace, caller.user_id.as_uuid());
    let attempt = match app
        .idempotency
        .begin(&mut transaction, whose, "POST /contacts", (key, &body))
        .await
    {
        Ok(attempt) => attempt,
        Err(answered) => return Ok(answered),
    };
    let contact = model::created(body, caller.user_id, app.clock.now());
    store::insert(&mut transaction, workspace, &contact).await?;
    let created = ContactCreated {
        contact_id: contact.id,
        visitor_id: None,
        created_at: contact.created_at,
    };
    app.outbox
        .append(&mut transaction, workspace, &created)
        .await?;
    let answer = (&contact, Some(FIRST_VERSION));
    let response = attempt
        .finish(&mut transaction, StatusCode::CREATED, answer)
        .await?;
    app.outbox.commit(transaction).await?;
    Ok(response)
}

/// Get a contact
#[utoipa::path(
    get,
    path = "/contacts/{id}",
    operation_id = "get_contact",
    tag = "contacts",
    security(("bearer" = ["contacts:read"])),
    params(("id" = ContactId, Path, description = "the contact")),
    responses((status = 200, description = "the contact", body = Contact,
               headers(("ETag" = String, description = "its version")))),
)]
pub(super) async fn get_contact(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<ContactId>,
) -> Result<Tagged<Contact>> {
    caller.require(Permission::ContactsRead)?;
    let mut connection = app.pool.acquire().await?;
    let found = store::find(&mut connection, caller.workspace_id, id)
        .await?
        .ok_or(Error::NotFound)?;
    Ok(Tagged::new(found.contact, found.version))
}

/// Change a contact
///
/// A JSON merge patch (RFC 7396): what is absent stays, null clears. A patch that changes nothing leaves
/// the version as it is.
#[utoipa::path(
    patch,
    path = "/contacts/{id}",
    operation_id = "update_contact",
    tag = "contacts",
    security(("bearer" = ["contacts:write"])),
    params(
        ("id" = ContactId, Path, description = "the contact"),
        ("If-Match" = Option<String>, Header, description = "change it only if this is still its ETag"),
    ),
    request_body(content(
        (PatchContact = "application/merge-patch+json"),
        (PatchContact = "application/json"),
    )),
    responses(
        (status = 200, description = "the contact after the change", body = Contact,
         headers(("ETag" = String, description = "its version"))),
        (status = 412, description = "it has changed since you read it",
         body = common::problem::Document, content_type = "application/problem+json",
         headers(("ETag" = String, description = "its version now"))),
    ),
)]
pub(super) async fn update_contact(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<ContactId>,
    if_match: IfMatch,
    Json(patch): Json<PatchContact>,
) -> Result<Tagged<Contact>> {
    caller.require(Permission::ContactsWrite)?;
    let workspace = caller.workspace_id;
    let mut transaction = app.pool.begin().await?;
    let current = store::lock(&mut transaction, workspace, id)
        .await?
        .ok_or(Error::NotFound)?;
    if_match.check(current.version)?;
    let mut contact = model::patched(&current.contact, patch)?;
    if contact == current.contact {
        return Ok(Tagged::new(current.contact, current.version));
    }
    contact.updated_at = app.clock.now();
    let updated = Versioned {
        contact,
        version: current.version + 1,
    };
    store::update(&mut transaction, workspace, &updated).await?;
    let event = ContactUpdated {
        contact_id: id,
        version: updated.version,
        updated_at: updated.contact.updated_at,
    };
    app.outbox
        .append(&mut transaction, workspace, &event)
        .await?;
    app.outbox.commit(transaction).await?;
    Ok(Tagged::new(updated.contact, updated.version))
}

/// `PUT /internal/contacts/by-visitor`: the contact of a visitor, made when there is none.
pub(super) async fn find_by_visitor(
    State(app): State<App>,
    _: ServiceCaller,
    Json(find): Json<FindByVisitor>,
) -> Result<Json<Contact>> {
    let mut transaction = app.pool.begin().await?;
    let found =
        super::of_visitor(&app, &mut transaction, find.workspace_id, find.visitor_id).await?;
    app.outbox.commit(transaction).await?;
    Ok(Json(found.contact))
}
