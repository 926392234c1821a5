//! Files over HTTP: sending one into a channel, and fetching one.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use chat_api::Attachment;
use common::{Problem, tokens::Participant};
use ids::{AttachmentId, ChannelId};
use object_store::ObjectStore;
use rest::{Check, Json, Path, Query};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    cipher::Part,
    download::{self, Given},
    error::{Error, MAX_WAITING},
    key_of, name, name_of, resolve, seal, shown, store, upload,
};
use crate::{access, app::App, log::Place, settings};

/// The routes. They have no deadline as a whole: an upload takes as long as its pieces come.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(create))
        .routes(routes!(get))
        .routes(routes!(thumbnail))
}

/// What a file is called, and by whom.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Upload {
    /// The name of the file. Folders and characters that could do harm are taken out of it.
    #[param(min_length = 1, max_length = 1_000)]
    name: String,
    /// Any string that is unique among the sender's uploads of the channel: a repeated upload is the
    /// same file.
    #[param(min_length = 1, max_length = 64)]
    client_id: String,
}

/// Uploads a file
///
/// The body is the file itself, of 20 MiB at most. What it is, is decided by its bytes; programs are not
/// taken. It waits for a day for the message that names it in `attachment_ids`; 10 may wait at a time.
#[utoipa::path(
    post, path = "/channels/{id}/attachments", operation_id = "create_attachment", tag = "attachments",
    security(("bearer" = ["conversations:write"])),
    params(("id" = ChannelId, Path, description = "the channel"), Upload),
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "the file"),
    responses(
        (status = 201, description = "the file", body = Attachment),
        (status = 200, description = "the file, which an earlier request brought", body = Attachment),
        (status = 404, description = "no such channel for the caller", body = common::problem::Document,
            content_type = "application/problem+json"),
        (status = 409, description = "it is being uploaded already, or too many files wait to be sent",
            body = common::problem::Document, content_type = "application/problem+json"),
        (status = 413, description = "it is too large", body = common::problem::Document,
            content_type = "application/problem+json"),
        (status = 415, description = "it is a program", body = common::problem::Document,
            content_type = "application/problem+json"),
    )
)]
async fn create(
    State(app): State<App>,
    who: Participant,
    Path(channel): Path<ChannelId>,
    Query(query): Query<Upload>,
    body: Body,
) -> Result<Response, Problem> {
    let (place, standing) = access::enter(&app.log, &who, channel).await?;
    let actor = standing.writer(&who)?;
    if let access::Standing::Customer(visitor) = standing {
        settings::may_write(&app, place, visitor).await?;
    }
    let mut check = Check::default();
    check.line("client_id", &query.client_id, 1..=64);
    if !(1..=1_000).contains(&query.name.chars().count()) {
        check.fault("name", "must have from 1 to 1000 characters");
    }
    check.parameters()?;
    let objects = store_of(&app)?;
    let begun = begin(&app, place, (&actor.key(), &query)).await?;
    let (id, key) = match begun {
        Begun::Before(attachment) => return Ok(Json(attachment).into_response()),
        Begun::Now(id, key) => (id, key),
    };
    let whole = (place.workspace, id);
    // It goes on to its end when the client hangs up, so that nothing half done is left.
    let task = app.lifecycle.spawn({
        let app = app.clone();
        async move { receive(&app, &objects, whole, (&key, body)).await }
    });
    let row = task.await.map_err(Problem::internal)??;
    let attachment = shown(&app, &row).await?;
    Ok((StatusCode::CREATED, Json(attachment)).into_response())
}

enum Begun {
    Now(AttachmentId, super::cipher::FileKey),
    Before(Attachment),
}

/// Notes the upload, or finds the one that was noted before.
async fn begin(
    app: &App,
    place: Place,
    (uploader, query): (&str, &Upload),
) -> Result<Begun, Error> {
    let id = AttachmentId::new();
    let (key, key_sealed, name_sealed) = seal(app, (place, id), &name::clean(&query.name)).await?;
    let now = app.clock.now();
    let named = (uploader, query.client_id.as_str());
    if let Some(row) = store::by_client(&app.pool, place, named).await? {
        if row.is_whole() {
            return Ok(Begun::Before(shown(app, &row).await?));
        }
        if now - row.touched_at < store::STALLED {
            return Err(Error::UnderWay);
        }
        // Its process ended, or its sender; what it left is cleared away.
        store::forget(&app.pool, (row.workspace_id, row.id), row.touched_at).await?;
    }
    let mut connection = app.pool.acquire().await?;
    if store::waiting(&mut connection, place.workspace, uploader).await? >= MAX_WAITING {
        return Err(Error::TooMany);
    }
    let new = store::New {
        id,
        uploader,
        client_id: &query.client_id,
        key: &key_sealed,
        name: &name_sealed,
    };
    if store::begin(&mut connection, place, new, now).await? {
        Ok(Begun::Now(id, key))
    } else {
        Err(Error::UnderWay)
    }
}

/// Takes the bytes and notes that they are all there. Leaves nothing when it fails.
async fn receive(
    app: &App,
    objects: &Arc<dyn ObjectStore>,
    id: (ids::WorkspaceId, AttachmentId),
    (key, body): (&super::cipher::FileKey, Body),
) -> Result<store::Row, Error> {
    let taken = match upload::take(app, objects, id, key, body).await {
        Ok(taken) => store::finish(&app.pool, id, taken.whole(), app.clock.now())
            .await
            .map_err(Error::from),
        Err(error) => Err(error),
    };
    match taken {
        Ok(true) => {}
        failed => {
            let cleared = upload::remove(objects, id).await;
            if cleared.is_ok() {
                store::forget(&app.pool, id, app.clock.now()).await?;
            }
            return Err(failed.err().unwrap_or(Error::EndedEarly));
        }
    }
    store::find(&app.pool, id.0, id.1)
        .await?
        .ok_or(Error::NotFound)
}

/// Gets a file
///
/// Pictures, sound, video, PDF and plain text may be shown in place; everything else is to be saved. A
/// single range of bytes may be asked for.
#[utoipa::path(
    get, path = "/attachments/{id}", operation_id = "get_attachment", tag = "attachments",
    security(("bearer" = ["conversations:read"])),
    params(
        ("id" = AttachmentId, Path, description = "the file"),
        ("Range" = Option<String>, Header, description = "a range of bytes"),
    ),
    responses(
        (status = 200, description = "the file", body = Vec<u8>, content_type = "*/*"),
        (status = 206, description = "the range of it", body = Vec<u8>, content_type = "*/*"),
        (status = 404, description = "no such file for the caller", body = common::problem::Document,
            content_type = "application/problem+json"),
    )
)]
async fn get(
    State(app): State<App>,
    who: Participant,
    Path(id): Path<AttachmentId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let row = enter(&app, &who, id).await?;
    let name = name_of(&app, &row).await?;
    let given = Given {
        id: (row.workspace_id, row.id),
        part: Part::File,
        name: &name,
        media_type: &row.media_type,
        size: u64::try_from(row.size).unwrap_or_default(),
    };
    give(&app, &row, given, &headers).await
}

/// Gets the small picture of a file
///
/// 320 pixels on its longer side, PNG.
#[utoipa::path(
    get, path = "/attachments/{id}/thumbnail", operation_id = "get_attachment_thumbnail", tag = "attachments",
    security(("bearer" = ["conversations:read"])),
    params(("id" = AttachmentId, Path, description = "the file")),
    responses(
        (status = 200, description = "the picture", body = Vec<u8>, content_type = "image/png"),
        (status = 404, description = "no such file for the caller, or it has no picture",
            body = common::problem::Document, content_type = "application/problem+json"),
    )
)]
async fn thumbnail(
    State(app): State<App>,
    who: Participant,
    Path(id): Path<AttachmentId>,
) -> Result<Response, Problem> {
    let row = enter(&app, &who, id).await?;
    let size = row.thumbnail_size.ok_or(Error::NotFound)?;
    let given = Given {
        id: (row.workspace_id, row.id),
        part: Part::Thumbnail,
        name: "thumbnail.png",
        media_type: "image/png",
        size: u64::try_from(size).unwrap_or_default(),
    };
    give(&app, &row, given, &HeaderMap::new()).await
}

async fn give(
    app: &App,
    row: &store::Row,
    given: Given<'_>,
    asked: &HeaderMap,
) -> Result<Response, Problem> {
    let objects = store_of(app)?;
    let key = key_of(app, row).await?;
    let response = download::answer(objects, &key, given, asked).await?;
    debug_assert!(response.headers().contains_key(header::CONTENT_TYPE));
    Ok(response)
}

/// The file, when `who` may see the message that has it; before that, its uploader alone.
async fn enter(app: &App, who: &Participant, id: AttachmentId) -> Result<store::Row, Problem> {
    let row = store::find(&app.pool, who.workspace_id(), id)
        .await
        .map_err(Error::from)?
        .filter(store::Row::is_whole)
        .ok_or(Error::NotFound)?;
    let place = row.place();
    let (_, standing) = access::enter(&app.log, who, place.channel).await?;
    let own = standing.actor().key() == row.uploader;
    let Some(seq) = resolve(app, &row).await? else {
        return if own {
            Ok(row)
        } else {
            Err(Error::NotFound.into())
        };
    };
    let message = app.log.entry(place, seq).await?;
    let colleague = matches!(standing, access::Standing::Colleague(_));
    if message.deleted || (message.private && !colleague) {
        return Err(Error::NotFound.into());
    }
    Ok(row)
}

fn store_of(app: &App) -> Result<Arc<dyn ObjectStore>, Error> {
    app.objects.clone().ok_or(Error::NoStore)
}
