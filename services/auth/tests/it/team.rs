//! People of a workspace, invited and signed in as they would be.

use http::StatusCode;
use serde_json::{Value, json};

use crate::fixture::{Answer, Auth, PASSWORD, Tokens, text};

/// Somebody who is signed in.
#[derive(Debug)]
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) tokens: Tokens,
}

impl Person {
    /// The access token.
    pub(crate) fn token(&self) -> &str {
        &self.tokens.access
    }

    /// The person's path in the list of members.
    pub(crate) fn path(&self) -> String {
        format!("/auth/members/{}", self.id)
    }
}

/// Deletes something that takes no body.
pub(crate) async fn delete(auth: &Auth, path: &str, token: &str) -> Answer {
    Answer::of(auth.server.delete(path).bearer_auth(token)).await
}

/// The items of a list that has one page.
pub(crate) async fn items(auth: &Auth, path: &str, token: &str) -> Vec<Value> {
    let page = auth.get(path, token).await.expect(StatusCode::OK);
    assert_eq!(page["next_cursor"], Value::Null);
    page["items"].as_array().unwrap().clone()
}

/// All items of a list, page by page.
pub(crate) async fn all_pages(auth: &Auth, path: &str, token: &str) -> Vec<Value> {
    let (mut all, mut next) = (Vec::new(), path.to_owned());
    loop {
        let page = auth.get(&next, token).await.expect(StatusCode::OK);
        all.extend(page["items"].as_array().unwrap().iter().cloned());
        let Some(cursor) = page["next_cursor"].as_str() else {
            return all;
        };
        next = format!("{path}&cursor={cursor}");
    }
}

/// The owner of a new workspace.
pub(crate) async fn owner(auth: &Auth, email: &str) -> Person {
    let tokens = auth.register(email).await;
    signed_in(auth, tokens).await
}

/// Who these tokens are for.
pub(crate) async fn signed_in(auth: &Auth, tokens: Tokens) -> Person {
    let me = auth.get("/auth/me", &tokens.access).await;
    let id = text(&me.expect(StatusCode::OK), "id");
    Person { id, tokens }
}

/// The body of an invitation; `role` is a built-in role, or the id of one of the workspace's own.
pub(crate) fn invitation(email: &str, role: &str) -> Value {
    if role.contains('-') {
        json!({ "email": email, "role": "custom", "role_id": role })
    } else {
        json!({ "email": email, "role": role })
    }
}

/// Invites somebody; answers what the link in the letter carries.
pub(crate) async fn invite(auth: &Auth, token: &str, email: &str, role: &str) -> String {
    auth.post_as(token, "/auth/invites", invitation(email, role))
        .await
        .expect(StatusCode::CREATED);
    auth.letter_to(email).await.token()
}

/// Looks at an invitation by its link.
pub(crate) async fn look_up(auth: &Auth, link: &str) -> Answer {
    auth.post("/auth/invites/lookup", json!({ "token": link }))
        .await
}

/// Accepts an invitation as somebody without an account does.
pub(crate) async fn accept(auth: &Auth, link: &str) -> Answer {
    let body = json!({ "token": link, "name": "Bob", "password": PASSWORD });
    auth.post("/auth/invites/accept", body).await
}

/// Invites somebody who has no account yet, accepts, and signs in.
pub(crate) async fn join(auth: &Auth, token: &str, email: &str, role: &str) -> Person {
    let link = invite(auth, token, email, role).await;
    accept(auth, &link).await.expect(StatusCode::NO_CONTENT);
    signed_in(auth, auth.login(email).await).await
}

/// Makes a role; answers its id.
pub(crate) async fn role(auth: &Auth, token: &str, name: &str, permissions: &[&str]) -> String {
    let body = json!({ "name": name, "permissions": permissions });
    let made = auth.post_as(token, "/auth/roles", body).await;
    text(&made.expect(StatusCode::CREATED), "id")
}

/// What the audit log says of an action, newest first.
pub(crate) async fn audited(auth: &Auth, token: &str, action: &str) -> Vec<Value> {
    items(auth, &format!("/auth/audit?action={action}"), token).await
}

/// That a session is over, for its access token and for its refresh token.
pub(crate) async fn assert_signed_out(auth: &Auth, person: &Person) {
    auth.get("/auth/me", person.token())
        .await
        .problem("session_revoked");
    auth.refresh(&person.tokens.refresh)
        .await
        .problem("session_revoked");
}
