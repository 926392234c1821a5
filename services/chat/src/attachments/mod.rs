//! Files of messages: uploaded into a channel first, then named by the message that takes them.
//!
//! The bytes lie in an object store, sealed chunk by chunk under a key of each file, which the vault
//! seals beside its name in PostgreSQL. A file that no message takes within a day is cleared away. Who
//! may see the message may fetch its files, and nobody else.

mod cipher;
mod download;
mod error;
mod http;
mod media;
mod name;
mod objects;
mod store;
mod sweep;
mod thumbnail;
mod upload;

use chat_api::Attachment;
use common::{Problem, telemetry::Personal};
use ids::AttachmentId;
use secrecy::ExposeSecret;
use vault::{Context, Scope, Sealed};

use self::error::Error;
use crate::{
    app::App,
    log::{Actor, ClientKey, Place},
};

pub use http::routes;
pub use objects::open;
pub use sweep::sweep_until;

/// Gives files to the message that `actor` is about to send under `client_id`, in the order named.
/// Repeated for the same message it answers the same.
///
/// # Errors
/// 422 with a pointer when one is not a file that the actor uploaded here and has not sent yet.
pub async fn claim(
    app: &App,
    place: Place,
    (actor, client_id): (Actor, &str),
    ids: &[AttachmentId],
) -> Result<Vec<Attachment>, Problem> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(take(app, place, (actor, client_id), ids).await?)
}

async fn take(
    app: &App,
    place: Place,
    (actor, client_id): (Actor, &str),
    ids: &[AttachmentId],
) -> Result<Vec<Attachment>, Error> {
    let now = app.clock.now();
    let uploader = actor.key();
    let mut transaction = app.pool.begin().await?;
    let rows = store::claim(&mut transaction, place, (&uploader, client_id), ids, now).await?;
    let mut taken = Vec::with_capacity(ids.len());
    for (index, id) in ids.iter().enumerate() {
        let row = rows.iter().find(|row| row.id == *id);
        let named_before = ids[..index].contains(id);
        let row = row
            .filter(|_| !named_before)
            .ok_or(Error::NotReady(index))?;
        taken.push(row);
    }
    let mut attachments = Vec::with_capacity(taken.len());
    for row in taken {
        attachments.push(shown(app, row).await?);
    }
    transaction.commit().await?;
    Ok(attachments)
}

/// Notes that the message at `seq` has these files. If this is lost, it is found out later.
pub async fn said(app: &App, place: Place, attachments: &[Attachment], seq: i64) {
    if attachments.is_empty() {
        return;
    }
    let ids: Vec<AttachmentId> = attachments.iter().map(|one| one.id).collect();
    if let Err(error) = store::settle(&app.pool, place.workspace, &ids, seq).await {
        tracing::debug!(%error, "the place of a message with files is noted later");
    }
}

/// Removes the files of a message that was taken back. They cannot be fetched any more in any case.
pub async fn taken_back(app: &App, place: Place, seq: i64) {
    if let Err(error) = remove_all(app, place, seq).await {
        tracing::warn!(%error, "files of a message that was taken back still lie in the store");
    }
}

async fn remove_all(app: &App, place: Place, seq: i64) -> Result<(), Error> {
    let ids = store::of_message(&app.pool, place, seq).await?;
    let (false, Some(objects)) = (ids.is_empty(), &app.objects) else {
        return Ok(());
    };
    let now = app.clock.now();
    for id in ids {
        upload::remove(objects, id).await?;
        store::forget(&app.pool, id, now).await?;
    }
    Ok(())
}

/// The place of the message that has taken a file; none when there is no such message.
async fn resolve(app: &App, row: &store::Row) -> Result<Option<i64>, Error> {
    if row.seq.is_some() {
        return Ok(row.seq);
    }
    let Some(message) = &row.message else {
        return Ok(None);
    };
    let key = ClientKey {
        sender: row.uploader.clone(),
        client_id: message.clone(),
    };
    let entry = app.log.by_client(row.place(), &key).await;
    let seq = entry.map_err(Error::Log)?.map(|entry| entry.seq);
    if let Some(seq) = seq {
        store::settle(&app.pool, row.workspace_id, &[row.id], seq).await?;
    }
    Ok(seq)
}

/// A file as messages have it.
async fn shown(app: &App, row: &store::Row) -> Result<Attachment, Error> {
    Ok(Attachment {
        id: row.id,
        name: Personal::new(name_of(app, row).await?),
        media_type: row.media_type.clone(),
        size: row.size,
        width: row.width,
        height: row.height,
        thumbnail: row.thumbnail_size.is_some(),
    })
}

async fn name_of(app: &App, row: &store::Row) -> Result<String, Error> {
    let scope = Scope::workspace(row.workspace_id);
    let name = app
        .vault
        .open_text(scope, &name_context(row.id), &row.name_sealed)
        .await?;
    Ok(name.expose_secret().to_owned())
}

async fn key_of(app: &App, row: &store::Row) -> Result<cipher::FileKey, Error> {
    let scope = Scope::workspace(row.workspace_id);
    let key = app
        .vault
        .open(scope, &key_context(row.id), &row.key_sealed)
        .await?;
    cipher::FileKey::read(key.expose_secret()).ok_or(Error::Vault(vault::VaultError::Tampered(
        "chat.attachments.key",
    )))
}

/// A new key and a name, sealed for the file `id`.
async fn seal(
    app: &App,
    (place, id): (Place, AttachmentId),
    name: &str,
) -> Result<(cipher::FileKey, Sealed, Sealed), Error> {
    let scope = Scope::workspace(place.workspace);
    let key = cipher::FileKey::random();
    let sealed = app
        .vault
        .seal(scope, &key_context(id), key.expose())
        .await?;
    let name = app
        .vault
        .seal(scope, &name_context(id), name.as_bytes())
        .await?;
    Ok((key, sealed, name))
}

const fn key_context(id: AttachmentId) -> Context {
    Context {
        field: "chat.attachments.key",
        row: id.as_uuid(),
    }
}

const fn name_context(id: AttachmentId) -> Context {
    Context {
        field: "chat.attachments.name",
        row: id.as_uuid(),
    }
}
