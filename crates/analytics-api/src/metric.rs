//! A metric: one measured value at one time.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use ids::{MetricId, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

// `tt` and not `literal`: a literal that went through a macro hides from utoipa's reading of serde's
// attributes, and the document would name the variants.
macro_rules! metric_types {
    ($($(#[doc = $doc:tt])+ $name:ident = $text:tt,)+) => {
        /// What is measured. Each has its written definition here.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
        #[schema(description = concat!("What is measured:\n" $(, "\n- `", $text, "`:" $(, $doc)+)+))]
        pub enum MetricType { $($(#[doc = $doc])+ #[serde(rename = $text)] $name,)+ }

        impl MetricType {
            /// Everything that is measured.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The type as JSON and the table spell it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }
    };
}

impl FromStr for MetricType {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .iter()
            .copied()
            .find(|known| known.as_str() == text)
            .ok_or_else(|| format!("no metric is called {text:?}"))
    }
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

#[cfg(test)]
mod tests {
    use utoipa::PartialSchema;

    use super::*;

    #[test]
    fn json_the_table_and_the_document_spell_alike() {
        let schema = serde_json::to_value(MetricType::schema()).unwrap();
        let spelled: Vec<&str> = MetricType::ALL.iter().map(|known| known.as_str()).collect();
        assert_eq!(schema["enum"], serde_json::json!(spelled));
        let description = schema["description"].as_str().unwrap();
        for known in MetricType::ALL {
            assert_eq!(serde_json::to_value(known).unwrap(), known.as_str());
            assert_eq!(known.as_str().parse(), Ok(*known));
            assert!(description.contains(known.as_str()), "{description}");
        }
    }
}
