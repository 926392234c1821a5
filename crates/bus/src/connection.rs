//! The connection: dialled when first needed, and again whenever it was lost.
//!
//! lapin can recover connections by itself. We dial anew instead: each user of a connection (the
//! publisher, each consumer) has its own loop that starts over from nothing, so there is one path for
//! the first start, a restart of the broker and a cut network, and it is the path that always runs.

use std::{str::FromStr, sync::Arc, time::Duration};

use lapin::{
    Channel, Connection, ConnectionProperties, options::ConfirmSelectOptions, uri::AMQPUri,
};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;

use crate::{publish::PublishError, topology};

/// A broker that takes longer for one call is not there. lapin itself waits for the heartbeat to fail.
pub(crate) const CALL_WITHIN: Duration = Duration::from_secs(5);
/// The first dial declares every queue, which takes a fresh quorum queue some seconds.
const DECLARE_WITHIN: Duration = Duration::from_secs(20);
/// Seconds between heartbeats: a broker that vanished without a word is noticed after two of them.
const HEARTBEAT: u16 = 10;

/// Where the broker is.
#[derive(Debug, Clone, clap::Args)]
pub struct BusConfig {
    /// RabbitMQ: amqp://user:password@host:port/vhost.
    #[arg(
        long,
        env = "SYNTERA_AMQP_URL",
        hide_env_values = true,
        default_value = "amqp://127.0.0.1:5672/%2f"
    )]
    pub amqp_url: SecretString,
}

/// The bus as one process uses it. Cheap to clone.
#[derive(Clone)]
pub struct Bus(Arc<Inner>);

struct Inner {
    name: &'static str,
    url: SecretString,
    connection: Mutex<Option<Connection>>,
    publisher: Mutex<Option<Channel>>,
}

impl Bus {
    /// A bus that dials when it is first used. `name` shows in the broker's list of connections.
    #[must_use]
    pub fn new(name: &'static str, config: &BusConfig) -> Self {
        Self(Arc::new(Inner {
            name,
            url: config.amqp_url.clone(),
            connection: Mutex::new(None),
            publisher: Mutex::new(None),
        }))
    }

    /// Whether the broker answers, for `/readyz`. Dials when there is no connection.
    ///
    /// # Errors
    /// When it does not.
    pub async fn check(&self) -> Result<(), PublishError> {
        self.publisher().await.map(drop)
    }

    /// A new channel on the shared connection, with the topology declared.
    pub(crate) async fn channel(&self) -> Result<Channel, PublishError> {
        let mut slot = self.0.connection.lock().await;
        if let Some(connection) = slot.take().filter(|known| known.status().connected())
            && let Ok(channel) = within(CALL_WITHIN, connection.create_channel()).await
        {
            *slot = Some(connection);
            return Ok(channel);
        }
        let properties = ConnectionProperties::default().with_connection_name(self.0.name.into());
        let mut uri =
            AMQPUri::from_str(self.0.url.expose_secret()).map_err(|_| PublishError::Address)?;
        uri.query.heartbeat.get_or_insert(HEARTBEAT);
        let connection = within(CALL_WITHIN, Connection::connect_uri(uri, properties)).await?;
        let channel = within(CALL_WITHIN, connection.create_channel()).await?;
        within(DECLARE_WITHIN, topology::declare(&channel)).await?;
        tracing::info!("connected to the broker");
        *slot = Some(connection);
        Ok(channel)
    }

    /// The channel that publishes, in confirm mode.
    pub(crate) async fn publisher(&self) -> Result<Channel, PublishError> {
        let mut slot = self.0.publisher.lock().await;
        if let Some(channel) = slot.as_ref().filter(|channel| channel.status().connected()) {
            return Ok(channel.clone());
        }
        *slot = None;
        let channel = self.channel().await?;
        let confirm = channel.confirm_select(ConfirmSelectOptions::default());
        within(CALL_WITHIN, confirm).await?;
        *slot = Some(channel.clone());
        Ok(channel)
    }

    /// Forgets the publishing channel, so that the next publication begins on a new one.
    pub(crate) async fn drop_publisher(&self) {
        self.0.publisher.lock().await.take();
    }
}

/// What the broker answers, or that it did not in time.
pub(crate) async fn within<T>(
    limit: Duration,
    call: impl Future<Output = Result<T, lapin::Error>>,
) -> Result<T, PublishError> {
    let answer = tokio::time::timeout(limit, call).await;
    Ok(answer.map_err(|_| PublishError::TimedOut)??)
}

impl std::fmt::Debug for Bus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bus")
            .field("name", &self.0.name)
            .finish_non_exhaustive()
    }
}
