//! Views: filters over the inbox that people save, for themselves or for everybody of the workspace.

mod error;
mod http;
pub(super) mod store;

use chat_api::{PatchView, View};
use chrono::{DateTime, Utc};
use common::{
    Problem,
    tokens::{Caller, Permission},
};
use ids::UserId;
use rest::Field;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::app::App;

pub(super) use error::Error;

/// Views of one person's own, and shared ones of a workspace.
const MOST: i64 = 100;

/// The routes of views.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(http::list, http::create))
        .routes(routes!(http::get, http::update, http::delete))
}

/// A view and the version that guards its changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Versioned {
    pub(super) view: View,
    pub(super) version: i64,
}

/// The view after a merge patch. What is taken from the others belongs to whoever takes it.
fn patched(view: &View, patch: PatchView, (by, now): (UserId, DateTime<Utc>)) -> View {
    let current = view.clone();
    let shared = patch.shared.apply(Some(current.shared)).unwrap_or_default();
    let patched = View {
        name: patch
            .name
            .apply(Some(current.name))
            .unwrap_or_default()
            .trim()
            .to_owned(),
        user_id: if current.shared && !shared {
            by
        } else {
            current.user_id
        },
        shared,
        filter: match patch.filter {
            Field::Absent => current.filter,
            Field::Null => Default::default(),
            Field::Value(filter) => filter.apply(current.filter),
        },
        ..current
    };
    if patched == *view {
        return patched;
    }
    View {
        updated_at: now,
        ..patched
    }
}

/// Lets those change a view who may: a shared one by whoever sets up the inbox, others by whose they are.
fn may_change(caller: &Caller, shared: bool) -> Result<(), Problem> {
    if shared {
        caller.require(Permission::ChatSettingsWrite)
    } else {
        caller.require(Permission::ConversationsRead)
    }
}

#[cfg(test)]
mod tests {
    use chat_api::{ChannelFilter, OwnerFilter};
    use ids::ViewId;

    use super::*;

    fn patch(text: &str) -> PatchView {
        serde_json::from_str(text).expect("a patch")
    }

    #[test]
    fn a_view_that_is_taken_from_the_others_belongs_to_whoever_takes_it() {
        let (maker, taker) = (UserId::new(), UserId::new());
        let (then, now) = (
            DateTime::UNIX_EPOCH,
            DateTime::UNIX_EPOCH + chrono::Duration::days(1),
        );
        let view = View {
            id: ViewId::new(),
            name: "Waiting".to_owned(),
            shared: true,
            user_id: maker,
            filter: ChannelFilter {
                owner: Some(OwnerFilter::Queued),
                ..ChannelFilter::default()
            },
            created_at: then,
            updated_at: then,
        };
        assert_eq!(patched(&view, patch("{}"), (taker, now)), view);
        let renamed = patched(&view, patch(r#"{"name":" Late "}"#), (taker, now));
        assert_eq!((renamed.name.as_str(), renamed.user_id), ("Late", maker));
        assert_eq!(renamed.updated_at, now);
        let taken = patched(
            &view,
            patch(r#"{"shared":false,"filter":null}"#),
            (taker, now),
        );
        assert_eq!((taken.user_id, taken.shared), (taker, false));
        assert_eq!(taken.filter, ChannelFilter::default());
        // Sharing it again leaves it theirs.
        let shared = patched(&taken, patch(r#"{"shared":true}"#), (maker, now));
        assert_eq!((shared.user_id, shared.shared), (taker, true));
    }
}
