//! What works behind the requests, beside the log and the sockets.

use std::pin::Pin;

use crate::{app::App, availability, drafts, routing, scheduled, teams};

/// Starts it; it ends with the process.
pub fn start(app: &App) {
    let stop = app.lifecycle.stop_token();
    let spawn = |work: Pin<Box<dyn Future<Output = ()> + Send>>| {
        app.lifecycle.spawn_background(work);
    };
    let (settings, until) = (app.settings.clone(), stop.clone());
    spawn(Box::pin(async move {
        until.run_until_cancelled(settings.follow()).await;
    }));
    spawn(Box::pin(app.outbox.clone().relay(stop.clone())));
    // As long as sockets stay, those who have them are there.
    let cut = app.lifecycle.cut_token();
    spawn(Box::pin(availability::tell_until(app.clone(), cut)));
    spawn(Box::pin(routing::route_until(app.clone(), stop.clone())));
    spawn(Box::pin(scheduled::send_until(app.clone(), stop.clone())));
    spawn(Box::pin(teams::leave_until(app.clone(), stop.clone())));
    spawn(Box::pin(drafts::clean_until(app.clone(), stop)));
}
