//! The client of chat's internal listener.

use futures::Stream;
use http::{StatusCode, header};
use ids::{ChannelId, VisitorId, WorkspaceId};
use reqwest::{Body as HttpBody, Method};
use rest::{ClientError, Page, ServiceClient};
use tokio::{
    sync::mpsc::{self, Sender},
    time::timeout,
};
use tokio_stream::{StreamExt, wrappers::ReceiverStream};
use tokio_util::task::AbortOnDropHandle;

use crate::{
    Channel, Entry, Introduction, OpenChannel, Opened, ReplyCommit, ReplyHeader, ReplyLine,
    SetOwner, SetOwnerInternal,
};

/// A whole reply may take this long.
const REPLY_WITHIN: std::time::Duration = std::time::Duration::from_secs(300);
/// A chat that takes no line, or does not answer a commit, for so long is not there any more.
const LINE_WITHIN: std::time::Duration = std::time::Duration::from_secs(10);
/// Lines that may wait for the network before the model has to.
const LINES: usize = 256;

/// Calls chat. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ChatClient(ServiceClient);

impl ChatClient {
    /// A client over `service`, which must point at chat's internal listener.
    #[must_use]
    pub const fn new(service: ServiceClient) -> Self {
        Self(service)
    }

    /// Opens the channel `id`, or answers the one that has this id.
    ///
    /// # Errors
    /// When chat cannot be reached or refuses.
    pub async fn open(&self, id: ChannelId, channel: &OpenChannel) -> Result<Opened, ClientError> {
        let request = self
            .0
            .request(Method::PUT, &format!("/internal/channels/{id}"))?;
        self.0.json(request.json(channel)).await
    }

    /// The channel as it stands; none when the workspace has none with this id.
    ///
    /// # Errors
    /// When chat cannot be reached or refuses.
    pub async fn channel(
        &self,
        workspace: WorkspaceId,
        id: ChannelId,
    ) -> Result<Option<Channel>, ClientError> {
        let request = self
            .0
            .request(Method::GET, &format!("/internal/channels/{id}"))?;
        match self
            .0
            .json(request.query(&[("workspace_id", workspace)]))
            .await
        {
            Ok(channel) => Ok(Some(channel)),
            Err(error) if error.status() == Some(StatusCode::NOT_FOUND) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Who a visitor said they are; none when they said nothing.
    ///
    /// # Errors
    /// When chat cannot be reached or refuses.
    pub async fn introduction(
        &self,
        workspace: WorkspaceId,
        visitor: VisitorId,
    ) -> Result<Option<Introduction>, ClientError> {
        let path = format!("/internal/visitors/{visitor}/introduction");
        let request = self.0.request(Method::GET, &path)?;
        match self
            .0
            .json(request.query(&[("workspace_id", workspace)]))
            .await
        {
            Ok(introduction) => Ok(Some(introduction)),
            Err(error) if error.status() == Some(StatusCode::NOT_FOUND) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Entries of the log after `after_seq`, oldest first, 100 at most.
    ///
    /// # Errors
    /// When chat cannot be reached or refuses.
    pub async fn log(
        &self,
        workspace: WorkspaceId,
        id: ChannelId,
        after_seq: i64,
    ) -> Result<Page<Entry>, ClientError> {
        let request = self
            .0
            .request(Method::GET, &format!("/internal/channels/{id}/log"))?;
        let query = [
            ("workspace_id", workspace.to_string()),
            ("after_seq", after_seq.to_string()),
        ];
        self.0.json(request.query(&query)).await
    }

    /// Changes who answers.
    ///
    /// # Errors
    /// When chat cannot be reached or refuses; 409 when the owner has moved.
    pub async fn set_owner(
        &self,
        workspace: WorkspaceId,
        id: ChannelId,
        change: SetOwner,
    ) -> Result<Channel, ClientError> {
        let request = self
            .0
            .request(Method::POST, &format!("/internal/channels/{id}/owner"))?;
        self.0
            .json(request.json(&SetOwnerInternal {
                workspace_id: workspace,
                change,
            }))
            .await
    }

    /// Begins a streamed reply.
    ///
    /// # Errors
    /// When the request cannot be made.
    pub fn reply(&self, id: ChannelId, header: &ReplyHeader) -> Result<Reply, ClientError> {
        let (lines, received) = mpsc::channel::<Vec<u8>>(LINES);
        let first = line(header);
        let stream = tokio_stream::once(first).chain(ReceiverStream::new(received));
        let body = HttpBody::wrap_stream(fallible(stream));
        let request = self
            .0
            .request(Method::POST, &format!("/internal/channels/{id}/replies"))?
            .header(header::CONTENT_TYPE, "application/x-ndjson")
            .timeout(REPLY_WITHIN)
            .body(body);
        let client = self.0.clone();
        let answer = tokio::spawn(async move { client.json::<Entry>(request).await });
        let answer = AbortOnDropHandle::new(answer);
        Ok(Reply { lines, answer })
    }
}

fn fallible(
    lines: impl Stream<Item = Vec<u8>>,
) -> impl Stream<Item = Result<Vec<u8>, std::io::Error>> {
    lines.map(Ok)
}

fn line<T: serde::Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = serde_json::to_vec(value).expect("lines are structs of strings and numbers");
    bytes.push(b'\n');
    bytes
}

/// A reply under way. Dropping it aborts the reply.
#[derive(Debug)]
pub struct Reply {
    lines: Sender<Vec<u8>>,
    answer: AbortOnDropHandle<Result<Entry, ClientError>>,
}

/// A reply that was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ReplyError {
    /// Chat refused it or cannot be reached.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The task that sends it was stopped, or chat hangs.
    #[error("the reply was stopped")]
    Stopped,
}

impl Reply {
    /// Sends a piece of the text.
    ///
    /// # Errors
    /// When chat has answered already, which before the commit is a refusal.
    pub async fn delta(&mut self, offset: u64, delta: String) -> Result<(), ReplyError> {
        let piece = line(&ReplyLine::Delta { offset, delta });
        let sent = timeout(LINE_WITHIN, self.lines.send(piece))
            .await
            .map_err(|_| ReplyError::Stopped)?;
        if sent.is_ok() && !self.answer.is_finished() {
            return Ok(());
        }
        match (&mut self.answer).await {
            Ok(Ok(_)) | Err(_) => Err(ReplyError::Stopped),
            Ok(Err(error)) => Err(error.into()),
        }
    }

    /// Ends the reply with what is kept, and answers the entry.
    ///
    /// # Errors
    /// When chat refuses it or cannot be reached; then nobody knows whether it was kept, and the same
    /// turn may be sent again.
    pub async fn commit(self, commit: ReplyCommit) -> Result<Entry, ReplyError> {
        let Self { lines, answer } = self;
        let answered = timeout(LINE_WITHIN, async {
            // A closed channel means that chat has answered; the answer says what.
            let _ = lines.send(line(&ReplyLine::Commit { commit })).await;
            drop(lines);
            answer.await
        });
        match answered.await {
            Ok(Ok(result)) => Ok(result?),
            Ok(Err(_)) | Err(_) => Err(ReplyError::Stopped),
        }
    }
}
