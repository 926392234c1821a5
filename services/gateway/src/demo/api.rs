//! The few calls of the public API that the demo needs.

use std::collections::BTreeSet;

use anyhow::{Context, bail};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use url::Url;

/// Which documents are asked for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Status {
    Ready,
    Failed,
}

impl Status {
    const fn name(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Failed => "failed",
        }
    }
}

/// The API, signed in.
pub(super) struct Api {
    base: Url,
    http: Client,
    token: String,
}

impl Api {
    /// Signs in.
    pub(super) async fn sign_in(base: &Url, email: &str, password: &str) -> anyhow::Result<Self> {
        let http = Client::builder()
            .timeout(std::time::Duration::from_secs(15))
            .build()?;
        let mut api = Self {
            base: base.clone(),
            http,
            token: String::new(),
        };
        let login = json!({ "email": email, "password": password });
        let (status, answer) = api.send(Method::POST, "/auth/login", Some(&login)).await?;
        let answer = match status {
            StatusCode::OK => answer,
            StatusCode::UNAUTHORIZED => bail!(
                "nobody signs in as {email} with this password: make the account by `auth accounts create`, or \
                 give its password as SYNTERA_DEMO_PASSWORD"
            ),
            _ => bail!("signing in failed with {status}: {}", answer["detail"]),
        };
        api.token = answer["access_token"]
            .as_str()
            .context("the answer has no access_token")?
            .to_owned();
        Ok(api)
    }

    /// The agent of this name; made when there is none.
    pub(super) async fn agent(&self, name: &str) -> anyhow::Result<String> {
        let agents = self.all("/agents", &[]).await?;
        if let Some(agent) = agents.iter().find(|agent| agent["name"] == name) {
            return id(agent);
        }
        let agent = json!({
            "name": name,
            "language": "en",
            "voice_type": "warm",
            "personality": "Friendly, calm and brief. Knows the outdoors.",
            "system_prompt": "You help customers of Juniper & Pine, a shop for outdoor gear.",
        });
        id(&self.expect(Method::POST, "/agents", &agent).await?)
    }

    /// The titles of the agent's documents.
    pub(super) async fn document_titles(&self, agent: &str) -> anyhow::Result<BTreeSet<String>> {
        let documents = self.all(&format!("/agents/{agent}/documents"), &[]).await?;
        Ok(documents
            .iter()
            .filter_map(|document| document["title"].as_str().map(str::to_owned))
            .collect())
    }

    /// Titles and errors of the agent's documents in one state.
    pub(super) async fn documents(
        &self,
        agent: &str,
        which: Status,
    ) -> anyhow::Result<Vec<(String, String)>> {
        let path = format!("/agents/{agent}/documents");
        let documents = self.all(&path, &[("status", which.name())]).await?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Ok(documents
            .iter()
            .map(|document| (text(&document["title"]), text(&document["error"])))
            .collect())
    }

    /// Adds a document.
    pub(super) async fn add_document(
        &self,
        agent: &str,
        title: &str,
        url: &str,
        content: &str,
    ) -> anyhow::Result<()> {
        let document = json!({ "title": title, "url": url, "content": content });
        self.expect(
            Method::POST,
            &format!("/agents/{agent}/documents"),
            &document,
        )
        .await?;
        Ok(())
    }

    /// Whether the key is still there, for these origins.
    pub(super) async fn has_key(&self, key: &str, wanted: &[String]) -> anyhow::Result<bool> {
        let keys = self.all("/auth/keys", &[]).await?;
        Ok(keys.iter().any(|known| {
            let prefix = known["prefix"].as_str().unwrap_or_default();
            let origins = known["allowed_origins"].as_array();
            !prefix.is_empty()
                && key.starts_with(prefix)
                && origins.is_some_and(|all| {
                    wanted
                        .iter()
                        .all(|one| all.iter().any(|other| other == one))
                })
        }))
    }

    /// A key for the agent's widget on pages of these origins.
    pub(super) async fn create_key(
        &self,
        agent: &str,
        origins: &[String],
    ) -> anyhow::Result<String> {
        let key = json!({ "name": "Demo shop", "agent_id": agent, "allowed_origins": origins });
        let answer = self.expect(Method::POST, "/auth/keys", &key).await?;
        answer["key"]
            .as_str()
            .map(str::to_owned)
            .context("the answer has no key")
    }

    /// All items of a list.
    async fn all(&self, path: &str, filters: &[(&str, &str)]) -> anyhow::Result<Vec<Value>> {
        let mut items = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            query.extend_pairs(filters).append_pair("limit", "100");
            if let Some(cursor) = &cursor {
                query.append_pair("cursor", cursor);
            }
            let (status, page) = self
                .send(Method::GET, &format!("{path}?{}", query.finish()), None)
                .await?;
            if !status.is_success() {
                bail!("GET {path} failed with {status}: {}", page["detail"]);
            }
            items.extend(page["items"].as_array().cloned().unwrap_or_default());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => return Ok(items),
            }
        }
    }

    async fn expect(&self, method: Method, path: &str, body: &Value) -> anyhow::Result<Value> {
        let (status, answer) = self.send(method.clone(), path, Some(body)).await?;
        if !status.is_success() {
            bail!(
                "{method} {path} failed with {status}: {} {}",
                answer["detail"],
                answer["errors"]
            );
        }
        Ok(answer)
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<(StatusCode, Value)> {
        let url = self.base.join(&format!("/api/v1{path}"))?;
        let mut request = self.http.request(method, url);
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request
            .send()
            .await
            .with_context(|| format!("the gateway at {} cannot be reached", self.base))?;
        let status = response.status();
        Ok((status, response.json().await.unwrap_or(Value::Null)))
    }
}

fn id(value: &Value) -> anyhow::Result<String> {
    value["id"]
        .as_str()
        .map(str::to_owned)
        .context("the answer has no id")
}
