//! Which channels an inbox shows: filters, and the views that people save.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use ids::{AgentId, TeamId, UserId, ViewId, VisitorId};
use rest::{Check, Field, Validate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{LabelName, MAX_LABELS, Priority};

/// What an id of a person looks like, or one of the two words that stand for one.
const ASSIGNEE: &str = "must be `none`, `me`, or the id of a person";

/// Which channels by who answers in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OwnerFilter {
    /// Those where the AI answers.
    Ai,
    /// Those where a person is wanted.
    Queued,
    /// Those where a person answers.
    Human,
    /// Those that have ended.
    Closed,
    /// All, be they open or closed.
    Any,
}

impl OwnerFilter {
    /// The state that it asks for; none of `any`.
    #[must_use]
    pub const fn state(self) -> Option<&'static str> {
        match self {
            Self::Ai => Some("ai"),
            Self::Queued => Some("queued"),
            Self::Human => Some("human"),
            Self::Closed => Some("closed"),
            Self::Any => None,
        }
    }
}

/// Which channels by whether they sleep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub enum SnoozedFilter {
    /// Only those that do not.
    #[serde(rename = "none")]
    Awake,
    /// Only those that do.
    #[serde(rename = "only")]
    Asleep,
    /// Both.
    #[serde(rename = "any")]
    Any,
}

/// Which channels by who takes care of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum AssigneeFilter {
    /// Nobody in particular.
    Nobody,
    /// Whoever asks.
    Me,
    /// This person.
    Person(UserId),
}

impl FromStr for AssigneeFilter {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "none" => Ok(Self::Nobody),
            "me" => Ok(Self::Me),
            _ => text.parse().map(Self::Person).map_err(|_| ASSIGNEE),
        }
    }
}

impl TryFrom<String> for AssigneeFilter {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<AssigneeFilter> for String {
    fn from(filter: AssigneeFilter) -> Self {
        filter.to_string()
    }
}

impl fmt::Display for AssigneeFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody => f.write_str("none"),
            Self::Me => f.write_str("me"),
            Self::Person(person) => person.fmt(f),
        }
    }
}

/// Which channels; all that is given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChannelFilter {
    /// Who answers; whoever it is, as long as they are open, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<OwnerFilter>,
    /// Who takes care of them: `none`, `me`, or the id of a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, pattern = "^(none|me|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$")]
    pub assignee_id: Option<AssigneeFilter>,
    /// The team that takes care of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team_id: Option<TeamId>,
    /// Labels, each of which they must have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<LabelName>, max_items = 20)]
    pub labels: Vec<String>,
    /// How much they press.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
    /// The agent that answers in them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    /// The visitor whose they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visitor_id: Option<VisitorId>,
    /// Whether they sleep; only those that do not when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snoozed: Option<SnoozedFilter>,
    /// Whether there is something in them that the caller has not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unread: Option<bool>,
}

impl ChannelFilter {
    /// Reports what is wrong with it; `labels` is where its labels stand.
    pub fn check(&self, check: &mut Check, labels: &str) {
        check_labels(&self.labels, check, labels);
    }

    /// This filter narrowed by another one, which decides where both say something; the labels of both
    /// count.
    #[must_use]
    pub fn with(mut self, other: Self) -> Self {
        self.labels.extend(other.labels);
        Self {
            owner: other.owner.or(self.owner),
            assignee_id: other.assignee_id.or(self.assignee_id),
            team_id: other.team_id.or(self.team_id),
            labels: self.labels,
            priority: other.priority.or(self.priority),
            agent_id: other.agent_id.or(self.agent_id),
            visitor_id: other.visitor_id.or(self.visitor_id),
            snoozed: other.snoozed.or(self.snoozed),
            unread: other.unread.or(self.unread),
        }
    }
}

/// Reads a structure from a JSON object alone; serde would take an array of its members too.
fn object<'de, T: serde::de::DeserializeOwned, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    let members = serde_json::Map::deserialize(deserializer)?;
    T::deserialize(serde_json::Value::Object(members)).map_err(serde::de::Error::custom)
}

/// The same for a member of a merge patch.
fn object_or_null<'de, T: serde::de::DeserializeOwned, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Field<T>, D::Error> {
    match Option::<serde_json::Map<String, serde_json::Value>>::deserialize(deserializer)? {
        Some(members) => T::deserialize(serde_json::Value::Object(members))
            .map(Field::Value)
            .map_err(serde::de::Error::custom),
        None => Ok(Field::Null),
    }
}

fn check_labels(labels: &[String], check: &mut Check, at: &str) {
    if labels.len() > MAX_LABELS {
        check.fault(at, format!("{MAX_LABELS} at most"));
    }
    for label in labels {
        check.line(at, label, 1..=50);
    }
}

/// A filter that somebody saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct View {
    /// Its id.
    pub id: ViewId,
    /// What it is called.
    pub name: String,
    /// Whether everybody of the workspace sees it, or only whose it is.
    pub shared: bool,
    /// Whose it is.
    pub user_id: UserId,
    /// What it shows.
    pub filter: ChannelFilter,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was changed last.
    pub updated_at: DateTime<Utc>,
}

/// A filter to be saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateView {
    /// What it is called.
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
    /// Whether everybody of the workspace is to see it.
    #[serde(default)]
    pub shared: bool,
    /// What it shows.
    #[serde(default, deserialize_with = "object")]
    pub filter: ChannelFilter,
}

impl Validate for CreateView {
    fn validate(&self, check: &mut Check) {
        check.line("/name", &self.name, 1..=100);
        self.filter.check(check, "/filter/labels");
    }
}

/// A merge patch of a saved filter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PatchView {
    /// What it is called.
    #[serde(default)]
    #[schema(value_type = String, min_length = 1, max_length = 100)]
    pub name: Field<String>,
    /// Whether everybody of the workspace sees it. When it is taken from them, it is the caller's own.
    #[serde(default)]
    #[schema(value_type = bool)]
    pub shared: Field<bool>,
    /// What it shows, member by member; null shows everything that is open and awake.
    #[serde(default, deserialize_with = "object_or_null")]
    #[schema(value_type = Option<PatchFilter>)]
    pub filter: Field<PatchFilter>,
}

impl Validate for PatchView {
    fn validate(&self, check: &mut Check) {
        check.required("/name", &self.name, |check, name| {
            check.line("/name", name, 1..=100);
        });
        check.required("/shared", &self.shared, |_, _| {});
        if let Field::Value(filter) = &self.filter
            && let Field::Value(labels) = &filter.labels
        {
            check_labels(labels, check, "/filter/labels");
        }
    }
}

/// A merge patch of what a saved filter shows; null takes a condition away.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PatchFilter {
    /// Who answers.
    #[serde(default)]
    #[schema(value_type = Option<OwnerFilter>)]
    pub owner: Field<OwnerFilter>,
    /// Who takes care of them: `none`, `me`, or the id of a person.
    #[serde(default)]
    #[schema(value_type = Option<String>, pattern = "^(none|me|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$")]
    pub assignee_id: Field<AssigneeFilter>,
    /// The team that takes care of them.
    #[serde(default)]
    #[schema(value_type = Option<TeamId>)]
    pub team_id: Field<TeamId>,
    /// All labels that they must have.
    #[serde(default)]
    #[schema(value_type = Option<Vec<LabelName>>, max_items = 20)]
    pub labels: Field<Vec<String>>,
    /// How much they press.
    #[serde(default)]
    #[schema(value_type = Option<Priority>)]
    pub priority: Field<Priority>,
    /// The agent that answers in them.
    #[serde(default)]
    #[schema(value_type = Option<AgentId>)]
    pub agent_id: Field<AgentId>,
    /// The visitor whose they are.
    #[serde(default)]
    #[schema(value_type = Option<VisitorId>)]
    pub visitor_id: Field<VisitorId>,
    /// Whether they sleep.
    #[serde(default)]
    #[schema(value_type = Option<SnoozedFilter>)]
    pub snoozed: Field<SnoozedFilter>,
    /// Whether there is something in them that the caller has not read.
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    pub unread: Field<bool>,
}

impl PatchFilter {
    /// The filter after the patch.
    #[must_use]
    pub fn apply(self, filter: ChannelFilter) -> ChannelFilter {
        ChannelFilter {
            owner: self.owner.apply(filter.owner),
            assignee_id: self.assignee_id.apply(filter.assignee_id),
            team_id: self.team_id.apply(filter.team_id),
            labels: self.labels.apply(Some(filter.labels)).unwrap_or_default(),
            priority: self.priority.apply(filter.priority),
            agent_id: self.agent_id.apply(filter.agent_id),
            visitor_id: self.visitor_id.apply(filter.visitor_id),
            snoozed: self.snoozed.apply(filter.snoozed),
            unread: self.unread.apply(filter.unread),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(text: &str) -> ChannelFilter {
        serde_json::from_str(text).expect("a filter")
    }

    #[test]
    fn an_assignee_is_nobody_oneself_or_a_person() {
        let person = UserId::new();
        for (text, expected) in [
            ("none".to_owned(), AssigneeFilter::Nobody),
            ("me".to_owned(), AssigneeFilter::Me),
            (person.to_string(), AssigneeFilter::Person(person)),
        ] {
            let read: AssigneeFilter = serde_json::from_value(text.clone().into()).expect("one");
            assert_eq!(read, expected);
            assert_eq!(String::from(read), text);
        }
        let wrong = serde_json::from_str::<AssigneeFilter>(r#""somebody""#);
        assert!(wrong.is_err_and(|error| error.to_string().contains(ASSIGNEE)));
    }

    #[test]
    fn of_two_filters_the_second_decides_and_the_labels_of_both_count() {
        let saved = filter(r#"{"owner":"queued","priority":"high","labels":["vip"]}"#);
        let asked = filter(r#"{"owner":"any","labels":["beta"],"unread":true}"#);
        let both =
            filter(r#"{"owner":"any","priority":"high","labels":["vip","beta"],"unread":true}"#);
        assert_eq!(saved.with(asked), both);
    }

    #[test]
    fn a_patch_sets_and_takes_away_single_conditions() {
        let saved = filter(r#"{"owner":"queued","priority":"high","labels":["vip"]}"#);
        let patch: PatchFilter =
            serde_json::from_str(r#"{"priority":null,"snoozed":"only"}"#).expect("a patch");
        let expected = filter(r#"{"owner":"queued","labels":["vip"],"snoozed":"only"}"#);
        assert_eq!(patch.apply(saved), expected);
    }

    #[test]
    fn what_a_filter_does_not_say_is_not_stored() {
        let stored = serde_json::to_string(&ChannelFilter::default()).expect("JSON");
        assert_eq!(stored, "{}");
        assert!(serde_json::from_str::<ChannelFilter>(r#"{"colour":"red"}"#).is_err());
    }
}
