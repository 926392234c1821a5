//! The identity providers that know somebody, who may unlink them.

use http::StatusCode;
use serde_json::{Value, json};

use crate::{
    company::{ADA, Company},
    fixture::{PASSWORD, pointers},
    team::{audited, items},
};

#[tokio::test]
async fn a_provider_is_unlinked_by_its_person_with_the_password() {
    let company = Company::start().await;
    let auth = &company.auth;
    let ada = auth.register(ADA).await;
    company.join().await;
    let by_provider = company.signed_in().await;
    auth.letter_to(ADA).await;

    let (mine, theirs) = (
        auth.claims(&ada.access).await,
        auth.claims(&by_provider).await,
    );
    let now = auth.clock.now();
    let expected = json!({
        "issuer_id": company.issuer.id, "name": "Example Login", "workspace_id": theirs.wid,
        "workspace_name": "Shop", "linked_at": now, "last_used_at": now,
    });
    for token in [&ada.access, &by_provider] {
        let listed = items(auth, "/auth/identities", token).await;
        assert_eq!(listed, std::slice::from_ref(&expected));
    }
    let nobodys = items(auth, "/auth/identities", &company.owner.access).await;
    assert_eq!(nobodys, [Value::Null; 0]);

    let path = format!("/auth/identities/{}", company.issuer.id);
    let password = json!({ "password": PASSWORD });
    let unlink = async |token: &str, body: &Value| auth.delete_as(token, &path, body.clone()).await;
    unlink(&by_provider, &password).await.problem("forbidden");
    unlink(&company.owner.access, &password)
        .await
        .problem("not_found");
    let problem = unlink(&ada.access, &json!({}))
        .await
        .problem("validation_failed");
    assert_eq!(pointers(&problem), ["/password"]);
    unlink(&ada.access, &json!({ "password": "wrong password" }))
        .await
        .problem("invalid_credentials");
    unlink(&ada.access, &password)
        .await
        .expect(StatusCode::NO_CONTENT);

    assert_eq!(
        items(auth, "/auth/identities", &ada.access).await,
        [Value::Null; 0]
    );
    auth.get("/auth/me", &by_provider)
        .await
        .problem("session_revoked");
    unlink(&ada.access, &password).await.problem("not_found");
    let told = auth.letter_to(ADA).await;
    assert_eq!(
        told.subject,
        "An identity provider was unlinked from your account"
    );
    let entries = audited(auth, &company.owner.access, "issuer.unlinked").await;
    assert_eq!(
        (&entries[0]["target_id"], &entries[0]["before"]),
        (&json!(mine.sub), &json!({ "issuer_id": company.issuer.id }))
    );
    // She is a member, so it may come to know her again.
    company.signed_in().await;
}

#[tokio::test]
async fn the_last_way_to_sign_in_stays() {
    let company = Company::start().await;
    let auth = &company.auth;
    let ada = auth.register(ADA).await;
    company.join().await;
    company.signed_in().await;
    auth.execute("UPDATE auth.users SET password_hash = NULL")
        .await;
    let path = format!("/auth/identities/{}", company.issuer.id);
    let unlinked = auth.delete_as(&ada.access, &path, json!({})).await;
    unlinked.problem("conflict");
    assert_eq!(auth.count("SELECT count(*) FROM auth.identities").await, 1);
    company.signed_in().await;
}
