//! Saved views.

use chat::log::Act;
use common::tokens::Role;
use ids::UserId;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    inbox::ids,
    support::{Fleet, answer, refused},
};

#[tokio::test]
async fn views_are_saved_shared_changed_and_counted() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let (ada, bob) = (UserId::new(), UserId::new());
    let token = fleet.admin(ada);
    // Who may only look.
    let viewer = fleet.keys.person(fleet.workspace, bob, Role::Viewer);
    let one = fleet.open(&chat).await;
    chat.act(&fleet, one.channel, ada, Act::Label(vec!["vip".to_owned()]))
        .await;
    chat.caught_up(&fleet, one.channel).await;
    let private =
        json!({ "name": " Important ", "filter": { "labels": ["vip"], "assignee_id": "none" } });
    let request = chat
        .post(&token, "/views", &private)
        .header("Idempotency-Key", "once");
    let (status, view) = answer(request).await;
    assert_eq!(status, StatusCode::CREATED, "{view}");
    assert_eq!(
        (&view["name"], &view["shared"]),
        (&json!("Important"), &json!(false))
    );
    let again = chat
        .post(&token, "/views", &private)
        .header("Idempotency-Key", "once");
    assert_eq!(answer(again).await.1["id"], view["id"], "it was made once");
    let path = format!("/views/{}", view["id"].as_str().unwrap());
    let shown = format!("view={}", view["id"].as_str().unwrap());
    assert_eq!(
        ids(&chat.channels(&token, &shown).await),
        [one.channel.to_string()]
    );
    let narrowed = chat
        .channels(&token, &format!("{shown}&assignee_id=me"))
        .await;
    assert_eq!(narrowed["items"], json!([]), "the query decides");
    let (_, counts) = answer(chat.get(&token, "/channels/counts")).await;
    assert_eq!(counts["views"], json!([{ "id": view["id"], "count": 1 }]));

    // Nobody else sees it; nobody shares without the permission.
    refused(answer(chat.get(&viewer, &path)).await, 404, "not_found");
    let theirs = answer(chat.get(&viewer, &format!("/channels?{shown}"))).await;
    refused(theirs, 404, "not_found");
    let shared = json!({ "name": "All", "shared": true, "filter": { "owner": "any" } });
    refused(
        answer(chat.post(&viewer, "/views", &shared)).await,
        403,
        "forbidden",
    );
    let (status, _) = answer(chat.post(&viewer, "/views", &private)).await;
    assert_eq!(status, StatusCode::CREATED);
    let wrong = json!({ "name": "", "filter": { "labels": [""], "owner": "any" } });
    let (status, problem) = answer(chat.post(&token, "/views", &wrong)).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let places = testkit::places(&problem);
    assert!(
        places.contains(&"/name") && places.contains(&"/filter/labels"),
        "{problem}"
    );

    let patch = |tag: &str, body: Value| {
        let request = chat.server.request(Method::PATCH, &path);
        request
            .bearer_auth(&token)
            .header("If-Match", tag)
            .json(&body)
    };
    let (status, changed) = answer(patch(
        "\"1\"",
        json!({ "shared": true, "filter": { "labels": null } }),
    ))
    .await;
    assert_eq!(status, StatusCode::OK, "{changed}");
    assert_eq!(changed["filter"], json!({ "assignee_id": "none" }));
    let late = answer(patch("\"1\"", json!({ "name": "Late" }))).await;
    refused(late, 412, "precondition_failed");
    // Now everybody sees it, and only who may changes it.
    let (_, seen) = answer(chat.get(&viewer, &path)).await;
    assert_eq!(seen["id"], view["id"]);
    let refusal = chat.server.delete(&path).bearer_auth(&viewer);
    refused(answer(refusal).await, 403, "forbidden");
    let (_, listed) = answer(chat.get(&viewer, "/views?limit=1")).await;
    assert_eq!(ids(&listed), [view["id"].as_str().unwrap()]);
    let next = listed["next_cursor"].as_str().unwrap();
    let (_, rest) = answer(chat.get(&viewer, &format!("/views?limit=1&cursor={next}"))).await;
    assert_eq!((ids(&rest).len(), &rest["next_cursor"]), (1, &Value::Null));
    // A closed conversation counts where a view asks for it.
    let (_, all) = answer(chat.post(&token, "/views", &shared)).await;
    chat.set_owner(&token, one.channel, "closed").await;
    chat.caught_up(&fleet, one.channel).await;
    let (_, counts) = answer(chat.get(&token, "/channels/counts")).await;
    let expected = json!([{ "id": view["id"], "count": 0 }, { "id": all["id"], "count": 1 }]);
    assert_eq!(counts["views"], expected);
    let gone = chat.server.delete(&path).bearer_auth(&token);
    assert_eq!(answer(gone).await.0, StatusCode::NO_CONTENT);
    refused(answer(chat.get(&token, &path)).await, 404, "not_found");
}
