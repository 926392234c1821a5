//! Notes over HTTP and sockets: people of the company write and read them, visitors never hear of them.

use common::tokens::Role;
use ids::UserId;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Fleet, answer, refused, seqs};

fn note(id: &str, text: &str) -> Value {
    json!({ "client_id": id, "kind": "note", "body": { "text": text } })
}

#[tokio::test]
async fn a_note_changes_nothing_and_no_visitor_hears_of_it() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let conversation = fleet.open(&chat).await;
    let (visitor, channel) = (&conversation.token, conversation.channel);
    let (path, mentioned) = (format!("/messages/{channel}"), UserId::new());
    let person = fleet.person();
    let mut told = chat.follow(&person, &[(channel, 1)]).await;
    let mut untold = chat.follow(visitor, &[(channel, 1)]).await;

    let mut first = note("n1", "Is **this** refundable?");
    first["body"]["mentions"] = json!([mentioned]);
    let (status, entry) = answer(chat.post(&person, &path, &first)).await;
    assert_eq!(status, StatusCode::CREATED, "{entry}");
    assert_eq!(
        (&entry["kind"], &entry["private"], &entry["seq"]),
        (&json!("note"), &json!(true), &json!(2))
    );
    assert_eq!(entry["body"]["mentions"], json!([mentioned]));
    assert_eq!(entry["body"]["blocks"][0]["spans"][1]["type"], "strong");
    let (status, again) = answer(chat.post(&person, &path, &first)).await;
    assert_eq!((status, &again["seq"]), (StatusCode::OK, &json!(2)));
    // By the socket too.
    let by_socket = json!({
        "type": "send", "channel": channel, "client_id": "n2", "kind": "note", "body": { "text": "And this?" },
    });
    told.send(by_socket).await;
    assert_eq!(told.until("ack").await["seq"], 3);
    let (_, channel_now) = answer(chat.get(&person, &format!("/channels/{channel}"))).await;
    assert_eq!(channel_now["owner"], "ai", "nobody took over");

    chat.say(visitor, channel, "Hello?").await;
    let mut again = chat.follow(&person, &[(channel, 1)]).await;
    assert_eq!(seqs(&again.up_to(4).await), [2, 3, 4]);
    assert_eq!(seqs(&untold.up_to(4).await), [4]);
    let mut resumed = chat.follow(visitor, &[(channel, 1)]).await;
    assert_eq!(seqs(&resumed.up_to(4).await), [4]);
    let (_, page) = answer(chat.get(visitor, &path)).await;
    assert!(!page.to_string().contains("this"), "{page}");

    // What becomes of it is as private as itself, and the visitor cannot ask for it.
    let edit = json!({ "text": "Is it?" });
    let on_note = format!("{path}/2");
    let edited = chat.call(Method::PATCH, &person, &on_note, &edit);
    let (status, edited) = answer(edited).await;
    assert_eq!((status, &edited["private"]), (StatusCode::OK, &json!(true)));
    assert_eq!(
        edited["body"]["mentions"],
        json!([mentioned]),
        "mentions stay"
    );
    for (method, path, body) in [
        (Method::PATCH, on_note.clone(), edit),
        (Method::DELETE, on_note.clone(), Value::Null),
        (Method::PUT, format!("{on_note}/reactions/👍"), Value::Null),
        (
            Method::PUT,
            format!("{on_note}/rating"),
            json!({ "helpful": true }),
        ),
    ] {
        let asked = chat.call(method, visitor, &path, &body);
        refused(answer(asked).await, 404, "not_found");
    }
    let (_, page) = answer(chat.get(visitor, &path)).await;
    let kinds: Vec<&Value> = page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| &entry["kind"])
        .collect();
    assert_eq!(kinds, ["state", "message"]);
}

#[tokio::test]
async fn who_may_write_notes_and_when() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let conversation = fleet.open(&chat).await;
    let (visitor, channel) = (&conversation.token, conversation.channel);
    let path = format!("/messages/{channel}");
    let viewer = fleet
        .keys
        .person(fleet.workspace, UserId::new(), Role::Viewer);
    for token in [visitor, &viewer] {
        let asked = chat.post(token, &path, &note("n", "no"));
        refused(answer(asked).await, 403, "forbidden");
    }
    let mut message =
        json!({ "client_id": "m", "body": { "text": "x", "mentions": [UserId::new()] } });
    let person = fleet.person();
    let (status, problem) = answer(chat.post(&person, &path, &message)).await;
    assert_eq!(
        (status.as_u16(), &problem["errors"][0]["pointer"]),
        (422, &json!("/body/mentions"))
    );
    message["body"] = json!({});
    let (status, problem) = answer(chat.post(&person, &path, &message)).await;
    assert_eq!(
        (status.as_u16(), &problem["errors"][0]["pointer"]),
        (422, &json!("/body/text"))
    );
    // After the end, colleagues still talk about it.
    chat.set_owner(&person, channel, "closed").await;
    let (status, _) = answer(chat.post(&person, &path, &note("late", "Done."))).await;
    assert_eq!(status, StatusCode::CREATED);
}
