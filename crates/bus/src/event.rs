//! The envelope: CloudEvents 1.0 in JSON.

use chrono::{DateTime, Utc};
use clock::Clock;
use ids::{EventId, WorkspaceId};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

/// One event as it travels. Attribute names are CloudEvents' (lower case, no separators).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Always `1.0`.
    pub specversion: String,
    /// Names this event; consumers remember it.
    pub id: EventId,
    /// Such as `chat.message.created.v1`; also the routing key.
    pub r#type: String,
    /// The service that tells it: `/chat`.
    pub source: String,
    /// The id of what it is about.
    pub subject: String,
    /// When it happened.
    pub time: DateTime<Utc>,
    /// Always `application/json`.
    pub datacontenttype: String,
    /// The tenant.
    pub workspaceid: WorkspaceId,
    /// The version of the subject after it, where the subject has versions: consumers of state ignore
    /// what is older than what they have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subjectversion: Option<i64>,
    /// The span in which it happened (W3C Trace Context).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// What [`EventData`] says.
    pub data: Value,
}

/// What one type of event tells. Implemented in the crate of the service that publishes it.
pub trait EventData: Serialize + DeserializeOwned {
    /// `<service>.<subject>.<past tense>.v<n>`.
    const TYPE: &'static str;

    /// The id of what it is about.
    fn subject(&self) -> String;

    /// The version of the subject after it, where it has versions.
    fn subject_version(&self) -> Option<i64> {
        None
    }
}

/// An event was read as another type than it is, or its data does not fit.
#[derive(Debug, thiserror::Error)]
pub enum WrongType {
    /// The type differs.
    #[error("expected {expected}, got {got}")]
    Type {
        /// The type that was asked for.
        expected: &'static str,
        /// The type of the event.
        got: String,
    },
    /// The data does not fit the type.
    #[error("the data of a {0} does not fit: {1}")]
    Data(&'static str, #[source] serde_json::Error),
}

impl Event {
    /// An event that happens now, in the current span.
    #[must_use]
    pub fn new<T: EventData>(clock: &Clock, workspace: WorkspaceId, data: &T) -> Self {
        let service = T::TYPE.split('.').next().unwrap_or_default();
        Self {
            specversion: "1.0".to_owned(),
            id: EventId::new(),
            r#type: T::TYPE.to_owned(),
            source: format!("/{service}"),
            subject: data.subject(),
            time: clock.now(),
            datacontenttype: "application/json".to_owned(),
            workspaceid: workspace,
            subjectversion: data.subject_version(),
            traceparent: common::telemetry::current_traceparent(),
            data: serde_json::to_value(data)
                .expect("event data are structs of strings and numbers"),
        }
    }

    /// What it tells, when it is a `T`.
    ///
    /// # Errors
    /// When it is another type, or its data does not fit.
    pub fn read<T: EventData>(&self) -> Result<T, WrongType> {
        if self.r#type != T::TYPE {
            return Err(WrongType::Type {
                expected: T::TYPE,
                got: self.r#type.clone(),
            });
        }
        T::deserialize(&self.data).map_err(|error| WrongType::Data(T::TYPE, error))
    }
}
