//! Canned replies over HTTP.

use axum::{extract::State, http::StatusCode, response::Response};
use chat_api::{CannedReply, CreateCannedReply, PatchCannedReply};
use common::{
    problem::{Document, Result},
    tokens::{Caller, Permission},
};
use ids::CannedReplyId;
use rest::{Check, Cursor, IdempotencyKey, IfMatch, Json, Limit, Page, Path, Query, Tagged};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    Error,
    list::{self, PageOf, Position, Sort, Whose},
    model::{self, FIRST_VERSION, Versioned},
    store,
};
use crate::app::App;

/// Which replies, in which order.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListCannedReplies {
    /// Part of the shortcut, the title or the text, in upper or lower case.
    #[param(min_length = 1, max_length = 200)]
    q: Option<String>,
    /// Whose; all that the caller sees by default.
    #[serde(default)]
    #[param(inline, value_type = Option<Whose>)]
    scope: Whose,
    /// The order; by shortcut by default.
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

impl ListCannedReplies {
    fn page(self) -> Result<PageOf> {
        let mut check = Check::default();
        if let Some(text) = &self.q {
            check.line("q", text, 1..=200);
        }
        check.parameters()?;
        let after = self
            .cursor
            .map(|cursor| Position::read(&cursor, self.sort))
            .transpose()?;
        Ok(PageOf {
            text: self.q,
            whose: self.scope,
            sort: self.sort,
            after,
            limit: self.limit,
        })
    }
}

/// List canned replies
///
/// The shared ones and the caller's own.
#[utoipa::path(
    get, path = "/canned-replies", operation_id = "list_canned_replies", tag = "canned replies",
    security(("bearer" = ["conversations:read"])),
    params(ListCannedReplies),
    responses((status = 200, description = "a page of canned replies", body = Page<CannedReply>)),
)]
pub(super) async fn list_canned_replies(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<ListCannedReplies>,
) -> Result<Json<Page<CannedReply>>> {
    caller.require(Permission::ConversationsRead)?;
    let (sort, limit) = (query.sort, query.limit);
    let whose = (caller.workspace_id, caller.user_id);
    let rows = list::fetch(&app.pool, whose, query.page()?).await?;
    let page = Page::cut(rows, limit, |row| Position::of(row, sort));
    Ok(Json(page.map(|row| Versioned::from(row).reply)))
}

/// Create a canned reply
///
/// A shared one needs `chat_settings:write`.
#[utoipa::path(
    post, path = "/canned-replies", operation_id = "create_canned_reply", tag = "canned replies",
    security(("bearer" = ["conversations:write"])),
    params(("Idempotency-Key" = Option<String>, Header, max_length = 255,
            description = "repeating the request with the same key has no second effect, for 24 hours")),
    request_body = CreateCannedReply,
    responses(
        (status = 201, description = "the canned reply", body = CannedReply, headers(
            ("ETag" = String, description = "its version"),
            ("Location" = String, description = "where it is"),
            ("Idempotent-Replayed" = Option<String>, description = "`true` when it was created by an earlier request"),
        )),
        (status = 409, description = "another one has the shortcut, or the first request with this key is still running",
         body = Document, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn create_canned_reply(
    State(app): State<App>,
    caller: Caller,
    key: IdempotencyKey,
    Json(body): Json<CreateCannedReply>,
) -> Result<Response> {
    model::may_change(&caller, body.shared)?;
    let workspace = caller.workspace_id;
    let mut transaction = app.pool.begin().await?;
    let whose = (workspace, caller.user_id.as_uuid());
    let attempt = match app
        .idempotency
        .begin(
            &mut transaction,
            whose,
            "POST /canned-replies",
            (key, &body),
        )
        .await
    {
        Ok(attempt) => attempt,
        Err(answered) => return Ok(answered),
    };
    let reply = model::created(body, caller.user_id, app.clock.now());
    store::insert(&mut transaction, workspace, &reply)
        .await
        .map_err(Error::from)?;
    let answer = (&reply, Some(FIRST_VERSION));
    let response = attempt
        .finish(&mut transaction, StatusCode::CREATED, answer)
        .await?;
    transaction.commit().await?;
    Ok(response)
}

/// Get a canned reply
#[utoipa::path(
    get, path = "/canned-replies/{id}", operation_id = "get_canned_reply", tag = "canned replies",
    security(("bearer" = ["conversations:read"])),
    params(("id" = CannedReplyId, Path, description = "the canned reply")),
    responses((status = 200, description = "the canned reply", body = CannedReply,
               headers(("ETag" = String, description = "its version")))),
)]
pub(super) async fn get_canned_reply(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<CannedReplyId>,
) -> Result<Tagged<CannedReply>> {
    caller.require(Permission::ConversationsRead)?;
    let found = store::find(&app.pool, (caller.workspace_id, caller.user_id), id)
        .await?
        .ok_or(Error::NotFound)?;
    Ok(Tagged::new(found.reply, found.version))
}

/// Change a canned reply
///
/// A JSON merge patch (RFC 7396): what is absent stays. A shared one needs `chat_settings:write`.
#[utoipa::path(
    patch, path = "/canned-replies/{id}", operation_id = "update_canned_reply", tag = "canned replies",
    security(("bearer" = ["conversations:write"])),
    params(
        ("id" = CannedReplyId, Path, description = "the canned reply"),
        ("If-Match" = Option<String>, Header, description = "change it only if this is still its ETag"),
    ),
    request_body(content(
        (PatchCannedReply = "application/merge-patch+json"),
        (PatchCannedReply = "application/json"),
    )),
    responses(
        (status = 200, description = "the canned reply after the change", body = CannedReply,
         headers(("ETag" = String, description = "its version"))),
        (status = 409, description = "another one has the shortcut",
         body = Document, content_type = "application/problem+json"),
        (status = 412, description = "it has changed since you read it",
         body = Document, content_type = "application/problem+json",
         headers(("ETag" = String, description = "its version now"))),
    ),
)]
pub(super) async fn update_canned_reply(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<CannedReplyId>,
    if_match: IfMatch,
    Json(patch): Json<PatchCannedReply>,
) -> Result<Tagged<CannedReply>> {
    caller.require(Permission::ConversationsRead)?;
    let workspace = caller.workspace_id;
    let mut transaction = app.pool.begin().await?;
    let current = store::lock(&mut transaction, (workspace, caller.user_id), id)
        .await?
        .ok_or(Error::NotFound)?;
    model::may_change(&caller, current.reply.shared)?;
    if_match.check(current.version)?;
    let mut reply = model::patched(&current.reply, patch);
    if reply == current.reply {
        return Ok(Tagged::new(current.reply, current.version));
    }
    reply.updated_at = app.clock.now();
    let updated = Versioned {
        reply,
        version: current.version + 1,
    };
    store::update(&mut transaction, workspace, &updated)
        .await
        .map_err(Error::from)?;
    transaction.commit().await?;
    Ok(Tagged::new(updated.reply, updated.version))
}

/// Delete a canned reply
///
/// A shared one needs `chat_settings:write`.
#[utoipa::path(
    delete, path = "/canned-replies/{id}", operation_id = "delete_canned_reply", tag = "canned replies",
    security(("bearer" = ["conversations:write"])),
    params(
        ("id" = CannedReplyId, Path, description = "the canned reply"),
        ("If-Match" = Option<String>, Header, description = "delete it only if this is still its ETag"),
    ),
    responses(
        (status = 204, description = "deleted"),
        (status = 412, description = "it has changed since you read it",
         body = Document, content_type = "application/problem+json",
         headers(("ETag" = String, description = "its version now"))),
    ),
)]
pub(super) async fn delete_canned_reply(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<CannedReplyId>,
    if_match: IfMatch,
) -> Result<StatusCode> {
    caller.require(Permission::ConversationsRead)?;
    let workspace = caller.workspace_id;
    let mut transaction = app.pool.begin().await?;
    let current = store::lock(&mut transaction, (workspace, caller.user_id), id)
        .await?
        .ok_or(Error::NotFound)?;
    model::may_change(&caller, current.reply.shared)?;
    if_match.check(current.version)?;
    store::delete(&mut transaction, workspace, id).await?;
    transaction.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
