//! A workspace keeps an owner: whoever goes, and whoever it is given to.

use futures::future::join_all;
use http::StatusCode;
use serde_json::json;

use crate::{
    fixture::{Auth, PASSWORD, pointers, text},
    team::{assert_signed_out, audited, delete, join, owner, signed_in},
};

#[tokio::test]
async fn the_last_owner_cannot_vanish() {
    let auth = Auth::start().await;
    let ada = owner(&auth, "ada@example.com").await;
    let demote = json!({ "role": "admin" });
    let problem = auth
        .patch_as(ada.token(), &ada.path(), demote.clone())
        .await;
    let problem = problem.problem("last_owner");
    assert!(text(&problem, "detail").contains("make somebody else an owner first"));
    delete(&auth, &ada.path(), ada.token())
        .await
        .problem("last_owner");
    auth.get("/auth/me", ada.token())
        .await
        .expect(StatusCode::OK);

    let bob = join(&auth, ada.token(), "bob@example.com", "owner").await;
    auth.patch_as(ada.token(), &ada.path(), demote)
        .await
        .expect(StatusCode::OK);
    delete(&auth, &bob.path(), bob.token())
        .await
        .problem("last_owner");
}

#[tokio::test]
async fn owners_who_go_at_the_same_moment_leave_one_behind() {
    let auth = Auth::start().await;
    let emails: Vec<_> = (0..4).map(|n| format!("owner{n}@example.com")).collect();
    let mut owners = vec![owner(&auth, &emails[0]).await];
    for email in &emails[1..] {
        let new = join(&auth, owners[0].token(), email, "owner").await;
        owners.push(new);
    }
    for round in 0..9 {
        let attempts = owners.iter().enumerate().map(|(n, person)| {
            let (auth, next) = (&auth, &owners[(n + 1) % owners.len()]);
            async move {
                match round % 3 {
                    // Each leaves, or steps down, or puts down the next one.
                    0 => delete(auth, &person.path(), person.token()).await,
                    1 => {
                        let body = json!({ "role": "viewer" });
                        auth.patch_as(person.token(), &person.path(), body).await
                    }
                    _ => delete(auth, &next.path(), person.token()).await,
                }
            }
        });
        let answers = join_all(attempts).await;
        let sql = "SELECT count(*) FROM auth.memberships WHERE role = 'owner'";
        let left = auth.count(sql).await;
        let done = answers.iter().filter(|answer| answer.status.is_success());
        assert_eq!(done.count(), 4 - usize::try_from(left).unwrap());
        if round % 3 == 2 {
            assert!(left >= 1, "round {round}: {answers:?}");
        } else {
            assert_eq!(left, 1, "round {round}: {answers:?}");
        }
        for answer in answers {
            if !answer.status.is_success() {
                let expected = if round % 3 == 2 {
                    "session_revoked"
                } else {
                    "last_owner"
                };
                answer.problem(expected);
            }
        }
        // All are owners again, and signed in.
        auth.execute(
            "INSERT INTO auth.memberships (workspace_id, user_id, role, created_at)
             SELECT w.id, u.id, 'owner', u.created_at FROM auth.workspaces w, auth.users u
             ON CONFLICT (workspace_id, user_id) DO UPDATE SET role = 'owner'",
        )
        .await;
        for (person, email) in owners.iter_mut().zip(&emails) {
            *person = signed_in(&auth, auth.login(email).await).await;
        }
    }
}

#[tokio::test]
async fn a_workspace_is_given_away_with_the_password() {
    let auth = Auth::start().await;
    let ada = owner(&auth, "ada@example.com").await;
    let bob = join(&auth, ada.token(), "bob@example.com", "agent").await;
    let eve = owner(&auth, "eve@example.com").await;
    let path = "/auth/workspace/transfer";
    let to = |id: &str| json!({ "user_id": id, "password": PASSWORD });
    auth.post_as(bob.token(), path, to(&ada.id))
        .await
        .problem("forbidden");
    let without = json!({ "user_id": bob.id });
    let problem = auth.post_as(ada.token(), path, without).await;
    assert_eq!(
        pointers(&problem.problem("validation_failed")),
        ["/password"]
    );
    let wrong = json!({ "user_id": bob.id, "password": "a wrong password" });
    let problem = auth.post_as(ada.token(), path, wrong).await;
    assert_eq!(
        pointers(&problem.problem("invalid_credentials")),
        ["/password"]
    );
    for nobody in [&eve.id, &ada.id] {
        let problem = auth.post_as(ada.token(), path, to(nobody)).await;
        assert_eq!(
            pointers(&problem.problem("validation_failed")),
            ["/user_id"]
        );
    }
    auth.execute("UPDATE auth.users SET email_verified_at = NULL WHERE name = 'Bob'")
        .await;
    auth.post_as(ada.token(), path, to(&bob.id))
        .await
        .problem("conflict");
    auth.execute("UPDATE auth.users SET email_verified_at = created_at")
        .await;

    auth.post_as(ada.token(), path, to(&bob.id))
        .await
        .expect(StatusCode::NO_CONTENT);
    assert_signed_out(&auth, &ada).await;
    assert_signed_out(&auth, &bob).await;
    for (email, role) in [("ada@example.com", "admin"), ("bob@example.com", "owner")] {
        let tokens = auth.login(email).await;
        let me = auth.get("/auth/me", &tokens.access).await;
        assert_eq!(me.expect(StatusCode::OK)["role"], role, "{email}");
    }
    let tokens = auth.login("bob@example.com").await;
    let entries = audited(&auth, &tokens.access, "workspace.transferred").await;
    assert_eq!(entries[0]["before"], json!({ "owner_id": ada.id }));
    assert_eq!(entries[0]["after"], json!({ "owner_id": bob.id }));
}
