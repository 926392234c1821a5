//! The interactions of a contact.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use ids::ChannelId;
use reqwest::StatusCode;
use serde_json::{Value, json};
use testkit::json;

use crate::support::{Conversation, Crm};

/// Ends `count` conversations of one visitor, two at each time.
async fn end(crm: &Crm, visitor: Conversation, count: i32) {
    for n in 0..count {
        let conversation = Conversation {
            channel: ChannelId::new(),
            ..visitor
        };
        let mut closed = conversation.closed_data();
        closed.closed_at += TimeDelta::seconds((n / 2).into());
        crm::consumers::handle(&crm.app, &conversation.event(&closed))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn they_come_in_pages_with_the_last_first_while_others_are_added() {
    let crm = Crm::start().await;
    let visitor = Conversation::new(crm.workspace);
    end(&crm, visitor, 130).await;
    // Of somebody else.
    end(&crm, Conversation::new(crm.workspace), 3).await;
    let contacts = crm.items("/contacts").await;
    let of = |visitor: Conversation| {
        contacts
            .iter()
            .find(|contact| contact["visitor_id"] == json!(visitor.visitor))
            .unwrap()["id"]
            .clone()
    };
    let id = of(visitor);
    let path = format!("/contacts/{}/interactions?limit=9", id.as_str().unwrap());
    let before: BTreeSet<String> = all(&crm, &path, visitor, false)
        .await
        .iter()
        .map(channel)
        .collect();
    assert_eq!(before.len(), 130);
    let during = all(&crm, &path, visitor, true).await;
    assert!(
        during
            .iter()
            .all(|interaction| interaction["contact_id"] == id)
    );
    let seen: BTreeSet<String> = during.iter().map(channel).collect();
    assert_eq!(seen.len(), during.len(), "one came twice");
    assert_eq!(before.difference(&seen).count(), 0, "one was skipped");
}

fn channel(interaction: &Value) -> String {
    interaction["channel_id"].as_str().unwrap().to_owned()
}

async fn all(crm: &Crm, first: &str, visitor: Conversation, adding: bool) -> Vec<Value> {
    let mut seen: Vec<Value> = Vec::new();
    let mut path = first.to_owned();
    loop {
        let page = json(crm.get(&path), StatusCode::OK).await;
        seen.extend(page["items"].as_array().unwrap().iter().cloned());
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!("{first}&cursor={cursor}");
        if adding {
            end(crm, visitor, 2).await;
        }
    }
    let key = |interaction: &Value| {
        (
            interaction["created_at"].as_str().unwrap().to_owned(),
            interaction["id"].as_str().unwrap().to_owned(),
        )
    };
    for pair in seen.windows(2) {
        assert!(
            key(&pair[0]) > key(&pair[1]),
            "{} then {}",
            pair[0],
            pair[1]
        );
    }
    seen
}

#[tokio::test]
async fn a_contact_without_any_has_an_empty_list() {
    let crm = Crm::start().await;
    let contact = crm.create(json!({ "name": "Ada" })).await;
    let path = format!("/contacts/{}/interactions", contact["id"].as_str().unwrap());
    assert_eq!(
        json(crm.get(&path), StatusCode::OK).await,
        json!({ "items": [], "next_cursor": null })
    );
}
