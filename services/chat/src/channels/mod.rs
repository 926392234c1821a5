//! Channels over HTTP: how one stands, who answers in it, and what people of the company arrange about
//! it. Lists of channels are the inbox's.

mod arrange;
mod merge;
mod owner;
mod read;

use chat_api::Channel;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    access::Standing,
    app::App,
    log::{self, Head, Place},
};

/// The routes of channels.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(read::get, arrange::update))
        .routes(routes!(read::mark_read))
        .routes(routes!(owner::set_owner))
        .routes(routes!(owner::reopen))
        .routes(routes!(owner::rate))
        .routes(routes!(merge::merge))
        .routes(routes!(merge::unmerge))
        .routes(routes!(
            arrange::add_participant,
            arrange::remove_participant
        ))
}

/// The channel that a head describes, as far as `standing` may see it.
fn shown(place: Place, head: &Head, standing: Standing) -> Channel {
    let channel = log::channel(place, head);
    if standing.is_customer() {
        Channel {
            head_seq: head.public_seq,
            ..channel.for_visitor()
        }
    } else {
        channel
    }
}
