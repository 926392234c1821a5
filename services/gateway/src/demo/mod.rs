//! The demo workspace: a made-up shop whose help texts an agent answers from.
//!
//! It is made through the public API, as a customer would make it, and can be made again at any time:
//! what is there stays.

mod api;

use std::{
    fs,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, bail};
use clap::Args;
use common::server::PublicUrl;
use serde::{Deserialize, Serialize};
use url::Url;

use api::{Api, Status};

const AGENT: &str = "Juniper";
const READY_WITHIN: Duration = Duration::from_secs(180);
const LOOK_EVERY: Duration = Duration::from_millis(500);
const TELL_EVERY: u32 = 4;

/// The settings of `seed`.
#[derive(Debug, Clone, Args)]
pub struct SeedConfig {
    /// The gateway to talk to [default: the public URL].
    #[arg(long, env = "SYNTERA_GATEWAY_URL")]
    pub gateway_url: Option<Url>,
    /// Where people reach the gateway; the demo's key is bound to this origin.
    #[command(flatten)]
    pub public: PublicUrl,
    /// The built web files; the help texts are under demo/help.
    #[arg(long, env = "SYNTERA_WEB_DIR", default_value = "web/dist")]
    pub web_dir: PathBuf,
    /// What the demo page needs to know is written to this file.
    #[arg(long, env = "SYNTERA_DEMO_FILE")]
    pub demo_file: PathBuf,
    /// The demo's sign-in.
    #[arg(
        long,
        env = "SYNTERA_DEMO_EMAIL",
        default_value = "demo@juniperandpine.example"
    )]
    pub demo_email: String,
    /// The demo's password [default: the one in the file].
    #[arg(long, env = "SYNTERA_DEMO_PASSWORD", hide_env_values = true)]
    pub demo_password: Option<String>,
}

/// What the demo page and the start page need to know. It is served to everybody who opens them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Demo {
    key: String,
    agent_id: String,
    agent_name: String,
    login: Login,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Login {
    email: String,
    password: String,
}

#[derive(Debug, Deserialize)]
struct HelpText {
    slug: String,
    title: String,
    file: String,
}

/// Makes what is missing of the demo workspace.
///
/// # Errors
/// When the API refuses or cannot be reached, with what to do.
pub async fn seed(config: &SeedConfig) -> anyhow::Result<()> {
    let kept = read(&config.demo_file)?;
    let login = Login {
        email: config.demo_email.clone(),
        password: config
            .demo_password
            .clone()
            .or_else(|| kept.as_ref().map(|demo| demo.login.password.clone()))
            .context("give the password of the demo account as SYNTERA_DEMO_PASSWORD")?,
    };
    let base = config
        .gateway_url
        .as_ref()
        .unwrap_or(&config.public.public_url);
    let api = Api::sign_in(base, &login.email, &login.password).await?;
    let agent_id = api.agent(AGENT).await?;
    let texts = help_texts(&config.web_dir)?;
    let there = api.document_titles(&agent_id).await?;
    for text in texts.iter().filter(|text| !there.contains(&text.title)) {
        let url = format!("/demo/help/{}.html", text.slug);
        let content = help_text(&config.web_dir, text)?;
        api.add_document(&agent_id, &text.title, &url, &content)
            .await?;
    }
    wait_until_ready(&api, &agent_id, texts.len()).await?;
    let origins = origins(&config.public.public_url);
    let key = match kept {
        Some(demo) if demo.agent_id == agent_id && api.has_key(&demo.key, &origins).await? => {
            demo.key
        }
        _ => api.create_key(&agent_id, &origins).await?,
    };
    let demo = Demo {
        key,
        agent_id,
        agent_name: AGENT.to_owned(),
        login,
    };
    write(&config.demo_file, &demo)
}

/// Where the demo's pages are opened. A gateway on this machine has two names, and people type either.
fn origins(public_url: &Url) -> Vec<String> {
    const LOCAL: [&str; 2] = ["127.0.0.1", "localhost"];
    if public_url
        .host_str()
        .is_none_or(|host| !LOCAL.contains(&host))
    {
        return vec![public_url.origin().ascii_serialization()];
    }
    let named = LOCAL.map(|host| {
        let mut url = public_url.clone();
        // It fails only for a URL that has no host, and this one has.
        let _ = url.set_host(Some(host));
        url.origin().ascii_serialization()
    });
    named.into()
}

fn read(file: &Path) -> anyhow::Result<Option<Demo>> {
    match fs::read(file) {
        Ok(text) => Ok(serde_json::from_slice(&text).ok()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
    }
}

/// Written beside and renamed, so that nobody reads half of it.
fn write(file: &Path, demo: &Demo) -> anyhow::Result<()> {
    let half = file.with_extension("half");
    let mut options = fs::OpenOptions::new();
    let mut open = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&half)?;
    open.write_all(&serde_json::to_vec_pretty(demo)?)?;
    open.sync_all()?;
    fs::rename(&half, file).with_context(|| format!("cannot write {}", file.display()))
}

fn help_texts(web_dir: &Path) -> anyhow::Result<Vec<HelpText>> {
    let index = web_dir.join("demo/help/index.json");
    let text = fs::read(&index).with_context(|| {
        format!(
            "{} is missing: build the web files first (npm run build in web/)",
            index.display()
        )
    })?;
    Ok(serde_json::from_slice(&text)?)
}

/// The Markdown without its front matter.
fn help_text(web_dir: &Path, text: &HelpText) -> anyhow::Result<String> {
    let file = web_dir.join("demo/help").join(&text.file);
    let whole =
        fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let body = whole
        .strip_prefix("---\n")
        .and_then(|rest| rest.split_once("\n---\n"))
        .map_or(&*whole, |(_, body)| body);
    Ok(body.trim().to_owned())
}

async fn wait_until_ready(api: &Api, agent_id: &str, wanted: usize) -> anyhow::Result<()> {
    let deadline = tokio::time::Instant::now() + READY_WITHIN;
    for look in 0_u32.. {
        let (ready, failed) = (
            api.documents(agent_id, Status::Ready).await?.len(),
            api.documents(agent_id, Status::Failed).await?,
        );
        if let Some((title, why)) = failed.first() {
            bail!("the document {title:?} could not be prepared: {why}");
        }
        if ready >= wanted {
            return Ok(());
        }
        if tokio::time::Instant::now() > deadline {
            bail!(
                "{ready} of {wanted} documents are ready after {READY_WITHIN:?}; see the logs of agent and inference"
            );
        }
        if look % TELL_EVERY == TELL_EVERY - 1 {
            tell(&format!("preparing the help texts: {ready} of {wanted}"));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "progress for the person who runs it")]
fn tell(text: &str) {
    println!("{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_two_names() {
        let of = |url: &str| origins(&url.parse().unwrap());
        let both = ["http://127.0.0.1:4000", "http://localhost:4000"];
        assert_eq!(of("http://127.0.0.1:4000"), both);
        assert_eq!(of("http://localhost:4000/"), both);
        assert_eq!(of("https://syntera.example/x"), ["https://syntera.example"]);
    }

    #[test]
    fn front_matter_is_not_part_of_a_help_text() {
        let folder = std::env::temp_dir().join(ids::KeyId::new().to_string());
        fs::create_dir_all(folder.join("demo/help")).unwrap();
        fs::write(
            folder.join("demo/help/returns.md"),
            "---\ntitle: Returns\n---\n\n## When\n\nIn 60 days.\n",
        )
        .unwrap();
        let text = HelpText {
            slug: "returns".into(),
            title: "Returns".into(),
            file: "returns.md".into(),
        };
        assert_eq!(help_text(&folder, &text).unwrap(), "## When\n\nIn 60 days.");
        fs::remove_dir_all(folder).unwrap();
    }
}
