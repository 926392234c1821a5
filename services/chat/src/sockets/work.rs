//! What the frames of one client do.

use std::{collections::HashMap, sync::Arc, time::Duration};

use chat_api::{
    NewMessage,
    socket::{ClientFrame, Resume, ServerFrame},
};
use common::{
    ErrorCode, Problem,
    tokens::{Participant, Permission},
};
use ids::ChannelId;
use rest::Check;
use serde_json::Value;
use tracing::Instrument;

use super::{Watch, expiry, follow::Follow, session::PING_EVERY};
use crate::{
    app::App,
    hub::{Close, Outbox, Watching, encode},
    messages, metrics,
};

/// Frames that are none, before the socket is closed.
const MALFORMED: u32 = 10;
/// One frame may take this long, the reading of a backlog aside.
const WITHIN: Duration = Duration::from_secs(5);

/// Too much that is no frame (RFC 6455 §7.4.1: policy violation).
const NONSENSE: Close = Close {
    code: 1008,
    reason: "too many malformed frames",
};

/// One client: who it is, and what it follows.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) app: App,
    pub(super) socket: u64,
    pub(super) outbox: Arc<Outbox>,
    watch: Watch,
    pub(super) who: Participant,
    traceparent: Option<String>,
    greeted: bool,
    malformed: u32,
    pub(super) follows: HashMap<ChannelId, Follow>,
    /// The inbox is sent as long as this lives.
    pub(super) inbox: Option<Watching>,
}

/// A frame that could not be accepted, and what it was about.
#[derive(Default)]
pub(super) struct About {
    pub(super) channel: Option<ChannelId>,
    pub(super) client_id: Option<String>,
}

impl Work {
    pub(super) fn new(
        app: App,
        outbox: Arc<Outbox>,
        who: Participant,
        traceparent: Option<String>,
    ) -> Self {
        let socket = app.hub.next_socket();
        let watch = app.sockets.add(socket, outbox.clone(), &who);
        let follows = HashMap::new();
        Self {
            app,
            socket,
            outbox,
            watch,
            who,
            traceparent,
            greeted: false,
            malformed: 0,
            follows,
            inbox: None,
        }
    }

    /// Takes one frame.
    pub(super) async fn frame(&mut self, text: &str) {
        let frame = match serde_json::from_str::<ClientFrame>(text) {
            Ok(frame) => frame,
            Err(error) => return self.malformed(text, &error),
        };
        metrics::FRAMES.with_label_values(&[kind(&frame)]).inc();
        let hello = matches!(frame, ClientFrame::Hello { .. });
        if hello == self.greeted {
            let detail = if hello {
                "hello was said already"
            } else {
                "say hello first"
            };
            self.nonsense(
                Problem::new(ErrorCode::ValidationFailed).detail(detail),
                About::default(),
            );
            return;
        }
        match frame {
            ClientFrame::Hello { resume } => self.hello(resume).await,
            ClientFrame::Subscribe { channel, after_seq } => {
                self.subscribe(Resume { channel, after_seq }).await;
            }
            ClientFrame::Send {
                channel,
                client_id,
                kind,
                body,
            } => {
                let message = NewMessage {
                    client_id,
                    kind,
                    body,
                };
                // Each message is a trace of its own: a socket may live for hours.
                let span = tracing::info_span!(
                    parent: None, "chat.socket.send", otel.kind = "server", channel = %channel
                );
                if let Some(traceparent) = &self.traceparent {
                    common::telemetry::link_to_traceparent(&span, traceparent);
                }
                self.send(channel, message).instrument(span).await;
            }
            ClientFrame::Typing { channel, on } => self.typing(channel, on),
            ClientFrame::Read { channel, seq } => self.read(channel, seq),
            ClientFrame::Viewing { channel, on } => self.viewing(channel, on),
            ClientFrame::Watch { on } => self.watch_inbox(on),
            ClientFrame::Auth { token } => self.auth(&token).await,
        }
    }

    /// Takes what is no frame because it is binary.
    pub(super) fn not_text(&mut self) {
        metrics::FRAMES.with_label_values(&["malformed"]).inc();
        self.nonsense(
            Problem::new(ErrorCode::InvalidJson).detail("frames are text"),
            About::default(),
        );
    }

    async fn hello(&mut self, resume: Vec<Resume>) {
        self.greeted = true;
        self.push(&ServerFrame::Ready {
            heartbeat_seconds: PING_EVERY.as_secs(),
        });
        for resume in resume {
            self.subscribe(resume).await;
        }
    }

    async fn send(&mut self, channel: ChannelId, message: NewMessage) {
        let client_id = message.client_id.clone();
        let result = within(async {
            Check::run(&message)?;
            messages::send(&self.app, &self.who, channel, message).await
        });
        match result.await {
            Ok((entry, _)) => self.push(&ServerFrame::Ack {
                channel,
                client_id,
                seq: entry.seq,
            }),
            Err(problem) => {
                self.refuse(
                    &problem,
                    About {
                        channel: Some(channel),
                        client_id: Some(client_id),
                    },
                );
            }
        }
    }

    async fn auth(&mut self, token: &str) {
        let renewed = within(async {
            let who: Participant = self.app.tokens.verify(token).await?.into();
            self.app.revocations.check(who.session_id())?;
            if !same(&self.who, &who) {
                return Err(Problem::new(ErrorCode::Forbidden)
                    .detail("the token is of somebody else; open another socket for them"));
            }
            Ok(who)
        });
        match renewed.await {
            Ok(who) => {
                self.watch.renewed(&who);
                let expires_at = expiry(&who);
                if let Participant::Person(caller) = &who
                    && !caller.may(Permission::ConversationsRead)
                {
                    self.follows
                        .retain(|_, follow| follow.standing.is_customer());
                    self.inbox = None;
                }
                self.who = who;
                self.push(&ServerFrame::Authenticated { expires_at });
            }
            Err(problem) => self.refuse(&problem, About::default()),
        }
    }

    pub(super) fn push(&self, frame: &ServerFrame) {
        self.outbox.push(&encode(frame));
    }

    /// Says why a frame was not accepted.
    pub(super) fn refuse(&self, problem: &Problem, about: About) {
        let document = problem.document();
        if problem.code().status().is_server_error() {
            tracing::error!(?problem, "a frame failed");
        }
        let fields = document.errors.iter().map(|error| {
            let pointer = error.pointer.as_deref().unwrap_or_default();
            format!("{pointer} {}", error.detail)
                .trim_start()
                .to_owned()
        });
        let fields: Vec<String> = fields.collect();
        let detail = match document.detail {
            _ if !fields.is_empty() => fields.join("; "),
            Some(detail) => detail,
            None => document.title,
        };
        let About { channel, client_id } = about;
        self.push(&ServerFrame::Error {
            code: problem.code(),
            detail,
            channel,
            client_id,
        });
    }

    /// Says what is wrong with a frame that is none, and ends the socket when there are too many.
    fn malformed(&mut self, text: &str, error: &serde_json::Error) {
        metrics::FRAMES.with_label_values(&["malformed"]).inc();
        let problem = if error.is_data() {
            // The text of the error quotes names and values of the frame, which are the client's own.
            Problem::new(ErrorCode::ValidationFailed).detail(format!("not a frame: {error}"))
        } else {
            Problem::new(ErrorCode::InvalidJson).detail("not JSON")
        };
        // Whoever sent a message wants to know which one failed.
        let value: Value = serde_json::from_str(text).unwrap_or_default();
        let member = |name: &str| value.get(name).and_then(Value::as_str);
        let about = About {
            channel: member("channel").and_then(|id| id.parse().ok()),
            client_id: member("client_id").map(str::to_owned),
        };
        self.nonsense(problem, about);
    }

    fn nonsense(&mut self, problem: Problem, about: About) {
        self.refuse(&problem, about);
        self.malformed += 1;
        if self.malformed > MALFORMED {
            self.outbox.close(NONSENSE);
        }
    }
}

fn same(one: &Participant, other: &Participant) -> bool {
    let subject = |who: &Participant| match who {
        Participant::Person(caller) => ("person", caller.user_id.as_uuid()),
        Participant::Visitor(visitor) => ("visitor", visitor.visitor_id.as_uuid()),
    };
    one.workspace_id() == other.workspace_id() && subject(one) == subject(other)
}

pub(super) fn invalid(detail: String) -> Problem {
    Problem::new(ErrorCode::ValidationFailed).detail(detail)
}

/// Gives up on what takes too long: the frames behind it wait.
pub(super) async fn within<T>(
    work: impl Future<Output = Result<T, Problem>>,
) -> Result<T, Problem> {
    match tokio::time::timeout(WITHIN, work).await {
        Ok(result) => result,
        Err(_) => Err(Problem::unavailable(format!("no answer within {WITHIN:?}"))),
    }
}

const fn kind(frame: &ClientFrame) -> &'static str {
    match frame {
        ClientFrame::Hello { .. } => "hello",
        ClientFrame::Subscribe { .. } => "subscribe",
        ClientFrame::Send { .. } => "send",
        ClientFrame::Typing { .. } => "typing",
        ClientFrame::Read { .. } => "read",
        ClientFrame::Viewing { .. } => "viewing",
        ClientFrame::Watch { .. } => "watch",
        ClientFrame::Auth { .. } => "auth",
    }
}
