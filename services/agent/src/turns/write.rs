//! Making the answer: the gate, the search, the model.
//!
//! Until the first word, a further message begins the turn anew. From the first word on the answer is
//! finished, whatever comes: a model that breaks off is asked again, and what it said is taken back; when
//! that fails too, the customer gets a plain word and the offer of a person.

use std::time::Duration;

use agent_api::events::TurnOutcome;
use chat_api::{Body, MAX_TEXT};
use futures::StreamExt;
use ids::TurnId;
use llm::{ChatEvent, ChatRequest, ChatStream, Finish, Finished, Usage};
use tokio::time::{Instant, timeout_at};

use super::{
    citations::Citations,
    context::{Context, Task, Trouble},
    draft::Pen,
    gate::{self, Fixed},
    lease::Keeper,
    prompt::Prompt,
    sources,
    store::{self, Lease, Retrieved},
};
use crate::{
    app::App,
    documents::{
        search::{self, Hit, Question},
        search_config,
    },
};

/// How often a model is asked for one answer.
const MODEL_ATTEMPTS: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(300);
/// A server that asks for a longer pause has failed, as far as a waiting customer is concerned.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A message that was tried more often than this kills whoever tries it: it is given up.
const MOST_ATTEMPTS: i32 = 5;

/// The answer, and how it came about.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) outcome: TurnOutcome,
    pub(super) model: Option<String>,
    pub(super) usage: Usage,
    pub(super) retrieval: Vec<Retrieved>,
    pub(super) search_time: Duration,
    pub(super) model_time: Duration,
    pub(super) error: Option<String>,
}

/// How writing ended.
#[derive(Debug)]
pub(super) enum Written {
    /// The draft is finished.
    Whole(Box<Plan>),
    /// A further message came before the first word.
    Again,
    /// The lease is somebody else's.
    Lost,
    /// Something that a turn needs is down.
    Trouble(Trouble),
}

/// What is written, and for whom.
pub(super) struct Work<'a> {
    pub(super) app: &'a App,
    pub(super) lease: &'a Lease,
    pub(super) keeper: &'a Keeper,
    pub(super) context: &'a Context,
    pub(super) task: &'a Task,
    pub(super) turn: TurnId,
    /// The answer before this one was not taken: say that it failed.
    pub(super) give_up: bool,
}

/// What is known before the first word.
enum Ready {
    /// Text that needs no model.
    Fixed(Fixed),
    /// A model that has begun to speak.
    Speaking(Opening),
}

/// A stream and its first word.
struct Opening {
    stream: ChatStream,
    first: String,
}

/// A turn's search and model, as far as they have come.
#[derive(Default)]
struct Progress {
    hits: Vec<Hit>,
    request: ChatRequest,
    attempts: u32,
    search_time: Duration,
    model_began: Option<Instant>,
    error: Option<String>,
}

impl Work<'_> {
    /// Writes the answer into the draft.
    pub(super) async fn write(&self, pen: &Pen) -> Written {
        let deadline = Instant::now() + self.app.turns.deadline();
        let mut progress = Progress::default();
        let ready = tokio::select! {
            biased;
            () = self.keeper.wanted_after(self.task.seq) => return Written::Again,
            ready = timeout_at(deadline, self.prepare(&mut progress)) => ready,
        };
        let ready = match ready {
            Ok(Ok(ready)) => ready,
            Ok(Err(trouble)) => return Written::Trouble(trouble),
            Err(_) => {
                progress.error =
                    Some("the watchdog ended the turn before its first word".to_owned());
                Ready::Fixed(self.failed())
            }
        };
        // From here on chat may hear of this turn.
        match self.begin().await {
            Ok(Some(news)) if news.wanted_seq > self.task.seq => return Written::Again,
            Ok(Some(_)) => {}
            Ok(None) => return Written::Lost,
            Err(error) => return Written::Trouble(error.into()),
        }
        let spoken = match ready {
            Ready::Fixed(fixed) => Err(fixed),
            Ready::Speaking(opening) => {
                match timeout_at(deadline, self.speak(opening, &mut progress, pen)).await {
                    Ok(Ok(spoken)) => Ok(spoken),
                    Ok(Err(error)) => {
                        progress.error = Some(error.to_string());
                        Err(self.failed())
                    }
                    Err(_) => {
                        progress.error =
                            Some("the watchdog ended the turn in mid-answer".to_owned());
                        Err(self.failed())
                    }
                }
            }
        };
        if let Some(error) = &progress.error {
            tracing::warn!(error, "the turn failed; the customer is told");
        }
        let asked = progress.model_began.is_some();
        let (outcome, body, model, usage) = match spoken {
            Ok((outcome, body, end)) => (outcome, body, Some(end.model), end.usage),
            Err(fixed) => {
                let model = asked.then(|| self.app.model.name().to_owned());
                (
                    fixed.outcome,
                    body(fixed.text, fixed.offers_person),
                    model,
                    Usage::default(),
                )
            }
        };
        pen.finish(body);
        Written::Whole(Box::new(Plan {
            outcome,
            model,
            usage,
            retrieval: progress.hits.iter().map(Retrieved::from).collect(),
            search_time: progress.search_time,
            model_time: progress
                .model_began
                .map_or(Duration::ZERO, |began| began.elapsed()),
            error: progress.error,
        }))
    }

    async fn begin(&self) -> sqlx::Result<Option<store::News>> {
        let Lease {
            workspace,
            channel,
            epoch,
            ..
        } = *self.lease;
        let mut connection = self.app.pool.acquire().await?;
        store::begin(
            &mut connection,
            workspace,
            (channel, epoch, self.turn, self.task.seq),
        )
        .await
    }

    /// Everything before the first word.
    async fn prepare(&self, progress: &mut Progress) -> Result<Ready, Trouble> {
        if self.give_up || self.lease.attempts > MOST_ATTEMPTS {
            progress.error = Some("the message was tried too often".to_owned());
            return Ok(Ready::Fixed(self.failed()));
        }
        let agent = &self.context.agent.agent;
        let questions: Vec<&str> = self.task.questions.iter().map(String::as_str).collect();
        if let Some(fixed) = gate::decide(&questions, &agent.language) {
            return Ok(Ready::Fixed(fixed));
        }
        let began = Instant::now();
        let found = self.search().await;
        progress.search_time = began.elapsed();
        progress.hits = match found {
            Ok(hits) => hits,
            Err(Missing::Model(error)) => {
                progress.error = Some(error.to_string());
                return Ok(Ready::Fixed(self.failed()));
            }
            Err(Missing::Store(error)) => return Err(error.into()),
        };
        let best = search::best_cosine(&progress.hits);
        if best.is_none_or(|best| best < self.app.turns.search_floor) {
            return Ok(Ready::Fixed(self.not_known()));
        }
        progress.request = Prompt {
            agent,
            customer_name: self
                .context
                .customer
                .as_ref()
                .and_then(|customer| customer.name.as_deref()),
            hits: &progress.hits,
            history: &self.task.history,
            questions: &self.task.questions,
        }
        .request();
        progress.model_began = Some(Instant::now());
        match self.open(progress).await {
            Ok(opening) => Ok(Ready::Speaking(opening)),
            Err(error) => {
                progress.error = Some(error.to_string());
                Ok(Ready::Fixed(self.failed()))
            }
        }
    }

    /// Looks the question up. One that goes on from the message before is looked up together with it.
    #[tracing::instrument(name = "agent.turn.search", skip_all, fields(hits, best))]
    async fn search(&self) -> Result<Vec<Hit>, Missing> {
        let asked = self.task.questions.join("\n");
        let before = self.task.history.iter().rev().find(|said| said.by_customer);
        let text = match before {
            Some(before) if gate::is_follow_up(&asked) => format!("{}\n{asked}", before.text),
            _ => asked,
        };
        let embedder = &self.app.embedder;
        let embedded = embedder.embed(std::slice::from_ref(&text)).await?;
        let vector = embedded.vectors.into_iter().next().unwrap_or_default();
        let agent = &self.context.agent.agent;
        let question = Question {
            agent: agent.id,
            text: &text,
            vector,
            model: embedder.name(),
            search_config: search_config(&agent.language),
        };
        let mut connection = self.app.pool.acquire().await?;
        let hits = search::search(&mut connection, self.lease.workspace, question).await?;
        let span = tracing::Span::current();
        span.record("hits", hits.len())
            .record("best", search::best_cosine(&hits));
        Ok(hits)
    }

    /// A model that has said its first word. Asks again while that may help.
    async fn open(&self, progress: &mut Progress) -> Result<Opening, llm::Error> {
        let mut pause = FIRST_PAUSE;
        loop {
            progress.attempts += 1;
            let error = match self.open_once(&progress.request).await {
                Ok(opening) => return Ok(opening),
                Err(error) => error,
            };
            // Garbage is often a proxy's, and gone with the next request.
            let hopeless = matches!(error, llm::Error::Refused { .. });
            let wait = error.retry_after().unwrap_or(pause);
            if hopeless || progress.attempts >= MODEL_ATTEMPTS || wait > LONGEST_PAUSE {
                return Err(error);
            }
            tracing::info!(%error, "the model failed; asking again");
            tokio::time::sleep(wait).await;
            pause *= 2;
        }
    }

    async fn open_once(&self, request: &ChatRequest) -> Result<Opening, llm::Error> {
        let mut stream = self.app.model.chat(request.clone()).await?;
        match stream.next().await {
            Some(Ok(ChatEvent::Delta(first))) => Ok(Opening { stream, first }),
            Some(Err(error)) => Err(error),
            Some(Ok(ChatEvent::Finished(_))) | None => {
                Err(llm::Error::Garbage("an answer without a word"))
            }
        }
    }

    /// Writes what the model says, from its first word to the end.
    async fn speak(
        &self,
        mut opening: Opening,
        progress: &mut Progress,
        pen: &Pen,
    ) -> Result<(TurnOutcome, Body, Finished), llm::Error> {
        loop {
            let error = match self.read(opening, &progress.hits, pen).await {
                Ok(spoken) => return Ok(spoken),
                Err(error) => error,
            };
            // What was said so far will not be the answer.
            pen.begin_anew();
            if progress.attempts >= MODEL_ATTEMPTS {
                return Err(error);
            }
            tracing::info!(%error, "the model broke off; asking again");
            opening = self.open(progress).await?;
        }
    }

    /// One answer of the model, from its first word to the end.
    async fn read(
        &self,
        Opening { mut stream, first }: Opening,
        hits: &[Hit],
        pen: &Pen,
    ) -> Result<(TurnOutcome, Body, Finished), llm::Error> {
        let mut citations = Citations::new(hits.len());
        let mut text = Text {
            pen,
            whole: String::new(),
            characters: 0,
        };
        text.add(&citations.push(&first));
        let end = loop {
            match stream.next().await {
                Some(Ok(ChatEvent::Delta(delta))) => {
                    let room = text.add(&citations.push(&delta));
                    if !room {
                        // Longer than any message may be. The rest is left unsaid, and uncounted.
                        let model = self.app.model.name().to_owned();
                        break Finished {
                            finish: Finish::Length,
                            usage: Usage::default(),
                            model,
                            found_nothing: false,
                        };
                    }
                }
                Some(Ok(ChatEvent::Finished(end))) => break end,
                Some(Err(error)) => return Err(error),
                None => return Err(llm::Error::Cut("the stream ended".to_owned())),
            }
        };
        text.add(&citations.finish());
        if text.whole.is_empty() {
            return Err(llm::Error::Garbage("an answer without a word"));
        }
        if end.found_nothing {
            let fixed = self.not_known();
            return Ok((fixed.outcome, body(fixed.text, true), end));
        }
        if citations.cited().is_empty() {
            // Whatever it says, it does not say it from the texts.
            return Ok((TurnOutcome::NotKnown, body(text.whole, true), end));
        }
        let sources = sources::cited(hits, citations.cited(), &text.whole);
        let body = Body {
            sources,
            ..Body::text(text.whole)
        };
        Ok((TurnOutcome::Answered, body, end))
    }

    fn not_known(&self) -> Fixed {
        let text = gate::replies(&self.context.agent.agent.language)
            .not_known
            .clone();
        Fixed {
            outcome: TurnOutcome::NotKnown,
            text,
            offers_person: true,
        }
    }

    fn failed(&self) -> Fixed {
        let text = gate::replies(&self.context.agent.agent.language)
            .failed
            .clone();
        Fixed {
            outcome: TurnOutcome::Failed,
            text,
            offers_person: true,
        }
    }
}

/// Why nothing could be looked up.
#[derive(Debug, thiserror::Error)]
enum Missing {
    #[error(transparent)]
    Model(#[from] llm::Error),
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

/// The text of an answer, as far as it may be long.
struct Text<'a> {
    pen: &'a Pen,
    whole: String,
    characters: usize,
}

impl Text<'_> {
    /// Adds a piece; answers whether there is room for more.
    fn add(&mut self, piece: &str) -> bool {
        let piece = if self.whole.is_empty() {
            piece.trim_start()
        } else {
            piece
        };
        let room = MAX_TEXT - self.characters;
        let end = piece
            .char_indices()
            .nth(room)
            .map_or(piece.len(), |(end, _)| end);
        let piece = &piece[..end];
        self.characters += piece.chars().count();
        self.whole.push_str(piece);
        self.pen.write(piece);
        self.characters < MAX_TEXT
    }
}

fn body(text: String, offers_person: bool) -> Body {
    Body {
        offers_person,
        ..Body::text(text)
    }
}
