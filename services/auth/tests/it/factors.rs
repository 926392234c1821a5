//! Second factors: an authenticator app and recovery codes, from setting up to signing in.

use futures::future::join_all;
use http::StatusCode;
use serde_json::{Value, json};
use totp_rs::Totp;

use crate::fixture::{Answer, Auth, PASSWORD, Tokens, pointers, text};

const ADA: &str = "ada@example.com";

/// An account with an authenticator app.
struct Protected {
    auth: Auth,
    tokens: Tokens,
    app: Totp,
    recovery_codes: Vec<String>,
}

impl Protected {
    async fn start() -> Self {
        let auth = Auth::start().await;
        let tokens = auth.register(ADA).await;
        let setup = set_up(&auth, &tokens).await;
        let app = Totp::from_url(text(&setup, "otpauth_url")).unwrap();
        let body = json!({ "setup_id": setup["setup_id"], "code": code(&auth, &app) });
        let confirmed = auth
            .post_as(&tokens.access, "/auth/totp/confirm", body)
            .await;
        assert_eq!(confirmed.headers["cache-control"], "no-store");
        let codes = confirmed.expect(StatusCode::OK);
        let codes = codes["recovery_codes"].as_array().unwrap().iter();
        let recovery_codes = codes.map(|code| code.as_str().unwrap().to_owned());
        // The code that confirmed is used up.
        auth.advance(30);
        Self {
            tokens,
            app,
            recovery_codes: recovery_codes.collect(),
            auth,
        }
    }

    fn code(&self) -> String {
        code(&self.auth, &self.app)
    }

    /// The first half of a sign-in.
    async fn half(&self) -> String {
        let body = json!({ "email": ADA, "password": PASSWORD, "return_refresh_token": true });
        let problem = self.auth.post("/auth/login", body).await;
        text(&problem.problem("second_factor_required"), "mfa_token")
    }

    async fn second(&self, half: &str, code: &str) -> Answer {
        let body = json!({ "mfa_token": half, "code": code });
        self.auth.post("/auth/login/second-factor", body).await
    }

    async fn factors(&self) -> Value {
        let answer = self.auth.get("/auth/factors", &self.tokens.access).await;
        answer.expect(StatusCode::OK)
    }
}

async fn set_up(auth: &Auth, tokens: &Tokens) -> Value {
    let body = json!({ "password": PASSWORD });
    let setup = auth.post_as(&tokens.access, "/auth/totp", body).await;
    assert_eq!(setup.headers["cache-control"], "no-store");
    setup.expect(StatusCode::OK)
}

/// What the app shows now.
fn code(auth: &Auth, app: &Totp) -> String {
    let now = auth.clock.now().timestamp();
    app.generate(now.try_into().unwrap()).to_string()
}

/// Six digits that no step around now has.
fn wrong(code: &str) -> String {
    let number: u32 = code.parse().unwrap();
    format!("{:06}", (number + 500_000) % 1_000_000)
}

#[tokio::test]
async fn an_app_counts_once_a_code_has_confirmed_it() {
    let auth = Auth::start().await;
    let tokens = auth.register(ADA).await;
    for (body, code) in [
        (json!({}), "validation_failed"),
        (json!({ "password": "wrong" }), "invalid_credentials"),
    ] {
        let problem = auth.post_as(&tokens.access, "/auth/totp", body).await;
        assert_eq!(pointers(&problem.problem(code)), ["/password"]);
    }
    let setup = set_up(&auth, &tokens).await;
    let url = text(&setup, "otpauth_url");
    assert!(
        url.starts_with("otpauth://totp/Syntera:ada%40example.com?"),
        "{url}"
    );
    let app = Totp::from_url(&url).unwrap();
    let shown = code(&auth, &app);
    let confirm = async |code: &str| {
        let body = json!({ "setup_id": setup["setup_id"], "code": code });
        auth.post_as(&tokens.access, "/auth/totp/confirm", body)
            .await
    };
    let problem = confirm(&wrong(&shown)).await.problem("invalid_credentials");
    assert_eq!(pointers(&problem), ["/code"]);
    auth.login(ADA).await;

    let codes = confirm(&shown).await.expect(StatusCode::OK);
    assert_eq!(codes["recovery_codes"].as_array().unwrap().len(), 10);
    let letter = auth.letter_to(ADA).await;
    assert!(
        letter.subject.contains("authenticator app was added"),
        "{letter:?}"
    );
    confirm(&shown).await.problem("link_expired");

    let factors = auth.get("/auth/factors", &tokens.access).await;
    let factors = factors.expect(StatusCode::OK);
    assert!(factors["totp_since"].is_string(), "{factors}");
    assert_eq!(factors["recovery_codes_left"], 10);
    let body = json!({ "password": PASSWORD });
    auth.post_as(&tokens.access, "/auth/totp", body)
        .await
        .problem("conflict");
    let hashed = "SELECT count(*) FROM auth.recovery_codes WHERE hash LIKE '$argon2id$%'";
    assert_eq!(auth.count(hashed).await, 10);
}

#[tokio::test]
async fn a_setup_is_its_beginners_and_does_not_wait_for_ever() {
    let auth = Auth::start().await;
    let ada = auth.register(ADA).await;
    let eve = auth.register("eve@example.com").await;
    let setup = set_up(&auth, &ada).await;
    let app = Totp::from_url(text(&setup, "otpauth_url")).unwrap();
    let confirm = async |tokens: &Tokens| {
        let body = json!({ "setup_id": setup["setup_id"], "code": code(&auth, &app) });
        auth.post_as(&tokens.access, "/auth/totp/confirm", body)
            .await
    };
    confirm(&eve).await.problem("link_expired");
    auth.advance(601);
    let later = auth.login(ADA).await;
    confirm(&later).await.problem("link_expired");
    assert_eq!(auth.count("SELECT count(*) FROM auth.totp").await, 0);
}

#[tokio::test]
async fn signing_in_takes_the_password_and_a_code() {
    let ada = Protected::start().await;
    let body = json!({ "email": ADA, "password": PASSWORD });
    let problem = ada.auth.post("/auth/login", body).await;
    assert!(problem.cookies().is_empty());
    let problem = problem.problem("second_factor_required");
    assert_eq!(problem["methods"], json!(["totp", "recovery_code"]));
    assert_eq!(problem["expires_in"], 300);
    assert!(problem.get("access_token").is_none());

    let half = text(&problem, "mfa_token");
    let answer = ada.second(&half, &wrong(&ada.code())).await;
    assert_eq!(pointers(&answer.problem("invalid_credentials")), ["/code"]);
    let answer = ada.second(&half, &format!(" {} ", ada.code())).await;
    assert_eq!(answer.cookies().len(), 2);
    assert!(answer.body.get("refresh_token").is_none());
    let body = answer.expect(StatusCode::OK);
    let token = text(&body, "access_token");
    let sessions = ada.auth.get("/auth/sessions", &token).await;
    let sessions = sessions.expect(StatusCode::OK);
    let sessions = sessions["items"].as_array().unwrap().clone();
    let current = sessions.iter().find(|session| session["current"] == true);
    assert_eq!(current.unwrap()["methods"], json!(["password", "totp"]));

    ada.auth.advance(30);
    let half = ada.half().await;
    let answer = ada.second(&half, &ada.code()).await.expect(StatusCode::OK);
    assert!(
        answer["refresh_token"].is_string(),
        "it was asked for in the first half"
    );
    ada.second(&half, &ada.code()).await.problem("link_expired");
}

#[tokio::test]
async fn a_code_is_good_once_whoever_is_faster() {
    let ada = Protected::start().await;
    let code = ada.code();
    let mut halves = Vec::new();
    for _ in 0..8 {
        halves.push(ada.half().await);
    }
    let answers = join_all(halves.iter().map(|half| ada.second(half, &code))).await;
    let good = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(good, 1, "{answers:?}");
    for answer in answers.into_iter().filter(|answer| answer.status != 200) {
        answer.problem("invalid_credentials");
    }
    // Nor is one that was shown before it.
    let now = u64::try_from(ada.auth.clock.now().timestamp()).unwrap();
    let earlier = ada.app.generate(now - 30).to_string();
    let half = ada.half().await;
    ada.second(&half, &earlier)
        .await
        .problem("invalid_credentials");
    ada.auth.advance(30);
    ada.second(&half, &ada.code()).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn the_second_half_has_five_tries_and_five_minutes() {
    let ada = Protected::start().await;
    let half = ada.half().await;
    for _ in 0..5 {
        let answer = ada.second(&half, &wrong(&ada.code())).await;
        answer.problem("invalid_credentials");
    }
    ada.second(&half, &ada.code()).await.problem("link_expired");

    let half = ada.half().await;
    ada.auth.advance(301);
    ada.second(&half, &ada.code()).await.problem("link_expired");
    let eve = ada.auth.register("eve@example.com").await;
    let other = text(&set_up(&ada.auth, &eve).await, "setup_id");
    for token in ["tk_unknown", &other] {
        ada.second(token, &ada.code()).await.problem("link_expired");
    }
}

#[tokio::test]
async fn guesses_from_one_address_end_though_the_password_is_right() {
    let ada = Protected::start().await;
    let guess = async |half: &str, code: &str, address: &str| {
        let body = json!({ "mfa_token": half, "code": code });
        let request = ada.auth.server.post("/auth/login/second-factor");
        Answer::of(request.header("x-forwarded-for", address).json(&body)).await
    };
    for _ in 0..2 {
        let half = ada.half().await;
        for _ in 0..5 {
            let answer = guess(&half, &wrong(&ada.code()), "192.0.2.1").await;
            answer.problem("invalid_credentials");
        }
    }
    let half = ada.half().await;
    let answer = guess(&half, &ada.code(), "192.0.2.1").await;
    assert!(answer.headers.contains_key("retry-after"));
    answer.problem("rate_limited");
    let answer = guess(&half, &ada.code(), "192.0.2.2").await;
    answer.expect(StatusCode::OK);
}

#[tokio::test]
async fn a_recovery_code_signs_in_once_and_its_owner_hears_of_it() {
    let ada = Protected::start().await;
    ada.auth.letter_to(ADA).await;
    let code = ada.recovery_codes[3].to_uppercase().replace('-', " ");
    let halves = [ada.half().await, ada.half().await];
    let answers = join_all(halves.iter().map(|half| ada.second(half, &code))).await;
    let good = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(good, 1, "{answers:?}");
    let letter = ada.auth.letter_to(ADA).await;
    assert!(
        letter.subject.contains("recovery code was used"),
        "{letter:?}"
    );
    assert!(letter.text.contains("Left: 9"), "{letter:?}");
    assert_eq!(ada.factors().await["recovery_codes_left"], 9);
    let path = "/auth/audit?action=recovery_codes.used";
    let audit = ada.auth.get(path, &ada.tokens.access).await;
    let audit = audit.expect(StatusCode::OK);
    assert_eq!(audit["items"].as_array().unwrap().len(), 1, "{audit}");
    let half = ada.half().await;
    ada.second(&half, "00000-00000")
        .await
        .problem("invalid_credentials");
    ada.second(&half, &ada.recovery_codes[4])
        .await
        .expect(StatusCode::OK);
}

#[tokio::test]
async fn new_recovery_codes_take_the_place_of_the_old() {
    let ada = Protected::start().await;
    let replace = async |password: &str, code: &str| {
        let body = json!({ "password": password, "code": code });
        ada.auth
            .post_as(&ada.tokens.access, "/auth/recovery-codes", body)
            .await
    };
    let problem = replace("wrong", &ada.code()).await;
    assert_eq!(
        pointers(&problem.problem("invalid_credentials")),
        ["/password"]
    );
    let problem = replace(PASSWORD, &wrong(&ada.code())).await;
    assert_eq!(pointers(&problem.problem("invalid_credentials")), ["/code"]);
    let codes = replace(PASSWORD, &ada.code()).await.expect(StatusCode::OK);
    let new = codes["recovery_codes"][0].as_str().unwrap().to_owned();
    let half = ada.half().await;
    ada.second(&half, &ada.recovery_codes[0])
        .await
        .problem("invalid_credentials");
    ada.second(&half, &new).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn the_app_goes_by_password_and_code_and_the_password_suffices_again() {
    let ada = Protected::start().await;
    let remove = async |body: Value| {
        ada.auth
            .delete_as(&ada.tokens.access, "/auth/totp", body)
            .await
    };
    let problem = remove(json!({ "code": ada.code() })).await;
    assert_eq!(
        pointers(&problem.problem("validation_failed")),
        ["/password"]
    );
    let problem = remove(json!({ "password": PASSWORD, "code": "123" })).await;
    assert_eq!(pointers(&problem.problem("invalid_credentials")), ["/code"]);
    let body = json!({ "password": PASSWORD, "code": ada.recovery_codes[0] });
    remove(body.clone()).await.expect(StatusCode::NO_CONTENT);
    remove(body).await.problem("conflict");
    ada.auth.login(ADA).await;
    let factors = ada.factors().await;
    assert_eq!(factors["totp_since"], Value::Null);
    assert_eq!(factors["recovery_codes_left"], 0);
}

#[tokio::test]
async fn a_stranger_who_registered_an_address_leaves_nothing_behind() {
    let auth = Auth::start().await;
    let eve = auth.register_unverified(ADA).await;
    let setup = set_up(&auth, &eve).await;
    let app = Totp::from_url(text(&setup, "otpauth_url")).unwrap();
    let body = json!({ "setup_id": setup["setup_id"], "code": code(&auth, &app) });
    let confirmed = auth.post_as(&eve.access, "/auth/totp/confirm", body).await;
    confirmed.expect(StatusCode::OK);
    // The owner of the address sets a password by a letter.
    let body = json!({ "email": ADA });
    let sent = auth.post("/auth/password/forgotten", body).await;
    sent.expect(StatusCode::ACCEPTED);
    let token = loop {
        let letter = auth.letter_to(ADA).await;
        if letter.subject.contains("Set a new password") {
            break letter.token();
        }
    };
    let body = json!({ "token": token, "password": PASSWORD });
    let reset = auth.post("/auth/password/reset", body).await;
    reset.expect(StatusCode::NO_CONTENT);
    auth.login(ADA).await;
}
