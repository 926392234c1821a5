//! Taking a file: piece by piece into the object store, sealed, and noted as whole at the end.

use std::{sync::Arc, time::Duration};

use axum::body::{Body, BodyDataStream};
use bytes::Bytes;
use futures::StreamExt;
use ids::{AttachmentId, WorkspaceId};
use object_store::{ObjectStore, ObjectStoreExt, PutPayload, WriteMultipart, path::Path};
use tokio::sync::Semaphore;

use super::{
    cipher::{CHUNK, Cipher, FileKey, Part},
    error::{Error, MAX_SIZE},
    media, store,
    store::Whole,
    thumbnail,
};
use crate::app::App;

/// A sender that is silent for longer is gone.
const SILENCE: Duration = Duration::from_secs(30);
/// The upload says that it lives each time so many bytes have come.
const TOUCH_EVERY: u64 = 1024 * 1024;
/// Parts of a file that are on their way to the store.
const PARTS: usize = 2;
/// Pictures that are unpacked at a time: each may take a quarter of a gigabyte.
static PICTURES: Semaphore = Semaphore::const_new(2);

/// Where the bytes of an attachment lie.
pub(super) fn path((workspace, id): (WorkspaceId, AttachmentId), part: Part) -> Path {
    let name = match part {
        Part::File => "file",
        Part::Thumbnail => "thumbnail",
    };
    Path::from(format!("{workspace}/{id}/{name}"))
}

/// What came of an upload.
#[derive(Debug)]
pub(super) struct Taken {
    media_type: &'static str,
    size: u64,
    width: Option<i32>,
    height: Option<i32>,
    thumbnail_size: Option<u64>,
}

impl Taken {
    /// As the store notes it.
    pub(super) fn whole(&self) -> Whole<'static> {
        let signed = |size: u64| i64::try_from(size).unwrap_or(i64::MAX);
        Whole {
            media_type: self.media_type,
            size: signed(self.size),
            width: self.width,
            height: self.height,
            thumbnail_size: self.thumbnail_size.map(signed),
        }
    }
}

/// Takes a body into the store. Nothing of it stays when it fails.
pub(super) async fn take(
    app: &App,
    objects: &Arc<dyn ObjectStore>,
    id: (WorkspaceId, AttachmentId),
    key: &FileKey,
    body: Body,
) -> Result<Taken, Error> {
    let upload = objects.put_multipart(&path(id, Part::File)).await?;
    let mut upload = WriteMultipart::new(upload);
    let mut file = File::new(app.clone(), id, key.cipher(Part::File));
    match file.read(body.into_data_stream(), &mut upload).await {
        Ok(media_type) => {
            upload.finish().await?;
            let mut taken = Taken {
                media_type,
                size: file.size,
                width: None,
                height: None,
                thumbnail_size: None,
            };
            if let Some(plain) = file.kept {
                picture(objects, id, key, plain, &mut taken).await?;
            }
            Ok(taken)
        }
        Err(error) => {
            if let Err(left) = upload.abort().await {
                tracing::debug!(error = %left, "an upload that failed could not be taken back");
            }
            Err(error)
        }
    }
}

/// A file on its way.
struct File {
    app: App,
    id: (WorkspaceId, AttachmentId),
    cipher: Cipher,
    /// Bytes that do not fill a chunk yet.
    rest: Vec<u8>,
    number: u32,
    size: u64,
    touched: u64,
    head: Vec<u8>,
    media_type: Option<&'static str>,
    /// All bytes of an image.
    kept: Option<Vec<u8>>,
}

impl File {
    fn new(app: App, id: (WorkspaceId, AttachmentId), cipher: Cipher) -> Self {
        Self {
            app,
            id,
            cipher,
            rest: Vec::with_capacity(CHUNK),
            number: 0,
            size: 0,
            touched: 0,
            head: Vec::new(),
            media_type: None,
            kept: None,
        }
    }

    /// Reads to the end; answers what the file is.
    async fn read(
        &mut self,
        mut pieces: BodyDataStream,
        upload: &mut WriteMultipart,
    ) -> Result<&'static str, Error> {
        loop {
            let piece = tokio::time::timeout(SILENCE, pieces.next()).await;
            match piece {
                Ok(Some(Ok(piece))) => self.piece(&piece, upload).await?,
                Ok(None) => break,
                Ok(Some(Err(error))) if is_too_large(&error) => return Err(Error::TooLarge),
                Ok(Some(Err(_))) | Err(_) => return Err(Error::EndedEarly),
            }
        }
        let media_type = match self.media_type {
            Some(media_type) => media_type,
            None => self.decide(true)?,
        };
        self.seal(true, upload).await?;
        Ok(media_type)
    }

    async fn piece(&mut self, piece: &Bytes, upload: &mut WriteMultipart) -> Result<(), Error> {
        self.size += piece.len() as u64;
        if self.size > MAX_SIZE {
            return Err(Error::TooLarge);
        }
        if self.media_type.is_none() {
            let wanted = media::HEAD.saturating_sub(self.head.len());
            self.head.extend(&piece[..piece.len().min(wanted)]);
            if self.head.len() == media::HEAD {
                self.decide(false)?;
            }
        }
        if let Some(kept) = &mut self.kept {
            kept.extend_from_slice(piece);
        }
        let mut piece = piece.as_ref();
        while !piece.is_empty() {
            // A chunk that is full waits until it is known whether another follows.
            if self.rest.len() == CHUNK {
                self.seal(false, upload).await?;
            }
            let (now, later) = piece.split_at(piece.len().min(CHUNK - self.rest.len()));
            self.rest.extend(now);
            piece = later;
        }
        if self.size - self.touched >= TOUCH_EVERY {
            self.touched = self.size;
            let now = self.app.clock.now();
            if !store::touch(&self.app.pool, self.id, now).await? {
                return Err(Error::EndedEarly);
            }
        }
        Ok(())
    }

    /// Decides what it is by its head.
    fn decide(&mut self, whole: bool) -> Result<&'static str, Error> {
        let media_type = media::of(&self.head, whole).map_err(|_| Error::Program)?;
        self.media_type = Some(media_type);
        if media::has_picture(media_type) {
            // What came before is less than a chunk, and none of it is sealed yet.
            self.kept = Some(self.rest.clone());
        }
        self.head = Vec::new();
        Ok(media_type)
    }

    async fn seal(&mut self, last: bool, upload: &mut WriteMultipart) -> Result<(), Error> {
        let mut chunk = std::mem::replace(&mut self.rest, Vec::with_capacity(CHUNK));
        self.cipher.seal(self.number, last, &mut chunk);
        self.number += 1;
        upload.wait_for_capacity(PARTS).await?;
        upload.put(chunk.into());
        Ok(())
    }
}

/// Makes the small picture. An image that cannot be unpacked is a file like any other.
async fn picture(
    objects: &Arc<dyn ObjectStore>,
    id: (WorkspaceId, AttachmentId),
    key: &FileKey,
    plain: Vec<u8>,
    taken: &mut Taken,
) -> Result<(), Error> {
    let turn = PICTURES.acquire().await.ok();
    let made = tokio::task::spawn_blocking(move || thumbnail::make(&plain)).await;
    drop(turn);
    let picture = match made {
        Ok(Ok(picture)) => picture,
        Ok(Err(error)) => {
            tracing::debug!(%error, "an image could not be unpacked");
            return Ok(());
        }
        Err(panic) => {
            tracing::warn!(error = %panic, "unpacking an image failed");
            return Ok(());
        }
    };
    let cipher = key.cipher(Part::Thumbnail);
    let mut sealed = Vec::with_capacity(picture.png.len() + 1024);
    let count = picture.png.len().div_ceil(CHUNK);
    for (number, chunk) in picture.png.chunks(CHUNK).enumerate() {
        let mut chunk = chunk.to_vec();
        let number32 = u32::try_from(number).unwrap_or(u32::MAX);
        cipher.seal(number32, number + 1 == count, &mut chunk);
        sealed.extend(chunk);
    }
    let at = path(id, Part::Thumbnail);
    objects.put(&at, PutPayload::from(sealed)).await?;
    taken.width = Some(picture.width);
    taken.height = Some(picture.height);
    taken.thumbnail_size = Some(picture.png.len() as u64);
    Ok(())
}

/// Removes what an attachment has in the store.
pub(super) async fn remove(
    objects: &Arc<dyn ObjectStore>,
    id: (WorkspaceId, AttachmentId),
) -> Result<(), object_store::Error> {
    for part in [Part::File, Part::Thumbnail] {
        match objects.delete(&path(id, part)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Whether a limit on the body ended it.
fn is_too_large(error: &axum::Error) -> bool {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        if error.is::<http_body_util::LengthLimitError>() {
            return true;
        }
        cause = error.source();
    }
    false
}
