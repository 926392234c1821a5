//! The query of a list of channels, as it stands in the address.

use axum::{
    extract::FromRequestParts,
    http::{Request, request::Parts},
};
use chat_api::{AssigneeFilter, ChannelFilter, LabelName, OwnerFilter, Priority, SnoozedFilter};
use common::{ErrorCode, Problem, problem::FieldError};
use ids::{AgentId, TeamId, ViewId, VisitorId};
use rest::{Check, Cursor, Limit, Query};
use serde::{Deserialize, Deserializer};
use url::form_urlencoded;
use utoipa::IntoParams;

use super::list::{Order, Position, Scope, Sort};

/// Which list a person looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) enum Named {
    /// One that everybody has.
    BuiltIn(Scope),
    /// One that somebody saved.
    Saved(ViewId),
}

impl TryFrom<String> for Named {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.as_str() {
            "mine" => Ok(Self::BuiltIn(Scope::Mine)),
            "unassigned" => Ok(Self::BuiltIn(Scope::Unassigned)),
            "all" => Ok(Self::BuiltIn(Scope::All)),
            "mentions" => Ok(Self::BuiltIn(Scope::Mentions)),
            id => id.parse().map(Self::Saved).map_err(
                |_| "must be `mine`, `unassigned`, `all`, `mentions`, or the id of a view",
            ),
        }
    }
}

/// Which channels, in which order. Visitors give `limit` and `cursor` only.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListChannels {
    /// `mine`: those that the caller takes care of; `unassigned`: those where a person is wanted and nobody
    /// takes care of it; `all`; `mentions`: those where a note mentions the caller; or the id of a view.
    /// What else is given narrows it, or decides in place of what the view says of it.
    #[param(value_type = Option<String>)]
    view: Option<Named>,
    /// Who answers. Those that are open when absent, in `mentions` all.
    #[param(inline, value_type = Option<OwnerFilter>)]
    owner: Option<OwnerFilter>,
    /// Who takes care of them: `none`, `me`, or the id of a person.
    #[param(value_type = Option<String>)]
    assignee_id: Option<AssigneeFilter>,
    /// The team that takes care of them.
    #[param(value_type = Option<String>, format = Uuid)]
    team_id: Option<TeamId>,
    /// A label that they must have; given several times, all of them.
    #[serde(default, deserialize_with = "gathered_labels")]
    #[param(inline, value_type = Option<Vec<LabelName>>, max_items = 20)]
    label: Vec<String>,
    /// How much they press.
    #[param(inline, value_type = Option<Priority>)]
    priority: Option<Priority>,
    /// The agent that answers in them.
    #[param(value_type = Option<String>, format = Uuid)]
    agent_id: Option<AgentId>,
    /// The visitor whose they are.
    #[param(value_type = Option<String>, format = Uuid)]
    visitor_id: Option<VisitorId>,
    /// Whether they sleep. Only those that do not when absent, in `mentions` all.
    #[param(inline, value_type = Option<SnoozedFilter>)]
    snoozed: Option<SnoozedFilter>,
    /// Whether there is a message that the caller has not read; in `mentions`, a note.
    unread: Option<bool>,
    /// By what they are sorted.
    #[serde(default)]
    #[param(inline, value_type = Option<Sort>)]
    sort: Sort,
    /// Which way. Upwards by `waiting`, so that whoever waits longest comes first, otherwise downwards.
    #[param(inline, value_type = Option<Order>)]
    order: Option<Order>,
    /// How many at most.
    #[serde(default)]
    #[param(value_type = Option<u8>, minimum = 1, maximum = 100)]
    limit: Limit,
    /// `next_cursor` of the page before, made in the same order.
    #[param(value_type = Option<String>)]
    cursor: Option<Cursor>,
}

/// What a person or a visitor wants to see.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) view: Option<Named>,
    pub(super) filter: ChannelFilter,
    pub(super) sorted: (Sort, Order),
    pub(super) limit: Limit,
    cursor: Option<Cursor>,
    /// Whether anything but a page of the list was asked for.
    narrowed: bool,
}

impl Wanted {
    fn new(query: ListChannels) -> Result<Self, Problem> {
        let order = query.order.unwrap_or_else(|| query.sort.usual());
        let narrowed =
            query.view.is_some() || query.order.is_some() || query.sort != Sort::default();
        let filter = ChannelFilter {
            owner: query.owner,
            assignee_id: query.assignee_id,
            team_id: query.team_id,
            labels: query.label,
            priority: query.priority,
            agent_id: query.agent_id,
            visitor_id: query.visitor_id,
            snoozed: query.snoozed,
            unread: query.unread,
        };
        let mut check = Check::default();
        filter.check(&mut check, "label");
        check.parameters()?;
        Ok(Self {
            view: query.view,
            narrowed: narrowed || filter != ChannelFilter::default(),
            filter,
            sorted: (query.sort, order),
            limit: query.limit,
            cursor: query.cursor,
        })
    }

    /// Where the page begins, in this order.
    pub(super) fn after(&self, sorted: (Sort, Order)) -> Result<Option<Position>, Problem> {
        let cursor = self.cursor.as_ref();
        cursor
            .map(|cursor| Position::read(cursor, sorted))
            .transpose()
    }

    /// Lets those pass who ask for a page and nothing else.
    pub(super) fn nothing_but_a_page(&self) -> Result<(), Problem> {
        if !self.narrowed {
            return Ok(());
        }
        let detail = "visitors list their own conversations, by `limit` and `cursor` only";
        Err(Problem::new(ErrorCode::InvalidQuery)
            .detail(detail)
            .field(FieldError::parameter("view", detail)))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Wanted {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text = gather(parts.uri.query().unwrap_or_default());
        let asked = Request::builder().uri(format!("/?{text}")).body(());
        let (mut asked, ()) = asked.map_err(|_| too_long())?.into_parts();
        let Query(query) = Query::<ListChannels>::from_request_parts(&mut asked, state).await?;
        Self::new(query)
    }
}

fn too_long() -> Problem {
    let detail = "shorter labels, or fewer";
    Problem::new(ErrorCode::InvalidQuery)
        .detail(detail)
        .field(FieldError::parameter("label", detail))
}

/// The query with all its labels in one parameter, as JSON: no other parameter may come twice.
fn gather(text: &str) -> String {
    let mut labels = Vec::new();
    let mut gathered = form_urlencoded::Serializer::new(String::new());
    for (name, value) in form_urlencoded::parse(text.as_bytes()) {
        if name == "label" {
            labels.push(value.into_owned());
        } else {
            gathered.append_pair(&name, &value);
        }
    }
    if !labels.is_empty() {
        let labels = serde_json::to_string(&labels).expect("strings are JSON");
        gathered.append_pair("label", &labels);
    }
    gathered.finish()
}

/// Reads what [`gather`] wrote.
fn gathered_labels<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    serde_json::from_str(&text).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use ids::UserId;

    use super::*;

    async fn read(text: &str) -> Result<Wanted, Problem> {
        let request = Request::builder().uri(format!("/channels?{text}")).body(());
        let (mut parts, ()) = request.expect("a request").into_parts();
        Wanted::from_request_parts(&mut parts, &()).await
    }

    #[tokio::test]
    async fn a_label_may_come_several_times_and_nothing_else_may() {
        let wanted = read("label=vip&owner=queued&label=%22a%20b%22")
            .await
            .expect("a query");
        assert_eq!(wanted.filter.labels, ["vip", "\"a b\""]);
        assert_eq!(wanted.filter.owner, Some(OwnerFilter::Queued));
        let problem = read("owner=ai&owner=human").await.expect_err("twice");
        assert_eq!(problem.code(), ErrorCode::InvalidQuery);
    }

    #[tokio::test]
    async fn what_does_not_fit_is_named() {
        for (text, name) in [
            ("view=yours", "view"),
            ("owner=open", "owner"),
            ("assignee_id=ada", "assignee_id"),
            ("label=", "label"),
            ("sort=name", "sort"),
            ("order=up", "order"),
            ("unread=maybe", "unread"),
            ("q=text", "q"),
        ] {
            let problem = read(text).await.expect_err(text);
            let errors = problem.document().errors;
            assert_eq!(errors[0].parameter.as_deref(), Some(name), "{text}");
        }
    }

    #[tokio::test]
    async fn each_order_has_a_usual_direction() {
        for (text, expected) in [
            ("", (Sort::LastActivity, Order::Desc)),
            ("sort=waiting", (Sort::Waiting, Order::Asc)),
            ("sort=priority&order=asc", (Sort::Priority, Order::Asc)),
            ("sort=created", (Sort::Created, Order::Desc)),
        ] {
            assert_eq!(
                read(text).await.expect("a query").sorted,
                expected,
                "{text}"
            );
        }
    }

    #[tokio::test]
    async fn visitors_get_a_page_and_nothing_else() {
        assert!(
            read("limit=3")
                .await
                .expect("a query")
                .nothing_but_a_page()
                .is_ok()
        );
        let person = UserId::new();
        for text in [
            "view=all",
            "unread=true",
            "sort=created",
            format!("assignee_id={person}").as_str(),
        ] {
            let refused = read(text).await.expect("a query").nothing_but_a_page();
            assert!(refused.is_err(), "{text}");
        }
    }

    #[tokio::test]
    async fn a_cursor_fits_one_order_only() {
        let key = |sort: &str, order: &str, key: serde_json::Value| {
            let id = ids::ChannelId::new();
            let position =
                serde_json::json!({ "sort": sort, "order": order, "key": key, "id": id });
            String::from(Cursor::of(&position))
        };
        let time = serde_json::json!({ "time": "2026-11-23T10:00:00Z" });
        let of = |cursor: &str, query: &str| format!("{query}&cursor={cursor}");
        let cursor = key("created", "desc", time.clone());
        let wanted = read(&of(&cursor, "sort=created")).await.expect("a query");
        assert!(wanted.after(wanted.sorted).expect("it fits").is_some());
        for (cursor, query) in [
            (
                key("created", "desc", time.clone()),
                "sort=created&order=asc",
            ),
            (key("created", "desc", time.clone()), "sort=waiting"),
            // Forged: a key of another kind, and a time that no row has.
            (key("priority", "desc", time), "sort=priority"),
            (
                key(
                    "created",
                    "desc",
                    serde_json::json!({ "time": "+262000-01-01T00:00:00Z" }),
                ),
                "sort=created",
            ),
        ] {
            let wanted = read(&of(&cursor, query)).await.expect("a query");
            let problem = wanted.after(wanted.sorted).expect_err(query);
            assert_eq!(problem.code(), ErrorCode::InvalidCursor, "{query}");
        }
    }
}
