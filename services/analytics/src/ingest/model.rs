//! What each event counts for. The definitions of the metrics are in `analytics_api`.

use agent_api::events::TurnCompleted;
use analytics_api::MetricType;
use bus::{Event, EventData, WrongType};
use chat_api::events::{ChannelOpened, MessageCreated};
use chrono::{DateTime, Utc};
use crm_api::events::{ContactCreated, InteractionCreated};

/// One value to be kept.
#[derive(Debug, PartialEq)]
pub(crate) struct Measured {
    pub(super) metric: MetricType,
    pub(super) value: f64,
    pub(super) at: DateTime<Utc>,
}

/// Something that reports are added up from. There is one of each for a channel.
#[derive(Debug, PartialEq)]
pub(crate) enum Fact {
    Started(ChannelOpened),
    Ended(InteractionCreated),
}

/// What an event tells.
#[derive(Debug, PartialEq)]
pub(crate) struct Reading {
    pub(super) fact: Option<Fact>,
    pub(super) measured: Vec<Measured>,
}

/// Reads an event; none when it counts for nothing.
pub(crate) fn read(event: &Event) -> Result<Option<Reading>, WrongType> {
    let reading = match event.r#type.as_str() {
        ChannelOpened::TYPE => {
            let opened: ChannelOpened = event.read()?;
            let measured = vec![one(MetricType::ConversationStarted, opened.opened_at)];
            Reading {
                fact: Some(Fact::Started(opened)),
                measured,
            }
        }
        MessageCreated::TYPE => {
            let message: MessageCreated = event.read()?;
            Reading {
                fact: None,
                measured: vec![one(MetricType::MessageSent, message.created_at)],
            }
        }
        ContactCreated::TYPE => {
            let contact: ContactCreated = event.read()?;
            Reading {
                fact: None,
                measured: vec![one(MetricType::ContactCreated, contact.created_at)],
            }
        }
        InteractionCreated::TYPE => {
            let ended: InteractionCreated = event.read()?;
            let measured = vec![
                one(MetricType::ConversationEnded, ended.ended_at),
                value(
                    MetricType::ConversationDuration,
                    ended.duration_seconds,
                    ended.ended_at,
                ),
            ];
            Reading {
                fact: Some(Fact::Ended(ended)),
                measured,
            }
        }
        TurnCompleted::TYPE => {
            let turn: TurnCompleted = event.read()?;
            let tokens = turn.prompt_tokens.saturating_add(turn.completion_tokens);
            let mut measured = vec![value(MetricType::TokensUsed, tokens, turn.completed_at)];
            if let Some(millis) = turn.first_delta_ms {
                measured.push(value(MetricType::FirstDelta, millis, turn.completed_at));
            }
            Reading {
                fact: None,
                measured,
            }
        }
        _ => return Ok(None),
    };
    Ok(Some(reading))
}

fn one(metric: MetricType, at: DateTime<Utc>) -> Measured {
    value(metric, 1, at)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "seconds, milliseconds and tokens stay far below 2^53"
)]
fn value(metric: MetricType, value: i64, at: DateTime<Utc>) -> Measured {
    Measured {
        metric,
        value: value as f64,
        at,
    }
}
