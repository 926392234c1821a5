//! A workspace with a provider, and a browser that goes there and comes back.

use auth_api::Issuer;
use http::StatusCode;
use reqwest::redirect::Policy;
use serde_json::{Value, json};
use url::Url;

use crate::{
    fixture::{Answer, Auth, Tokens},
    provider::{Provider, way_back},
    team::accept,
};

pub(crate) const OWNER: &str = "grace@example.com";
pub(crate) const ADA: &str = "ada@example.com";

/// A workspace with a provider.
pub(crate) struct Company {
    pub(crate) auth: Auth,
    pub(crate) provider: Provider,
    pub(crate) owner: Tokens,
    pub(crate) issuer: Issuer,
    browser: reqwest::Client,
}

/// A browser that is at the provider.
pub(crate) struct Away {
    pub(crate) cookie: String,
    pub(crate) at_provider: Url,
}

impl Company {
    pub(crate) async fn start() -> Self {
        Self::with(json!({})).await
    }

    /// With other settings of the provider.
    pub(crate) async fn with(settings: Value) -> Self {
        Self::added_by("owner", settings).await
    }

    /// With a provider that somebody in this role has added.
    pub(crate) async fn with_role(role: &str) -> Self {
        Self::added_by(role, json!({})).await
    }

    async fn added_by(role: &str, settings: Value) -> Self {
        let auth = Auth::start().await;
        let provider = Provider::start(&auth.clock).await;
        provider.person("ada-1", ADA);
        let owner = auth.register(OWNER).await;
        set_role(&auth, role).await;
        let mut entry = provider.entry();
        for (name, value) in settings.as_object().unwrap() {
            entry[name] = value.clone();
        }
        let added = auth.post_as(&owner.access, "/auth/issuers", entry).await;
        let issuer = serde_json::from_value(added.expect(StatusCode::CREATED)).unwrap();
        let browser = reqwest::Client::builder().redirect(Policy::none());
        Self {
            auth,
            provider,
            owner,
            issuer,
            browser: browser.build().unwrap(),
        }
    }

    /// Gives everybody this role.
    pub(crate) async fn role(&self, role: &str) {
        set_role(&self.auth, role).await;
    }

    pub(crate) async fn get(&self, path: &str, cookie: Option<&str>) -> Answer {
        let mut request = self
            .browser
            .get(self.auth.server.public.join(path).unwrap());
        if let Some(cookie) = cookie {
            request = request.header("cookie", format!("syntera_issuer={cookie}"));
        }
        Answer::of(request).await
    }

    pub(crate) async fn begin(&self, return_to: &str) -> Answer {
        let path = format!("/auth/oidc/{}/start?return_to={return_to}", self.issuer.id);
        self.get(&path, None).await
    }

    /// Goes to the provider.
    pub(crate) async fn leave(&self) -> Away {
        let answer = self.begin("/inbox").await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{answer:?}");
        assert_eq!(answer.headers["cache-control"], "no-store");
        let rest = &answer.cookies()["syntera_issuer"];
        assert!(rest.ends_with("Path=/api/v1/auth/oidc; Max-Age=600; HttpOnly; SameSite=Lax"));
        Away {
            cookie: answer.cookie("syntera_issuer"),
            at_provider: location(&answer).parse().unwrap(),
        }
    }

    /// Signs in at the provider; answers the path that it sends the browser back to.
    pub(crate) async fn authorize(&self, away: &Away) -> String {
        let answer = self.browser.get(away.at_provider.clone()).send().await;
        let answer = answer.unwrap();
        let back: Url = answer.headers()["location"]
            .to_str()
            .unwrap()
            .parse()
            .unwrap();
        assert!(back.as_str().starts_with(&self.issuer.redirect_uri));
        format!("{}?{}", way_back(&self.issuer), back.query().unwrap())
    }

    /// There and back.
    pub(crate) async fn sign_in(&self) -> Answer {
        let away = self.leave().await;
        let back = self.authorize(&away).await;
        self.get(&back, Some(&away.cookie)).await
    }

    /// There and back, and signed in: answers the access token.
    pub(crate) async fn signed_in(&self) -> String {
        let answer = self.sign_in().await;
        assert_eq!(location(&answer), "/inbox");
        assert_eq!(answer.headers["cache-control"], "no-store");
        assert_eq!(answer.headers["referrer-policy"], "no-referrer");
        assert!(answer.cookies()["syntera_issuer"].contains("Max-Age=0"));
        assert!(answer.cookie("syntera_refresh").starts_with("rt_"));
        answer.cookie("syntera_access")
    }

    /// There and back with an account that is there already, which joins by the letter.
    pub(crate) async fn join(&self) {
        self.refused("confirm_by_mail").await;
        let link = self.auth.letter_to(ADA).await.token();
        let joined = accept(&self.auth, &link).await;
        joined.expect(StatusCode::NO_CONTENT);
    }

    /// There and back, and not signed in for this reason.
    pub(crate) async fn refused(&self, code: &str) {
        refused(&self.sign_in().await, code);
    }

    pub(crate) async fn members(&self) -> usize {
        let members = self.auth.get("/auth/members", &self.owner.access).await;
        let members = members.expect(StatusCode::OK);
        members["items"].as_array().unwrap().len()
    }

    pub(crate) async fn patch(&self, body: Value) -> Answer {
        let path = format!("/auth/issuers/{}", self.issuer.id);
        self.auth.patch_as(&self.owner.access, &path, body).await
    }
}

pub(crate) fn location(answer: &Answer) -> String {
    answer.headers["location"].to_str().unwrap().to_owned()
}

#[track_caller]
pub(crate) fn refused(answer: &Answer, code: &str) {
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{answer:?}");
    assert_eq!(location(answer), format!("/account/sign-in#error={code}"));
    assert!(
        !answer.cookies().contains_key("syntera_access"),
        "{answer:?}"
    );
}

async fn set_role(auth: &Auth, role: &str) {
    sqlx::query("UPDATE auth.memberships SET role = $1")
        .bind(role)
        .execute(&auth.database.pool)
        .await
        .unwrap();
}
