//! Introductions over HTTP.

use axum::extract::State;
use chat_api::{Introduce, Introduction, events::VisitorIntroduced};
use common::{
    Problem,
    problem::{Document, Result},
    tokens::Participant,
};
use rest::{Json, NoStore};
use vault::Scope;

use super::{context, model, of, store};
use crate::{app::App, consents, settings};

/// Say who one is
///
/// What the form before the conversation, or the one for when nobody is there, asks for. It replaces what
/// the visitor said before, and the CRM fills what it does not know yet of their contact. The same once
/// more changes nothing.
#[utoipa::path(
    put, path = "/introduction", operation_id = "introduce_visitor", tag = "settings",
    security(("bearer" = [])),
    request_body = Introduce,
    responses(
        (status = 200, description = "what the visitor said", body = Introduction),
        (status = 403, description = "the visitor has not agreed to the workspace's text",
         body = Document, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn introduce(
    State(app): State<App>,
    who: Participant,
    Json(body): Json<Introduce>,
) -> Result<NoStore<Introduction>> {
    let (workspace, visitor) = (who.workspace_id(), consents::customer(&who));
    settings::may_tell(&app, workspace, visitor).await?;
    let said = model::kept(body);
    if let Some(before) = of(&app, workspace, visitor).await? {
        let same = model::told(visitor, said.clone(), before.version, before.introduced_at);
        if same == before {
            return Ok(NoStore(before));
        }
    }
    let plain = model::write(&said).map_err(Problem::internal)?;
    let (scope, context) = (Scope::workspace(workspace), context(visitor));
    let sealed = app.vault.seal(scope, &context, &plain).await?;
    let now = app.clock.now();
    let mut transaction = app.pool.begin().await?;
    let version = store::save(&mut transaction, (workspace, visitor), &sealed, now).await?;
    let event = VisitorIntroduced {
        visitor_id: visitor,
        version,
        introduced_at: now,
    };
    app.outbox
        .append(&mut transaction, workspace, &event)
        .await?;
    app.outbox.commit(transaction).await?;
    Ok(NoStore(model::told(visitor, said, version, now)))
}
