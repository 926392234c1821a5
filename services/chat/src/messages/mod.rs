//! Messages and notes over HTTP: the history of a channel, sending without a socket, and what becomes of
//! what was said: edits, deletions, reactions, and whether an answer helped.

mod change;
mod create;
mod list;
mod react;

use common::Problem;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    access::Standing,
    app::App,
    log::{Log, Of, Place},
};

pub use create::send;

/// The routes of messages.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list::list, create::create))
        .routes(routes!(change::edit, change::delete))
        .routes(routes!(react::set_reaction, react::remove_reaction))
        .routes(routes!(react::set_rating))
}

/// The message or note at `seq`, when `standing` may see it.
async fn visible(log: &Log, place: Place, (seq, standing): (i64, Standing)) -> Result<Of, Problem> {
    let of = log.entry(place, seq).await?;
    if of.private && standing.is_customer() {
        return Err(Problem::not_found());
    }
    Ok(of)
}
