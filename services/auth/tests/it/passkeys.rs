//! Passkeys: added, used, renamed, removed, and everything that does not sign in.

use futures::future::join_all;
use http::StatusCode;
use serde_json::{Value, json};

use crate::{
    authenticator::Authenticator,
    fixture::{Answer, Auth, PASSWORD, Tokens, Wish, parts, pointers, text},
};

const ADA: &str = "ada@example.com";
const ORIGIN: &str = "http://localhost:4000";

async fn challenge(auth: &Auth, tokens: &Tokens) -> Value {
    let body = json!({ "password": PASSWORD });
    let answer = auth
        .post_as(&tokens.access, "/auth/passkeys/options", body)
        .await;
    assert_eq!(answer.headers["cache-control"], "no-store");
    answer.expect(StatusCode::OK)
}

async fn finish(auth: &Auth, tokens: &Tokens, challenge: &Value, credential: Value) -> Answer {
    let body = json!({
        "challenge_id": challenge["challenge_id"], "name": " my telephone ", "credential": credential,
    });
    auth.post_as(&tokens.access, "/auth/passkeys", body).await
}

/// Adds a passkey; answers its device and its id.
pub(crate) async fn add(auth: &Auth, tokens: &Tokens) -> (Authenticator, String) {
    let challenge = challenge(auth, tokens).await;
    let mut device = Authenticator::new(ORIGIN);
    let credential = device.create(&challenge["options"]);
    let passkey = finish(auth, tokens, &challenge, credential).await;
    let passkey = passkey.expect(StatusCode::CREATED);
    assert_eq!(passkey["name"], "my telephone");
    (device, text(&passkey, "id"))
}

async fn begin(auth: &Auth) -> Value {
    let answer = Answer::of(auth.server.post("/auth/passkeys/login/options")).await;
    answer.expect(StatusCode::OK)
}

async fn answer(auth: &Auth, challenge: &Value, credential: Value) -> Answer {
    let body = json!({
        "challenge_id": challenge["challenge_id"], "credential": credential, "return_refresh_token": true,
    });
    auth.post("/auth/passkeys/login", body).await
}

async fn sign_in(auth: &Auth, device: &mut Authenticator) -> Answer {
    let challenge = begin(auth).await;
    let credential = device.get(&challenge["options"]);
    answer(auth, &challenge, credential).await
}

async fn list(auth: &Auth, tokens: &Tokens) -> Vec<Value> {
    let page = auth.get("/auth/passkeys", &tokens.access).await;
    let page = page.expect(StatusCode::OK);
    page["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_passkey_signs_in_without_saying_who_one_is() {
    let auth = Auth::start().await;
    let tokens = auth.register(ADA).await;
    let (mut device, id) = add(&auth, &tokens).await;
    let letter = auth.letter_to(ADA).await;
    assert!(letter.subject.contains("passkey was added"), "{letter:?}");
    assert!(letter.text.contains("my telephone"), "{letter:?}");

    let challenge = begin(&auth).await;
    assert_eq!(challenge["options"]["allowCredentials"], json!([]));
    assert_eq!(challenge["options"]["userVerification"], "required");
    assert_eq!(challenge["expires_in"], 300);
    let credential = device.get(&challenge["options"]);
    let answer = answer(&auth, &challenge, credential).await;
    assert_eq!(answer.cookies().len(), 2);
    let signed_in = Tokens::of(answer.expect(StatusCode::OK));
    let me = auth.get("/auth/me", &signed_in.access).await;
    assert_eq!(me.expect(StatusCode::OK)["email"], ADA);
    let sessions = auth.get("/auth/sessions", &signed_in.access).await;
    let sessions = sessions.expect(StatusCode::OK);
    let sessions = sessions["items"].as_array().unwrap().iter();
    let mut methods = sessions.map(|session| &session["methods"]);
    assert!(methods.any(|methods| *methods == json!(["passkey"])));

    let passkeys = list(&auth, &tokens).await;
    assert_eq!(passkeys.len(), 1);
    assert_eq!(passkeys[0]["id"], id);
    assert!(passkeys[0]["last_used_at"].is_string(), "{passkeys:?}");
    sign_in(&auth, &mut device).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn one_replica_finishes_what_another_one_began() {
    let auth = Auth::start().await;
    let tokens = auth.register(ADA).await;
    let (mut device, _) = add(&auth, &tokens).await;
    let challenge = begin(&auth).await;

    let folder = tempfile::tempdir().unwrap();
    let wish = Wish::default();
    let connections = auth::app::Connections {
        pool: auth.database.pool.clone(),
        redis: wish.redis.clone(),
        bus: bus::Bus::new("auth", &wish.bus),
    };
    let app = auth::app::App::new(connections, parts(folder.path(), &auth.clock, &wish)).unwrap();
    auth::signing::load(&app).await.unwrap();
    let public = auth::public(app.clone());
    let lifecycle = common::server::Lifecycle::default();
    let other = testkit::Server::start(public, auth::internal(app), lifecycle).await;
    let body = json!({
        "challenge_id": challenge["challenge_id"], "credential": device.get(&challenge["options"]),
    });
    let answer = Answer::of(other.post("/auth/passkeys/login").json(&body)).await;
    answer.expect(StatusCode::OK);
}

#[tokio::test]
async fn what_is_no_answer_to_the_challenge_is_refused_without_a_reason() {
    let auth = Auth::start().await;
    let ada = auth.register(ADA).await;
    let eve = auth.register("eve@example.com").await;
    let (mut device, _) = add(&auth, &ada).await;
    let (mut eves, _) = add(&auth, &eve).await;
    let refused = async |answer: Answer| {
        let problem = answer.problem("invalid_credentials");
        assert_eq!(problem["detail"], "the passkey was not accepted");
        assert_eq!(pointers(&problem), [""; 0]);
    };

    device.origin = "https://syntera.evil.example".to_owned();
    refused(sign_in(&auth, &mut device).await).await;
    device.origin = ORIGIN.to_owned();
    device.unlocked = false;
    refused(sign_in(&auth, &mut device).await).await;
    device.unlocked = true;

    // Another person's passkey, and one that says it is another person's.
    let own = std::mem::replace(&mut eves.user_handle, device.user_handle.clone());
    refused(sign_in(&auth, &mut eves).await).await;
    eves.user_handle = own;
    refused(sign_in(&auth, &mut Authenticator::new(ORIGIN)).await).await;

    // The answer to another challenge, a challenge that was answered, and one that is too old.
    let (first, second) = (begin(&auth).await, begin(&auth).await);
    let credential = device.get(&first["options"]);
    refused(answer(&auth, &second, credential.clone()).await).await;
    let good = answer(&auth, &first, credential.clone()).await;
    good.expect(StatusCode::OK);
    refused(answer(&auth, &first, credential).await).await;
    let late = begin(&auth).await;
    auth.advance(301);
    let credential = device.get(&late["options"]);
    refused(answer(&auth, &late, credential).await).await;

    let challenge = begin(&auth).await;
    for odd in [json!({}), json!({ "id": "x" }), json!([])] {
        let problem = answer(&auth, &challenge, odd).await;
        assert_eq!(
            pointers(&problem.problem("validation_failed")),
            ["/credential"]
        );
    }
    sign_in(&auth, &mut eves).await.expect(StatusCode::OK);
    sign_in(&auth, &mut device).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn a_copy_of_a_device_is_found_out_by_its_counter() {
    let auth = Auth::start().await;
    let tokens = auth.register(ADA).await;
    let (mut device, _) = add(&auth, &tokens).await;
    sign_in(&auth, &mut device).await.expect(StatusCode::OK);
    sign_in(&auth, &mut device).await.expect(StatusCode::OK);
    device.counter = 0;
    sign_in(&auth, &mut device)
        .await
        .problem("invalid_credentials");
    device.counter = 1;
    let again = sign_in(&auth, &mut device).await;
    again.problem("invalid_credentials");

    // Two at once with the same count are one and its copy.
    let challenges = [begin(&auth).await, begin(&auth).await];
    let credentials = challenges.iter().map(|challenge| {
        device.counter = 7;
        (challenge, device.get(&challenge["options"]))
    });
    let credentials: Vec<_> = credentials.collect();
    let both = credentials
        .into_iter()
        .map(|(challenge, credential)| answer(&auth, challenge, credential));
    let answers = join_all(both).await;
    let good = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(good, 1, "{answers:?}");
}

#[tokio::test]
async fn a_passkey_is_added_by_its_owner_on_our_site() {
    let auth = Auth::start().await;
    let ada = auth.register(ADA).await;
    let eve = auth.register("eve@example.com").await;
    for (body, code) in [
        (json!({}), "validation_failed"),
        (json!({ "password": "wrong" }), "invalid_credentials"),
    ] {
        let problem = auth
            .post_as(&ada.access, "/auth/passkeys/options", body)
            .await;
        assert_eq!(pointers(&problem.problem(code)), ["/password"]);
    }
    let options = challenge(&auth, &ada).await;
    let mut elsewhere = Authenticator::new("https://syntera.evil.example");
    let credential = elsewhere.create(&options["options"]);
    let problem = finish(&auth, &ada, &options, credential).await;
    assert_eq!(
        pointers(&problem.problem("validation_failed")),
        ["/credential"]
    );
    // The challenge was answered.
    let mut device = Authenticator::new(ORIGIN);
    let credential = device.create(&options["options"]);
    let problem = finish(&auth, &ada, &options, credential).await;
    problem.problem("link_expired");

    let options = challenge(&auth, &ada).await;
    let mut locked = Authenticator::new(ORIGIN);
    locked.unlocked = false;
    let credential = locked.create(&options["options"]);
    let problem = finish(&auth, &ada, &options, credential).await;
    problem.problem("validation_failed");

    let options = challenge(&auth, &ada).await;
    let credential = device.create(&options["options"]);
    let problem = finish(&auth, &eve, &options, credential.clone()).await;
    problem.problem("link_expired");
    let added = finish(&auth, &ada, &options, credential).await;
    added.expect(StatusCode::CREATED);

    let options = challenge(&auth, &ada).await;
    let known = options["options"]["excludeCredentials"].as_array().unwrap();
    assert_eq!(known.len(), 1, "the device refuses to make another one");
    // A device that answers anyway, for somebody else.
    let options = challenge(&auth, &eve).await;
    let credential = device.create(&options["options"]);
    let problem = finish(&auth, &eve, &options, credential).await;
    problem.problem("conflict");
    assert_eq!(list(&auth, &eve).await.len(), 0);
}

#[tokio::test]
async fn passkeys_are_renamed_and_removed_by_their_owner_alone() {
    let auth = Auth::start().await;
    let ada = auth.register(ADA).await;
    let eve = auth.register("eve@example.com").await;
    let (mut device, id) = add(&auth, &ada).await;
    auth.letter_to(ADA).await;
    let path = format!("/auth/passkeys/{id}");
    let rename = |name: &str| json!({ "name": name });
    auth.patch_as(&eve.access, &path, rename("mine"))
        .await
        .problem("not_found");
    let password = json!({ "password": PASSWORD });
    auth.delete_as(&eve.access, &path, password.clone())
        .await
        .problem("not_found");
    let problem = auth.patch_as(&ada.access, &path, rename(" ")).await;
    assert_eq!(pointers(&problem.problem("validation_failed")), ["/name"]);
    let renamed = auth.patch_as(&ada.access, &path, rename("key ring")).await;
    assert_eq!(renamed.expect(StatusCode::OK)["name"], "key ring");

    let problem = auth.delete_as(&ada.access, &path, json!({})).await;
    assert_eq!(
        pointers(&problem.problem("validation_failed")),
        ["/password"]
    );
    auth.delete_as(&ada.access, &path, password.clone())
        .await
        .expect(StatusCode::NO_CONTENT);
    let letter = auth.letter_to(ADA).await;
    assert!(letter.text.contains("key ring"), "{letter:?}");
    assert_eq!(list(&auth, &ada).await.len(), 0);
    sign_in(&auth, &mut device)
        .await
        .problem("invalid_credentials");
    auth.delete_as(&ada.access, &path, password)
        .await
        .problem("not_found");
    let audit = auth.get("/auth/audit", &ada.access).await;
    let audit = audit.expect(StatusCode::OK).to_string();
    for action in ["passkey.added", "passkey.renamed", "passkey.removed"] {
        assert!(audit.contains(action), "{action}");
    }
}

#[tokio::test]
async fn twenty_passkeys_are_enough() {
    let auth = Auth::start().await;
    let ada = auth.register(ADA).await;
    for _ in 0..19 {
        add(&auth, &ada).await;
    }
    let body = json!({ "password": PASSWORD });
    let last = challenge(&auth, &ada).await;
    let credential = Authenticator::new(ORIGIN).create(&last["options"]);
    let added = finish(&auth, &ada, &last, credential).await;
    added.expect(StatusCode::CREATED);
    auth.post_as(&ada.access, "/auth/passkeys/options", body)
        .await
        .problem("conflict");
    let page = auth.get("/auth/passkeys?limit=15", &ada.access).await;
    let page = page.expect(StatusCode::OK);
    let path = format!(
        "/auth/passkeys?limit=15&cursor={}",
        text(&page, "next_cursor")
    );
    let rest = auth.get(&path, &ada.access).await.expect(StatusCode::OK);
    assert_eq!(rest["items"].as_array().unwrap().len(), 5);
}

#[tokio::test]
async fn an_address_has_no_passkeys() {
    let wish = Wish {
        public_url: "http://127.0.0.1:4000",
        ..Wish::default()
    };
    let auth = Auth::wished(wish).await;
    let ada = auth.register(ADA).await;
    let body = json!({ "password": PASSWORD });
    auth.post_as(&ada.access, "/auth/passkeys/options", body)
        .await
        .problem("conflict");
    let answer = Answer::of(auth.server.post("/auth/passkeys/login/options")).await;
    answer.problem("conflict");
}
