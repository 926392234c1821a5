//! What the widget asks for before it shows a conversation.

use axum::extract::State;
use chat_api::{WidgetConsent, WidgetSettings};
use common::{problem::Result, tokens::Participant};
use rest::Json;

use super::{has_agreed, of};
use crate::{app::App, availability, consents};

/// Get what the widget needs
///
/// The settings that concern visitors, whether this one still has to agree to the text, and how many
/// people of the company are there.
#[utoipa::path(
    get, path = "/widget-settings", operation_id = "get_widget_settings", tag = "settings",
    security(("bearer" = [])),
    responses((status = 200, description = "the settings", body = WidgetSettings)),
)]
pub(super) async fn get_widget_settings(
    State(app): State<App>,
    who: Participant,
) -> Result<Json<WidgetSettings>> {
    let workspace = who.workspace_id();
    let settings = of(&app, workspace).await?;
    let consent = &settings.consent;
    let needed = if consent.required {
        let visitor = consents::customer(&who);
        !has_agreed(&app, workspace, visitor, consent.version).await?
    } else {
        false
    };
    let people_online = match availability::online(&app.pool, workspace, None).await {
        Ok(count) => count,
        Err(error) => {
            tracing::debug!(%error, "nobody knows who is there");
            0
        }
    };
    Ok(Json(WidgetSettings {
        consent: WidgetConsent {
            required: consent.required,
            version: consent.version,
            text: consent.text.clone(),
            needed,
        },
        prechat: settings.prechat.clone(),
        offline_form: settings.offline_form,
        csat: settings.csat,
        ai_first: settings.ai_first,
        greetings: settings.greetings.clone(),
        edit_minutes: settings.edit_minutes,
        reopen_days: settings.reopen_days,
        people_online,
    }))
}
