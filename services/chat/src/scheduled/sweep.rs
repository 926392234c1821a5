//! Sending what is due, by any number of instances.

use std::time::Duration;

use chat_api::{Body, Written};
use common::Problem;
use tokio_util::sync::CancellationToken;

use super::{
    model::CUSTOMER_REPLIED,
    opened,
    store::{self, Due},
};
use crate::{
    app::App,
    log::{Actor, Error, Said},
    markdown,
};

const LOOK_EVERY: Duration = Duration::from_secs(1);
/// What one instance took up and did not finish is taken up again after so long.
const AGAIN_AFTER: chrono::Duration = chrono::Duration::seconds(30);
const PORTION: i64 = 100;

/// Sends what is due, until `stop`.
pub(crate) async fn send_until(app: App, stop: CancellationToken) {
    let mut failing = false;
    while !stop.is_cancelled() {
        match send_all(&app).await {
            Ok(()) => failing = false,
            Err(error) if !failing => {
                tracing::warn!(%error, "messages that are due wait");
                failing = true;
            }
            Err(_) => {}
        }
        stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY))
            .await;
    }
}

async fn send_all(app: &App) -> sqlx::Result<()> {
    store::cancel_answered(&app.pool, app.clock.now()).await?;
    for due in store::due(&app.pool, app.clock.now(), PORTION).await? {
        if let Err(error) = send(app, &due).await {
            // One that cannot be sent now does not hold up the others.
            tracing::warn!(%error, message = %due.id, "a message that is due waits");
        }
    }
    Ok(())
}

/// Sends one message, unless the customer wrote before it was decided that it is sent.
async fn send(app: &App, due: &Due) -> anyhow::Result<()> {
    let now = app.clock.now();
    if let (false, Some(after)) = (due.decided, due.unless_after) {
        // The rows follow the log a moment later.
        let head = app.log.head(due.place).await?;
        if head.last_visitor_seq > after {
            let why = (CUSTOMER_REPLIED, now);
            store::cancel(&app.pool, due.place, (due.id, due.version), why).await?;
            return Ok(());
        }
    }
    if !store::take_up(&app.pool, due, (now + AGAIN_AFTER, now)).await? {
        return Ok(());
    }
    let Some(row) = store::find(&app.pool, due.place, due.id).await? else {
        return Ok(());
    };
    let message = opened(app, due.place.workspace, row).await?;
    let said = Said {
        client_id: due.id.to_string(),
        kind: Written::Message,
        body: Body {
            blocks: markdown::parse(message.text.expose()),
            text: message.text,
            ..Body::default()
        },
    };
    let said = app
        .log
        .say(due.place, Actor::Person(message.user_id), said)
        .await;
    let now = app.clock.now();
    match said {
        Ok((entry, _)) => store::settle(&app.pool, due, Ok(entry.seq), now).await?,
        Err(Error::Refused(refusal)) => {
            let code = Problem::from(refusal).code().as_str();
            store::settle(&app.pool, due, Err(code), now).await?;
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}
