//! What people of the company arrange about a channel: who takes care of it, labels, priority, sleep, and
//! who takes part.

use axum::{extract::State, http::StatusCode};
use chat_api::{Channel, PatchChannel, Priority};
use chrono::{DateTime, Duration, Utc};
use common::{ErrorCode, Problem, problem::FieldError, tokens::Participant};
use ids::{ChannelId, UserId};
use rest::{Field, IfMatch, Json, Path, Tagged, Timestamp};

use super::shown;
use crate::{
    access::{self, Standing},
    app::App,
    log::{Act, Actor, Place},
    teams,
};

/// People who take part in one channel.
const MAX_PARTICIPANTS: usize = 50;
/// Nothing sleeps longer.
const LONGEST_SLEEP: Duration = Duration::days(366);

/// Changes what people of the company arrange about a channel.
///
/// Who takes care of it, its labels, how much it presses, and until when it sleeps. Each of them that
/// changes is an entry of the log; the visitor sees only who takes care of it. A closed channel takes
/// labels alone.
#[utoipa::path(
    patch, path = "/channels/{id}", operation_id = "update_channel", tag = "channels",
    security(("bearer" = ["conversations:write"])),
    params(
        ("id" = ChannelId, Path, description = "the channel"),
        ("If-Match" = Option<String>, Header, description = "the `ETag` of the state that is changed"),
    ),
    request_body = PatchChannel,
    responses(
        (status = 200, description = "the channel as it stands after it", body = Channel,
            headers(("ETag" = String, description = "the `seq` of its last entry"))),
        (status = 404, description = "no such channel for the caller", body = common::problem::Document,
            content_type = "application/problem+json"),
        (status = 409, description = "the conversation has ended", body = common::problem::Document,
            content_type = "application/problem+json"),
        (status = 412, description = "something was written in it meanwhile",
            body = common::problem::Document, content_type = "application/problem+json"),
    )
)]
pub(super) async fn update(
    State(app): State<App>,
    who: Participant,
    Path(id): Path<ChannelId>,
    if_match: IfMatch,
    Json(patch): Json<PatchChannel>,
) -> Result<Tagged<Channel>, Problem> {
    let (place, standing, actor) = colleague(&app, &who, id).await?;
    let mut head = app.log.head(place).await?;
    if_match.check(head.seq)?;
    // Until something of it stands, nothing else may come between.
    let mut seen = if_match.names_versions().then_some(head.seq);
    for act in acts(&app, place, patch).await? {
        let acted = app.log.act_on(place, actor, act, seen).await?;
        seen = seen.filter(|_| acted.entry.is_none());
        head = acted.head;
    }
    let version = head.seq;
    Ok(Tagged::new(shown(place, &head, standing), version))
}

/// What a patch asks for, those first that a closed channel refuses.
async fn acts(app: &App, place: Place, patch: PatchChannel) -> Result<Vec<Act>, Problem> {
    let PatchChannel {
        assignee_id: user_id,
        team_id,
        labels,
        priority,
        snoozed_until,
    } = patch;
    let mut acts = Vec::new();
    if let Some(team) = team_id.value()
        && !teams::exists(app, place.workspace, *team).await?
    {
        return Err(wrong("/team_id", "there is no such team"));
    }
    if (&user_id, &team_id) != (&Field::Absent, &Field::Absent) {
        acts.push(Act::Assign { user_id, team_id });
    }
    match priority {
        Field::Absent => {}
        Field::Null => acts.push(Act::Prioritise(Priority::default())),
        Field::Value(priority) => acts.push(Act::Prioritise(priority)),
    }
    match snoozed_until {
        Field::Absent => {}
        Field::Null => acts.push(Act::Snooze(None)),
        Field::Value(until) => acts.push(Act::Snooze(Some(sleep(until, app.clock.now())?))),
    }
    match labels {
        Field::Absent => {}
        Field::Null => acts.push(Act::Label(Vec::new())),
        Field::Value(labels) => acts.push(Act::Label(labels)),
    }
    Ok(acts)
}

fn sleep(until: Timestamp, now: DateTime<Utc>) -> Result<DateTime<Utc>, Problem> {
    let until = until.time();
    if until <= now || until > now + LONGEST_SLEEP {
        return Err(wrong(
            "/snoozed_until",
            "must be later than now, and within a year",
        ));
    }
    Ok(until)
}

fn wrong(pointer: &'static str, detail: &'static str) -> Problem {
    Problem::new(ErrorCode::ValidationFailed)
        .detail("correct the fields under `errors`; nothing was saved")
        .field(FieldError::at(pointer, detail))
}

/// Adds somebody of the company who takes part.
///
/// Repeating it changes nothing.
#[utoipa::path(
    put, path = "/channels/{id}/participants/{user_id}", operation_id = "add_participant",
    tag = "channels",
    security(("bearer" = ["conversations:write"])),
    params(
        ("id" = ChannelId, Path, description = "the channel"),
        ("user_id" = UserId, Path, description = "the person"),
    ),
    responses(
        (status = 200, description = "the channel as it stands after it", body = Channel,
            headers(("ETag" = String, description = "the `seq` of its last entry"))),
        (status = 404, description = "no such channel for the caller", body = common::problem::Document,
            content_type = "application/problem+json"),
        (status = 409, description = "the conversation has ended, or has too many who take part",
            body = common::problem::Document, content_type = "application/problem+json"),
    )
)]
pub(super) async fn add_participant(
    State(app): State<App>,
    who: Participant,
    Path((id, user)): Path<(ChannelId, UserId)>,
) -> Result<Tagged<Channel>, Problem> {
    let (place, standing, actor) = colleague(&app, &who, id).await?;
    let head = app.log.head(place).await?;
    if head.participants.len() >= MAX_PARTICIPANTS && !head.participants.contains(&user) {
        return Err(Problem::new(ErrorCode::Conflict)
            .detail(format!("{MAX_PARTICIPANTS} people take part at most")));
    }
    let head = app.log.act(place, actor, Act::Join(user), None).await?.head;
    let version = head.seq;
    Ok(Tagged::new(shown(place, &head, standing), version))
}

/// Takes somebody out who took part.
///
/// Repeating it changes nothing.
#[utoipa::path(
    delete, path = "/channels/{id}/participants/{user_id}", operation_id = "remove_participant",
    tag = "channels",
    security(("bearer" = ["conversations:write"])),
    params(
        ("id" = ChannelId, Path, description = "the channel"),
        ("user_id" = UserId, Path, description = "the person"),
    ),
    responses(
        (status = 204, description = "they take part no more"),
        (status = 404, description = "no such channel for the caller", body = common::problem::Document,
            content_type = "application/problem+json"),
        (status = 409, description = "the conversation has ended", body = common::problem::Document,
            content_type = "application/problem+json"),
    )
)]
pub(super) async fn remove_participant(
    State(app): State<App>,
    who: Participant,
    Path((id, user)): Path<(ChannelId, UserId)>,
) -> Result<StatusCode, Problem> {
    let (place, _, actor) = colleague(&app, &who, id).await?;
    app.log.act(place, actor, Act::Leave(user), None).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lets people of the company pass who may write in the channel.
pub(super) async fn colleague(
    app: &App,
    who: &Participant,
    id: ChannelId,
) -> Result<(Place, Standing, Actor), Problem> {
    let (place, standing) = access::enter(&app.log, who, id).await?;
    if standing.is_customer() {
        return Err(Problem::new(ErrorCode::Forbidden)
            .detail("this is for the people of the company who take care of the conversation"));
    }
    let actor = standing.writer(who)?;
    Ok((place, standing, actor))
}
