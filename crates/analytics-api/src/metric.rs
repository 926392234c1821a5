//! A metric: one measured value at one time.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use ids::{MetricId, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

macro_rules! metric_types {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)+) => {
        /// What is measured. Each has its written definition here.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
        pub enum MetricType { $($(#[$doc])* #[serde(rename = $text)] $name,)+ }

        impl MetricType {
            /// The type as JSON and the table spell it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }

        impl FromStr for MetricType {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($text => Ok(Self::$name),)+
                    other => Err(format!("no metric is called {other:?}")),
                }
            }
        }
    };
}

metric_types! {
    /// 1 for each channel that was opened, at the time of opening.
    ConversationStarted = "conversation_started",
    /// 1 for each conversation that ended with at least one message of the visitor, at its end.
    ConversationEnded = "conversation_ended",
    /// Seconds from opening to end, for each conversation counted by `conversation_ended`.
    ConversationDuration = "conversation_duration_seconds",
    /// 1 for each message, at the time of writing.
    MessageSent = "message_sent",
    /// 1 for each contact that came into being.
    ContactCreated = "contact_created",
    /// Milliseconds from a customer's message to the first streamed word of the answer.
    FirstDelta = "first_delta_ms",
    /// Tokens that a turn cost, prompt and answer together, as the model counted them.
    TokensUsed = "tokens_used",
}

/// One measured value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Metric {
    /// The metric.
    pub id: MetricId,
    /// The person whom it is about, where it is about one.
    pub user_id: Option<UserId>,
    /// What was measured.
    pub metric_type: MetricType,
    /// The value, in the unit of its type.
    pub value: f64,
    /// When.
    pub timestamp: DateTime<Utc>,
}
