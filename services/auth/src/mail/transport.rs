//! How letters leave: by SMTP, or as files.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, Result};
use lettre::{
    AsyncFileTransport, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{Mailbox, MultiPart},
};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use super::letter::Rendered;

const SEND_WITHIN: Duration = Duration::from_secs(20);

/// How letters leave.
#[derive(Debug, Clone, clap::Args)]
pub struct MailConfig {
    /// The mail server: smtps://user:password@host:465, or smtp://host:587?tls=required.
    #[arg(long, env = "SYNTERA_SMTP_URL", hide_env_values = true)]
    pub smtp_url: Option<SecretString>,
    /// Without a mail server: the folder that letters are written to, one .eml file each.
    #[arg(
        long,
        env = "SYNTERA_MAIL_DIR",
        required_unless_present = "smtp_url",
        conflicts_with = "smtp_url"
    )]
    pub mail_dir: Option<PathBuf>,
    /// Whom letters come from.
    #[arg(
        long,
        env = "SYNTERA_MAIL_FROM",
        default_value = "Syntera <no-reply@localhost.localdomain>"
    )]
    pub mail_from: String,
}

/// Sends letters. Cheap to clone.
#[derive(Clone)]
pub(super) struct Transport {
    way: Way,
    from: Mailbox,
}

#[derive(Clone)]
enum Way {
    Smtp(AsyncSmtpTransport<Tokio1Executor>),
    Files(AsyncFileTransport<Tokio1Executor>),
}

/// Why a letter was not sent.
#[derive(Debug, thiserror::Error)]
pub(super) enum SendError {
    /// It never can be: the address or the server says so.
    #[error("the letter is refused: {0}")]
    Refused(String),
    /// It may go later.
    #[error("the letter could not be sent: {0}")]
    Failed(String),
}

impl Transport {
    /// The way that the settings name.
    ///
    /// # Errors
    /// When a setting cannot be used.
    pub(super) fn new(config: &MailConfig) -> Result<Self> {
        let from = config
            .mail_from
            .parse()
            .context("SYNTERA_MAIL_FROM is no address such as `Syntera <no-reply@example.com>`")?;
        let way = match (&config.smtp_url, &config.mail_dir) {
            (Some(url), _) => Way::Smtp(
                AsyncSmtpTransport::<Tokio1Executor>::from_url(url.expose_secret())
                    .map_err(|_| anyhow::anyhow!("SYNTERA_SMTP_URL is no SMTP URL"))?
                    .timeout(Some(SEND_WITHIN))
                    .build(),
            ),
            (None, Some(folder)) => {
                std::fs::create_dir_all(folder)
                    .with_context(|| format!("cannot make {}", folder.display()))?;
                Way::Files(AsyncFileTransport::new(folder))
            }
            (None, None) => anyhow::bail!("set SYNTERA_SMTP_URL or SYNTERA_MAIL_DIR"),
        };
        Ok(Self { way, from })
    }

    /// Sends a letter. The same `id` makes the same `Message-ID`, so that a reader's mail program can
    /// tell a letter that was sent twice.
    pub(super) async fn send(&self, id: Uuid, to: &str, letter: Rendered) -> Result<(), SendError> {
        let refused = |error: &dyn std::fmt::Display| SendError::Refused(error.to_string());
        let to: Mailbox = to
            .parse::<lettre::Address>()
            // The error would repeat the address.
            .map_err(|_| SendError::Refused("the address is none".to_owned()))?
            .into();
        let message = Message::builder()
            .from(self.from.clone())
            .to(to)
            .message_id(Some(format!("<{id}@{}>", self.from.email.domain())))
            .subject(letter.subject)
            .multipart(MultiPart::alternative_plain_html(letter.text, letter.html))
            .map_err(|error| refused(&error))?;
        match &self.way {
            Way::Smtp(smtp) => match smtp.send(message).await {
                Ok(_) => Ok(()),
                Err(error) if error.is_permanent() => Err(refused(&status(&error))),
                Err(error) => Err(SendError::Failed(status(&error))),
            },
            Way::Files(files) => files
                .send(message)
                .await
                .map(|_| ())
                .map_err(|error| SendError::Failed(error.to_string())),
        }
    }
}

/// What the server said, without its words: they may repeat the address.
fn status(error: &lettre::transport::smtp::Error) -> String {
    match error.status() {
        Some(code) => format!("the mail server answered {code}"),
        None if error.is_timeout() => "the mail server did not answer in time".to_owned(),
        None => "the mail server cannot be reached".to_owned(),
    }
}
