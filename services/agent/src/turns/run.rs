//! One turn, from the lease to the record.
//!
//! Nothing here needs to be undone after a crash. What chat has is in chat's log under the turn's id,
//! which the conversation's row knew before the first word was sent; so whoever takes the expired lease
//! either finds the answer there and only records it, or tells it anew from its beginning.

use std::time::{Duration, Instant};

use agent_api::events::{TurnCompleted, TurnOutcome};
use chat_api::{Entry, OwnerState, ReplyHeader, SetOwner};
use chrono::{DateTime, Utc};
use common::ErrorCode;
use ids::TurnId;
use tracing::Instrument;

use super::{
    context::{self, Context, Trouble},
    deliver::{Delivered, FirstWord, deliver},
    draft::Pen,
    gate,
    lease::Keeper,
    metrics,
    store::{self, Lease, Record},
    write::{Plan, Work, Written},
};
use crate::{app::App, conversations};

/// Between two attempts to note what is done already.
const PAUSE: Duration = Duration::from_millis(200);
/// The reason of a change of owner, for those who take over.
const ASKED: &str = "visitor_asked";

/// Answers what the lease is for.
pub(super) async fn run(app: &App, lease: Lease) {
    let span = tracing::info_span!(
        "agent.turn",
        conversation = %lease.channel,
        workspace = %lease.workspace,
        epoch = lease.epoch,
        turn = tracing::field::Empty,
        answers_to = tracing::field::Empty,
        outcome = tracing::field::Empty,
    );
    if let Some(traceparent) = &lease.traceparent {
        common::telemetry::set_parent_from_traceparent(&span, traceparent);
    }
    metrics::RUNNING.inc();
    hold(app, &lease).instrument(span).await;
    metrics::RUNNING.dec();
}

async fn hold(app: &App, lease: &Lease) {
    let keeper = Keeper::start(app, lease);
    let result = tokio::select! {
        result = answer(app, lease, &keeper) => result,
        () = keeper.lost() => {
            tracing::warn!("the lease was lost; somebody else goes on");
            return;
        }
    };
    let Err(error) = result else { return };
    tracing::info!(
        error = &error as &dyn std::error::Error,
        "the turn waits for something that is down"
    );
    let given_back = async { store::give_back(&mut *app.pool.acquire().await?, lease).await };
    if let Err(error) = given_back.await {
        tracing::debug!(%error, "the lease runs out by itself");
    }
}

/// How an attempt ended.
enum Attempt {
    /// There is nothing left to do.
    Done,
    /// Look again: a further message came, or somebody else answers now.
    LookAgain,
    /// Chat does not take the answer.
    Rejected,
}

async fn answer(app: &App, lease: &Lease, keeper: &Keeper) -> Result<(), Trouble> {
    // The turns that chat may have heard of; the last one goes on.
    let mut turns: Vec<(TurnId, i64)> = lease.turn_id.zip(lease.turn_seq).into_iter().collect();
    let mut rejected = false;
    loop {
        let began = Instant::now();
        let Some(context) = context::gather(app, lease).await? else {
            // Deleted meanwhile: nobody waits for an answer.
            return settle(app, lease, lease.wanted_seq).await;
        };
        let told = |(turn, seq): &(TurnId, i64)| Some((*turn, *seq, context.entry_of(*turn)?));
        if let Some(answer) = turns.iter().find_map(told) {
            return recover(app, (lease, &context), answer).await;
        }
        let task = context.task().filter(|_| context.is_mine());
        let Some(task) = task else {
            let told = (
                lease.channel,
                context.channel.owner,
                context.channel.owner_version,
            );
            let mut connection = app.pool.acquire().await?;
            conversations::store::observe_owner(&mut connection, lease.workspace, told).await?;
            return settle(app, lease, lease.wanted_seq).await;
        };
        // The same message under the same id: chat takes it once, whoever tells it.
        let turn = match turns.last() {
            Some((turn, seq)) if *seq == task.seq && !rejected => *turn,
            _ => TurnId::new(),
        };
        if turns.last() != Some(&(turn, task.seq)) {
            turns.push((turn, task.seq));
        }
        let span = tracing::Span::current();
        span.record("turn", tracing::field::display(turn))
            .record("answers_to", task.seq);
        let work = Work {
            app,
            lease,
            keeper,
            context: &context,
            task: &task,
            turn,
            give_up: rejected,
        };
        match attempt(&work, began.elapsed()).await? {
            Attempt::Done => return Ok(()),
            Attempt::LookAgain => metrics::RESTARTS.inc(),
            Attempt::Rejected if rejected => return settle(app, lease, task.seq).await,
            Attempt::Rejected => rejected = true,
        }
    }
}

async fn attempt(work: &Work<'_>, context_time: Duration) -> Result<Attempt, Trouble> {
    let Work {
        app,
        lease,
        keeper,
        context,
        task,
        turn,
        ..
    } = *work;
    let started_at = app.clock.now();
    let header = ReplyHeader {
        workspace_id: lease.workspace,
        agent_id: lease.agent,
        agent_name: context.agent.agent.name.clone(),
        turn_id: turn,
        epoch: lease.epoch,
        owner_version: context.channel.owner_version,
        answers_to_seq: task.seq,
        answered_seq: Some(context.channel.answered_seq),
    };
    let (pen, paper) = Pen::new();
    let first_word = FirstWord::new();
    let mut plan: Option<Box<Plan>> = None;
    let delivered = {
        let mut writing = std::pin::pin!(work.write(&pen));
        let mut delivering =
            std::pin::pin!(deliver(app, (lease.channel, &header), paper, &first_word));
        loop {
            tokio::select! {
                written = &mut writing, if plan.is_none() => match written {
                    Written::Whole(whole) => plan = Some(whole),
                    Written::Again => return Ok(Attempt::LookAgain),
                    Written::Lost => return Ok(Attempt::Done),
                    Written::Trouble(trouble) => return Err(trouble),
                },
                delivered = &mut delivering => break delivered,
                () = keeper.owner_after(header.owner_version) => return Ok(Attempt::LookAgain),
            }
        }
    };
    let first_word = first_word.into_inner();
    let times = Times {
        started_at,
        asked_at: task.asked_at,
        first_word,
        context: context_time,
    };
    match delivered {
        Delivered::Committed(entry) => {
            let Some(plan) = plan else {
                // It was in the log before we had written it: an earlier attempt's.
                recover(app, (lease, context), (turn, task.seq, &entry)).await?;
                return Ok(Attempt::Done);
            };
            if plan.outcome == TurnOutcome::HandedOff {
                call_person(app, lease, header.owner_version).await;
            }
            let record = record(
                work,
                &times,
                (Some(*plan), Some(entry.seq)),
                app.clock.now(),
            );
            complete(app, lease, record).await;
            Ok(Attempt::Done)
        }
        Delivered::TakenOver | Delivered::Closed => {
            // Silently. The next look finds who answers now.
            let record = record(work, &times, (None, None), app.clock.now());
            metrics::ended("taken_over", record.first_delta_ms, record.total_ms);
            store::keep(&mut *app.pool.acquire().await?, lease, &record).await?;
            Ok(Attempt::LookAgain)
        }
        Delivered::AnsweredAlready => {
            settle(app, lease, task.seq).await?;
            Ok(Attempt::Done)
        }
        Delivered::Behind => Ok(Attempt::LookAgain),
        Delivered::Superseded => Ok(Attempt::Done),
        Delivered::Rejected(why) => {
            tracing::error!(why, "chat does not take the answer");
            Ok(Attempt::Rejected)
        }
    }
}

struct Times {
    started_at: DateTime<Utc>,
    asked_at: DateTime<Utc>,
    first_word: Option<DateTime<Utc>>,
    context: Duration,
}

/// The record of an attempt: with a plan and an entry, or without when a person took over.
fn record(
    work: &Work<'_>,
    times: &Times,
    (plan, seq): (Option<Plan>, Option<i64>),
    now: DateTime<Utc>,
) -> Record {
    let since = |at: DateTime<Utc>| (at - times.asked_at).num_milliseconds().max(0);
    let base = Record {
        turn: work.turn,
        agent_version: work.context.agent.version,
        outcome: None,
        owner_version: work.context.channel.owner_version,
        answers_to_seq: work.task.seq,
        seq,
        model: None,
        prompt_tokens: 0,
        completion_tokens: 0,
        first_delta_ms: times.first_word.map(since),
        total_ms: since(now),
        context_ms: millis(times.context),
        search_ms: 0,
        model_ms: 0,
        retrieval: Vec::new(),
        error: None,
        started_at: times.started_at,
        completed_at: now,
    };
    let Some(plan) = plan else { return base };
    Record {
        outcome: Some(plan.outcome),
        model: plan.model,
        prompt_tokens: plan.usage.prompt_tokens.into(),
        completion_tokens: plan.usage.completion_tokens.into(),
        search_ms: millis(plan.search_time),
        model_ms: millis(plan.model_time),
        retrieval: plan.retrieval,
        error: plan.error,
        ..base
    }
}

/// Records an answer that is in chat's log already, told by an attempt that did not live to record it.
async fn recover(
    app: &App,
    (lease, context): (&Lease, &Context),
    (turn, seq, entry): (TurnId, i64, &Entry),
) -> Result<(), Trouble> {
    tracing::info!("the answer is in the log already; recording it");
    let language = &context.agent.agent.language;
    let replies = gate::replies(language);
    let body = entry.body.as_ref();
    let text = body.map_or("", |body| body.text.expose().as_str());
    let outcome = if text == replies.handed_off {
        // The change of owner may be what the crash prevented; chat makes it once.
        call_person(app, lease, entry.owner_version).await;
        TurnOutcome::HandedOff
    } else if text == replies.failed {
        TurnOutcome::Failed
    } else if body.is_some_and(|body| body.offers_person) {
        TurnOutcome::NotKnown
    } else if body.is_some_and(|body| !body.sources.is_empty()) {
        TurnOutcome::Answered
    } else {
        TurnOutcome::SmallTalk
    };
    let asked_at = context.asked_at(seq).unwrap_or(entry.created_at);
    let record = Record {
        turn,
        agent_version: context.agent.version,
        outcome: Some(outcome),
        owner_version: entry.owner_version,
        answers_to_seq: seq,
        seq: Some(entry.seq),
        model: None,
        prompt_tokens: 0,
        completion_tokens: 0,
        // Told by a process that is gone; the answer's own time is the closest that is known.
        first_delta_ms: None,
        total_ms: (entry.created_at - asked_at).num_milliseconds().max(0),
        context_ms: 0,
        search_ms: 0,
        model_ms: 0,
        retrieval: Vec::new(),
        error: Some("recorded by another process than the one that answered".to_owned()),
        started_at: asked_at,
        completed_at: app.clock.now(),
    };
    complete(app, lease, record).await;
    Ok(())
}

/// Asks for a person in the customer's name. Tried until chat has an answer: the customer was told.
async fn call_person(app: &App, lease: &Lease, owner_version: i64) {
    let change = SetOwner {
        owner: OwnerState::Queued,
        reason: Some(ASKED.to_owned()),
        if_owner_version: Some(owner_version),
    };
    loop {
        match app
            .chat
            .set_owner(lease.workspace, lease.channel, change.clone())
            .await
        {
            Ok(channel) => {
                tracing::info!(owner = channel.owner.as_str(), "a person was called");
                return;
            }
            // Somebody is there already, or the customer has left.
            Err(error)
                if matches!(
                    error.code(),
                    Some(ErrorCode::OwnerChanged | ErrorCode::ChannelClosed)
                ) =>
            {
                return;
            }
            Err(error)
                if error
                    .status()
                    .is_some_and(|status| status.is_client_error()) =>
            {
                tracing::error!(%error, "chat does not let the agent call a person");
                return;
            }
            Err(error) => tracing::warn!(%error, "a person could not be called; trying again"),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Notes a finished turn, its event and what it answers in one transaction. Tried until it stands, or
/// the lease is lost; then the next holder finds the answer in chat's log.
async fn complete(app: &App, lease: &Lease, record: Record) {
    let outcome = record.outcome.map_or("taken_over", TurnOutcome::as_str);
    tracing::Span::current().record("outcome", outcome);
    while let Err(error) = note(app, lease, &record).await {
        tracing::warn!(%error, "the turn could not be recorded; trying again");
        tokio::time::sleep(PAUSE).await;
    }
    metrics::ended(outcome, record.first_delta_ms, record.total_ms);
    tracing::info!(
        outcome,
        first_delta_ms = record.first_delta_ms,
        total_ms = record.total_ms,
        "the turn is done"
    );
    app.wake.log.notify_one();
    // Another message may have come in mid-answer.
    app.wake.turns.notify_one();
}

async fn note(app: &App, lease: &Lease, record: &Record) -> sqlx::Result<()> {
    let mut transaction = app.pool.begin().await?;
    let first = store::keep(&mut transaction, lease, record).await?;
    if let (true, Some(outcome), Some(seq)) = (first, record.outcome, record.seq) {
        let event = TurnCompleted {
            turn_id: record.turn,
            channel_id: lease.channel,
            agent_id: lease.agent,
            outcome,
            answers_to_seq: record.answers_to_seq,
            seq,
            model: record.model.clone(),
            prompt_tokens: record.prompt_tokens,
            completion_tokens: record.completion_tokens,
            first_delta_ms: record.first_delta_ms,
            total_ms: record.total_ms,
            completed_at: record.completed_at,
        };
        app.outbox
            .append(&mut transaction, lease.workspace, &event)
            .await?;
    }
    store::settle(&mut transaction, lease, (record.answers_to_seq, record.seq)).await?;
    app.outbox.commit(transaction).await
}

async fn settle(app: &App, lease: &Lease, seq: i64) -> Result<(), Trouble> {
    let mut connection = app.pool.acquire().await?;
    store::settle(&mut connection, lease, (seq, None)).await?;
    Ok(())
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
