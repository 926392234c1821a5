//! The connection: dialled when first needed, and again whenever it was lost.
//!
//! lapin can recover connections by itself. We dial anew instead: each user of a connection (the
//! publisher, each consumer) has its own loop that starts over from nothing, so there is one path for
//! the first start, a restart of the broker and a cut network, and it is the path that always runs.

use std::{sync::Arc, time::Duration};

use lapin::{Channel, Connection, ConnectionProperties, options::ConfirmSelectOptions};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;

use crate::{publish::PublishError, topology};

const DIAL_WITHIN: Duration = Duration::from_secs(5);

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
        if let Some(connection) = slot
            .as_ref()
            .filter(|connection| connection.status().connected())
        {
            return Ok(connection.create_channel().await?);
        }
        *slot = None;
        let properties = ConnectionProperties::default().with_connection_name(self.0.name.into());
        let dial = async {
            let connection = Connection::connect(self.0.url.expose_secret(), properties).await?;
            let channel = connection.create_channel().await?;
            topology::declare(&channel).await?;
            Ok::<_, lapin::Error>((connection, channel))
        };
        let (connection, channel) = tokio::time::timeout(DIAL_WITHIN, dial)
            .await
            .map_err(|_| PublishError::TimedOut)??;
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
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await?;
        *slot = Some(channel.clone());
        Ok(channel)
    }

    /// Forgets the publishing channel, so that the next publication begins on a new one.
    pub(crate) async fn drop_publisher(&self) {
        self.0.publisher.lock().await.take();
    }
}

impl std::fmt::Debug for Bus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bus")
            .field("name", &self.0.name)
            .finish_non_exhaustive()
    }
}
