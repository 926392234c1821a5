//! Redis: what may vanish. Every call has a deadline, because a command can wait for seconds while the
//! connection is being made anew.

use std::time::Duration;

use anyhow::Context;
use common::server::Unhealthy;
use redis::{
    AsyncConnectionConfig, Client, Cmd, FromRedisValue, RedisError, RedisResult, ScriptInvocation,
    aio::{ConnectionManager, ConnectionManagerConfig},
};
use secrecy::{ExposeSecret, SecretString};

/// Where Redis is.
#[derive(Debug, Clone, clap::Args)]
pub struct RedisConfig {
    /// Redis: redis://:password@host:port/0.
    #[arg(
        long,
        env = "SYNTERA_REDIS_URL",
        hide_env_values = true,
        default_value = "redis://127.0.0.1:6379/0"
    )]
    pub redis_url: SecretString,
}

/// One shared connection that is made anew when it breaks. Cheap to clone.
#[derive(Clone)]
pub struct Redis {
    client: Client,
    manager: ConnectionManager,
}

/// A call to Redis failed or took too long. Nobody may depend on it.
#[derive(Debug)]
pub enum Error {
    /// Redis refused or is not there.
    Redis(RedisError),
    /// No answer within the deadline.
    TimedOut(Duration),
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Redis(error) => write!(f, "redis: {error}"),
            Self::TimedOut(limit) => write!(f, "redis: no answer within {limit:?}"),
        }
    }
}

impl std::error::Error for Error {}

impl Redis {
    /// A client that connects when it is first used. Needs a runtime.
    ///
    /// # Errors
    /// When the URL cannot be read.
    pub fn connect(config: &RedisConfig) -> anyhow::Result<Self> {
        let client = Client::open(config.redis_url.expose_secret())
            .context("SYNTERA_REDIS_URL is not a Redis URL")?;
        let settings = ConnectionManagerConfig::new()
            .set_number_of_retries(1)
            .set_max_delay(Duration::from_secs(1))
            .set_connection_timeout(Some(Duration::from_secs(1)))
            .set_response_timeout(Some(Duration::from_secs(1)));
        let manager = ConnectionManager::new_lazy_with_config(client.clone(), settings)?;
        Ok(Self { client, manager })
    }

    /// Runs one command within `deadline`.
    ///
    /// # Errors
    /// When Redis refuses, is not there, or is too slow.
    pub async fn run<T: FromRedisValue>(
        &self,
        command: &Cmd,
        deadline: Duration,
    ) -> Result<T, Error> {
        let mut manager = self.manager.clone();
        match tokio::time::timeout(deadline, command.query_async(&mut manager)).await {
            Ok(result) => result.map_err(Error::Redis),
            Err(_) => Err(Error::TimedOut(deadline)),
        }
    }

    /// Runs a script within `deadline`, by its hash where the server knows it already.
    ///
    /// # Errors
    /// When Redis refuses, is not there, or is too slow.
    pub async fn invoke<T: FromRedisValue>(
        &self,
        script: &ScriptInvocation<'_>,
        deadline: Duration,
    ) -> Result<T, Error> {
        let mut manager = self.manager.clone();
        match tokio::time::timeout(deadline, script.invoke_async(&mut manager)).await {
            Ok(result) => result.map_err(Error::Redis),
            Err(_) => Err(Error::TimedOut(deadline)),
        }
    }

    /// A connection of its own for pub/sub; it ends when Redis goes away, and the caller asks again.
    ///
    /// # Errors
    /// When Redis is not there.
    pub async fn pubsub(&self) -> RedisResult<redis::aio::PubSub> {
        let connect = self.client.get_async_pubsub();
        match tokio::time::timeout(Duration::from_secs(2), connect).await {
            Ok(result) => result,
            Err(_) => Err((redis::ErrorKind::Io, "no answer within 2 s").into()),
        }
    }

    /// A connection of its own for ordinary commands, for whoever must not share one.
    ///
    /// # Errors
    /// When Redis is not there.
    pub async fn dedicated(&self) -> RedisResult<redis::aio::MultiplexedConnection> {
        let settings =
            AsyncConnectionConfig::new().set_connection_timeout(Some(Duration::from_secs(1)));
        self.client
            .get_multiplexed_async_connection_with_config(&settings)
            .await
    }

    /// Whether Redis answers, for `/readyz`.
    ///
    /// # Errors
    /// When it does not.
    pub async fn check(&self) -> Result<(), Unhealthy> {
        self.run::<String>(&redis::cmd("PING"), Duration::from_secs(1))
            .await?;
        Ok(())
    }
}

impl std::fmt::Debug for Redis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Redis")
    }
}
