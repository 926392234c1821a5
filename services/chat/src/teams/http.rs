//! Teams over HTTP.

use axum::{extract::State, http::StatusCode, response::Response};
use chat_api::{CreateTeam, PatchTeam, Team};
use common::{
    problem::{Document, Result},
    tokens::{Caller, Permission},
};
use ids::{TeamId, UserId};
use rest::{Check, Cursor, IdempotencyKey, IfMatch, Json, Limit, Page, Path, Query, Tagged};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    Error, MAX_MEMBERS,
    list::{self, PageOf, Position, Sort},
    store::{self, FIRST_VERSION, Versioned},
};
use crate::app::App;

/// Which teams, in which order.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListTeams {
    /// Part of the name, in upper or lower case.
    #[param(min_length = 1, max_length = 100)]
    q: Option<String>,
    /// Those with this member.
    member_id: Option<UserId>,
    /// The order; by name by default.
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

impl ListTeams {
    fn page(self) -> Result<PageOf> {
        let mut check = Check::default();
        if let Some(text) = &self.q {
            check.line("q", text, 1..=100);
        }
        check.parameters()?;
        let after = self
            .cursor
            .map(|cursor| Position::read(&cursor, self.sort))
            .transpose()?;
        Ok(PageOf {
            text: self.q,
            member: self.member_id,
            sort: self.sort,
            after,
            limit: self.limit,
        })
    }
}

/// List teams
#[utoipa::path(
    get, path = "/teams", operation_id = "list_teams", tag = "teams",
    security(("bearer" = ["conversations:read"])),
    params(ListTeams),
    responses((status = 200, description = "a page of teams", body = Page<Team>)),
)]
pub(super) async fn list_teams(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<ListTeams>,
) -> Result<Json<Page<Team>>> {
    caller.require(Permission::ConversationsRead)?;
    let (sort, limit) = (query.sort, query.limit);
    let rows = list::fetch(&app.pool, caller.workspace_id, query.page()?).await?;
    let page = Page::cut(rows, limit, |row| Position::of(row, sort));
    Ok(Json(page.map(|row| Versioned::from(row).team)))
}

/// Create a team
#[utoipa::path(
    post, path = "/teams", operation_id = "create_team", tag = "teams",
    security(("bearer" = ["chat_settings:write"])),
    params(("Idempotency-Key" = Option<String>, Header, max_length = 255,
            description = "repeating the request with the same key has no second effect, for 24 hours")),
    request_body = CreateTeam,
    responses(
        (status = 201, description = "the team", body = Team, headers(
            ("ETag" = String, description = "its version"),
            ("Location" = String, description = "where it is"),
            ("Idempotent-Replayed" = Option<String>, description = "`true` when it was created by an earlier request"),
        )),
        (status = 409, description = "another team has this name, or the first request with this key is still running",
         body = Document, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn create_team(
    State(app): State<App>,
    caller: Caller,
    key: IdempotencyKey,
    Json(body): Json<CreateTeam>,
) -> Result<Response> {
    caller.require(Permission::ChatSettingsWrite)?;
    let workspace = caller.workspace_id;
    let mut transaction = app.pool.begin().await?;
    let whose = (workspace, caller.user_id.as_uuid());
    let attempt = match app
        .idempotency
        .begin(&mut transaction, whose, "POST /teams", (key, &body))
        .await
    {
        Ok(attempt) => attempt,
        Err(answered) => return Ok(answered),
    };
    let now = app.clock.now();
    let team = Team {
        id: TeamId::new(),
        name: body.name.trim().to_owned(),
        members: Vec::new(),
        created_at: now,
        updated_at: now,
    };
    store::insert(&mut transaction, workspace, &team)
        .await
        .map_err(Error::from)?;
    let answer = (&team, Some(FIRST_VERSION));
    let response = attempt
        .finish(&mut transaction, StatusCode::CREATED, answer)
        .await?;
    transaction.commit().await?;
    Ok(response)
}

/// Get a team
#[utoipa::path(
    get, path = "/teams/{id}", operation_id = "get_team", tag = "teams",
    security(("bearer" = ["conversations:read"])),
    params(("id" = TeamId, Path, description = "the team")),
    responses((status = 200, description = "the team", body = Team,
               headers(("ETag" = String, description = "its version")))),
)]
pub(super) async fn get_team(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<TeamId>,
) -> Result<Tagged<Team>> {
    caller.require(Permission::ConversationsRead)?;
    let found = store::find(&app.pool, caller.workspace_id, id)
        .await?
        .ok_or(Error::NotFound)?;
    Ok(Tagged::new(found.team, found.version))
}

/// Change a team
///
/// A JSON merge patch (RFC 7396): what is absent stays.
#[utoipa::path(
    patch, path = "/teams/{id}", operation_id = "update_team", tag = "teams",
    security(("bearer" = ["chat_settings:write"])),
    params(
        ("id" = TeamId, Path, description = "the team"),
        ("If-Match" = Option<String>, Header, description = "change it only if this is still its ETag"),
    ),
    request_body(content(
        (PatchTeam = "application/merge-patch+json"),
        (PatchTeam = "application/json"),
    )),
    responses(
        (status = 200, description = "the team after the change", body = Team,
         headers(("ETag" = String, description = "its version"))),
        (status = 409, description = "another team has this name",
         body = Document, content_type = "application/problem+json"),
        (status = 412, description = "it has changed since you read it",
         body = Document, content_type = "application/problem+json",
         headers(("ETag" = String, description = "its version now"))),
    ),
)]
pub(super) async fn update_team(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<TeamId>,
    if_match: IfMatch,
    Json(patch): Json<PatchTeam>,
) -> Result<Tagged<Team>> {
    caller.require(Permission::ChatSettingsWrite)?;
    let change = |team: &mut Team| {
        if let Some(name) = patch.name.value() {
            name.trim().clone_into(&mut team.name);
        }
    };
    let changed = changed(&app, &caller, (id, if_match), change).await?;
    Ok(Tagged::new(changed.team, changed.version))
}

/// Changes a team in a transaction of its own; what changes nothing leaves the version as it is.
async fn changed(
    app: &App,
    caller: &Caller,
    (id, if_match): (TeamId, IfMatch),
    change: impl FnOnce(&mut Team),
) -> Result<Versioned, Error> {
    let workspace = caller.workspace_id;
    let mut transaction = app.pool.begin().await?;
    let current = store::lock(&mut transaction, workspace, id)
        .await?
        .ok_or(Error::NotFound)?;
    if_match.check(current.version).map_err(Error::Stale)?;
    let mut team = current.team.clone();
    change(&mut team);
    if team == current.team {
        return Ok(current);
    }
    team.updated_at = app.clock.now();
    let updated = Versioned {
        team,
        version: current.version + 1,
    };
    store::update(&mut transaction, workspace, &updated).await?;
    transaction.commit().await?;
    Ok(updated)
}

/// Delete a team
///
/// Its open conversations are nobody's in particular afterwards; that takes a moment.
#[utoipa::path(
    delete, path = "/teams/{id}", operation_id = "delete_team", tag = "teams",
    security(("bearer" = ["chat_settings:write"])),
    params(
        ("id" = TeamId, Path, description = "the team"),
        ("If-Match" = Option<String>, Header, description = "delete it only if this is still its ETag"),
    ),
    responses(
        (status = 204, description = "deleted"),
        (status = 412, description = "it has changed since you read it",
         body = Document, content_type = "application/problem+json",
         headers(("ETag" = String, description = "its version now"))),
    ),
)]
pub(super) async fn delete_team(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<TeamId>,
    if_match: IfMatch,
) -> Result<StatusCode> {
    caller.require(Permission::ChatSettingsWrite)?;
    let mut transaction = app.pool.begin().await?;
    let current = store::lock(&mut transaction, caller.workspace_id, id)
        .await?
        .ok_or(Error::NotFound)?;
    if_match.check(current.version)?;
    let now = app.clock.now();
    store::hide(&mut transaction, caller.workspace_id, id, now).await?;
    transaction.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Add a member
///
/// Somebody who is a member already stays one.
#[utoipa::path(
    put, path = "/teams/{id}/members/{user_id}", operation_id = "add_team_member", tag = "teams",
    security(("bearer" = ["chat_settings:write"])),
    params(
        ("id" = TeamId, Path, description = "the team"),
        ("user_id" = UserId, Path, description = "a person of the workspace"),
    ),
    responses(
        (status = 200, description = "the team with them", body = Team,
         headers(("ETag" = String, description = "its version"))),
        (status = 409, description = "the team is full",
         body = Document, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn add_team_member(
    State(app): State<App>,
    caller: Caller,
    Path(member): Path<(TeamId, UserId)>,
) -> Result<Tagged<Team>> {
    let changed = set_member(&app, &caller, member, true).await?;
    Ok(Tagged::new(changed.team, changed.version))
}

/// Remove a member
///
/// Somebody who is no member stays none. What they take care of stays theirs.
#[utoipa::path(
    delete, path = "/teams/{id}/members/{user_id}", operation_id = "remove_team_member", tag = "teams",
    security(("bearer" = ["chat_settings:write"])),
    params(
        ("id" = TeamId, Path, description = "the team"),
        ("user_id" = UserId, Path, description = "a person of the workspace"),
    ),
    responses((status = 200, description = "the team without them", body = Team,
               headers(("ETag" = String, description = "its version")))),
)]
pub(super) async fn remove_team_member(
    State(app): State<App>,
    caller: Caller,
    Path(member): Path<(TeamId, UserId)>,
) -> Result<Tagged<Team>> {
    let changed = set_member(&app, &caller, member, false).await?;
    Ok(Tagged::new(changed.team, changed.version))
}

async fn set_member(
    app: &App,
    caller: &Caller,
    (id, user): (TeamId, UserId),
    member: bool,
) -> Result<Versioned> {
    caller.require(Permission::ChatSettingsWrite)?;
    let workspace = caller.workspace_id;
    let mut transaction = app.pool.begin().await?;
    let mut current = store::lock(&mut transaction, workspace, id)
        .await?
        .ok_or(Error::NotFound)?;
    let moved = if member {
        if current.team.members.len() >= MAX_MEMBERS && !current.team.members.contains(&user) {
            return Err(Error::Full.into());
        }
        store::add_member(&mut transaction, workspace, (id, user)).await?
    } else {
        store::remove_member(&mut transaction, workspace, (id, user)).await?
    };
    if !moved {
        return Ok(current);
    }
    current.team.members.retain(|other| *other != user);
    if member {
        current.team.members.push(user);
        current.team.members.sort();
    }
    current.team.updated_at = app.clock.now();
    current.version += 1;
    store::update(&mut transaction, workspace, &current).await?;
    transaction.commit().await?;
    Ok(current)
}
