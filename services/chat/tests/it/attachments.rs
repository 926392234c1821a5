//! Files: uploaded, taken by a message, fetched by those who may, and gone when they should be.

use common::tokens::Role;
use futures::{StreamExt, TryStreamExt, stream};
use ids::{ChannelId, UserId, VisitorId, WorkspaceId};
use image::{DynamicImage, ImageFormat, RgbImage};
use object_store::ObjectStoreExt;
use reqwest::{Body, StatusCode, header};
use serde_json::{Value, json};

use crate::support::{Fleet, Instance, answer, refused};

const CAP: usize = 20 * 1024 * 1024;

async fn upload(
    instance: &Instance,
    token: &str,
    channel: ChannelId,
    (client_id, name): (&str, &str),
    bytes: impl Into<Body>,
) -> (StatusCode, Value) {
    let request = instance
        .server
        .post(&format!("/channels/{channel}/attachments"))
        .query(&[("client_id", client_id), ("name", name)])
        .bearer_auth(token)
        .body(bytes);
    answer(request).await
}

/// Sends a message that has this file; answers its entry.
async fn send(
    instance: &Instance,
    token: &str,
    channel: ChannelId,
    kind: &str,
    id: &Value,
) -> Value {
    let body = json!({
        "client_id": format!("with {id}"), "kind": kind,
        "body": { "text": "Here it is", "attachment_ids": [id] },
    });
    let (status, entry) =
        answer(instance.post(token, &format!("/messages/{channel}"), &body)).await;
    assert_eq!(status, StatusCode::CREATED, "{entry}");
    entry
}

async fn fetch(instance: &Instance, token: &str, id: &Value) -> reqwest::Response {
    let path = format!("/attachments/{}", id.as_str().unwrap());
    instance.get(token, &path).send().await.unwrap()
}

fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u32;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    })
    .take(length)
    .collect()
}

fn picture() -> Vec<u8> {
    let image = DynamicImage::from(RgbImage::from_fn(800, 400, |x, y| {
        image::Rgb([(x % 256) as u8, (y % 256) as u8, 0])
    }));
    let mut bytes = Vec::new();
    let mut cursor = std::io::Cursor::new(&mut bytes);
    image.write_to(&mut cursor, ImageFormat::Jpeg).unwrap();
    bytes
}

/// Everything that lies in the store of files.
async fn stored(fleet: &Fleet) -> Vec<Vec<u8>> {
    let listed: Vec<_> = fleet.objects.list(None).try_collect().await.unwrap();
    let mut all = Vec::new();
    for meta in listed {
        let object = fleet.objects.get(&meta.location).await.unwrap();
        all.push(object.bytes().await.unwrap().to_vec());
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_every_length_come_back_as_they_were() {
    let fleet = Fleet::start().await;
    let instance = fleet.instance().await;
    for length in [0, 1, 8 * 1024, 64 * 1024, 64 * 1024 + 1, 1_300_000] {
        // Of its own each: so many may wait in one.
        let conversation = fleet.open(&instance).await;
        let (token, channel) = (&conversation.token, conversation.channel);
        let bytes = noise(length);
        let (status, file) =
            upload(&instance, token, channel, ("a", "data.bin"), bytes.clone()).await;
        assert_eq!(status, StatusCode::CREATED, "{file}");
        assert_eq!(file["size"], length);
        assert_eq!(file["name"], "data.bin");
        let entry = send(&instance, token, channel, "message", &file["id"]).await;
        assert_eq!(entry["body"]["attachments"], json!([file]));
        let person = fleet.person();
        for who in [token, &person] {
            let response = fetch(&instance, who, &file["id"]).await;
            assert_eq!(response.status(), StatusCode::OK);
            assert_eq!(response.headers()["x-content-type-options"], "nosniff");
            assert_eq!(response.bytes().await.unwrap(), bytes);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_file_is_taken_and_one_byte_more_is_not() {
    let fleet = Fleet::start().await;
    let instance = fleet.instance().await;
    let conversation = fleet.open(&instance).await;
    let (token, channel) = (&conversation.token, conversation.channel);
    let (status, file) = upload(&instance, token, channel, ("a", "large"), noise(CAP)).await;
    assert_eq!(status, StatusCode::CREATED, "{file}");
    let before = stored(&fleet).await.len();
    refused(
        upload(&instance, token, channel, ("b", "larger"), noise(CAP + 1)).await,
        413,
        "payload_too_large",
    );
    assert_eq!(stored(&fleet).await.len(), before, "nothing of it is left");
    // Under the same name it can be tried again.
    let (status, _) = upload(&instance, token, channel, ("b", "small"), "x").await;
    assert_eq!(status, StatusCode::CREATED);
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_decide_what_a_file_is_and_its_name_is_made_harmless() {
    let fleet = Fleet::start().await;
    let instance = fleet.instance().await;
    let conversation = fleet.open(&instance).await;
    let (token, channel) = (&conversation.token, conversation.channel);
    let page = "<!DOCTYPE html><script>alert(1)</script>";
    let (_, file) = upload(&instance, token, channel, ("a", "../x/photo.png"), page).await;
    assert_eq!(file["name"], "photo.png");
    assert_eq!(file["media_type"], "text/plain");
    let response = fetch(&instance, token, &file["id"]).await;
    assert_eq!(
        response.headers()[header::CONTENT_TYPE],
        "text/plain; charset=utf-8"
    );
    assert_eq!(
        response.headers()["content-security-policy"],
        "default-src 'none'; sandbox"
    );
    let archive = [b"PK\x03\x04".as_slice(), &noise(100)].concat();
    let (_, file) = upload(
        &instance,
        token,
        channel,
        ("b", "a\u{202e}fdp.zip"),
        archive,
    )
    .await;
    assert_eq!(file["name"], "afdp.zip");
    let response = fetch(&instance, token, &file["id"]).await;
    assert_eq!(
        response.headers()[header::CONTENT_TYPE],
        "application/octet-stream"
    );
    let disposition = response.headers()[header::CONTENT_DISPOSITION]
        .to_str()
        .unwrap();
    assert!(disposition.starts_with("attachment;"), "{disposition}");
    let program = [b"\x7fELF\x02\x01\x01".as_slice(), &[0; 200]].concat();
    refused(
        upload(&instance, token, channel, ("c", "x.png"), program).await,
        415,
        "unsupported_media_type",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn images_have_a_small_picture() {
    let fleet = Fleet::start().await;
    let instance = fleet.instance().await;
    let conversation = fleet.open(&instance).await;
    let (token, channel) = (&conversation.token, conversation.channel);
    let (_, file) = upload(&instance, token, channel, ("a", "p.jpg"), picture()).await;
    assert_eq!(file["media_type"], "image/jpeg");
    assert_eq!(
        (&file["width"], &file["height"]),
        (&json!(800), &json!(400))
    );
    assert_eq!(file["thumbnail"], true);
    let path = format!("/attachments/{}/thumbnail", file["id"].as_str().unwrap());
    let response = instance.get(token, &path).send().await.unwrap();
    assert_eq!(response.headers()[header::CONTENT_TYPE], "image/png");
    let small = image::load_from_memory(&response.bytes().await.unwrap()).unwrap();
    assert_eq!((small.width(), small.height()), (320, 160));
    // One that cannot be unpacked is a file like any other.
    let broken = picture()[..300].to_vec();
    let (status, file) = upload(&instance, token, channel, ("b", "p.jpg"), broken).await;
    assert_eq!(status, StatusCode::CREATED);
    assert!(file.get("thumbnail").is_none(), "{file}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_is_a_part_of_it() {
    let fleet = Fleet::start().await;
    let instance = fleet.instance().await;
    let conversation = fleet.open(&instance).await;
    let (token, channel) = (&conversation.token, conversation.channel);
    let bytes = noise(200_000);
    let (_, file) = upload(&instance, token, channel, ("a", "v.bin"), bytes.clone()).await;
    let path = format!("/attachments/{}", file["id"].as_str().unwrap());
    for (asked, from, to) in [
        ("bytes=0-0", 0, 1),
        ("bytes=65535-65536", 65_535, 65_537),
        ("bytes=100000-", 100_000, 200_000),
        ("bytes=-7", 199_993, 200_000),
    ] {
        let request = instance.get(token, &path).header(header::RANGE, asked);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::PARTIAL_CONTENT, "{asked}");
        let range = response.headers()[header::CONTENT_RANGE].clone();
        assert_eq!(range, format!("bytes {from}-{}/200000", to - 1));
        assert_eq!(response.bytes().await.unwrap(), bytes[from..to], "{asked}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_byte_lies_in_the_store_as_it_was_and_none_may_be_changed() {
    let fleet = Fleet::start().await;
    let instance = fleet.instance().await;
    let conversation = fleet.open(&instance).await;
    let (token, channel) = (&conversation.token, conversation.channel);
    let secret = "the quick brown fox ".repeat(10_000);
    let (_, file) = upload(&instance, token, channel, ("a", "fox.txt"), secret).await;
    let all = stored(&fleet).await;
    assert_eq!(all.len(), 1);
    assert!(!all[0].windows(9).any(|window| window == b"quick bro"));
    let at = fleet
        .objects
        .list(None)
        .next()
        .await
        .unwrap()
        .unwrap()
        .location;
    let mut changed = all[0].clone();
    changed[100] ^= 1;
    fleet.objects.put(&at, changed.into()).await.unwrap();
    let response = fetch(&instance, token, &file["id"]).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    // Of the rest of it, too: the answer breaks off rather than to give what was changed.
    let mut changed = all[0].clone();
    let end = changed.len() - 1;
    changed[end] ^= 1;
    fleet.objects.put(&at, changed.into()).await.unwrap();
    let response = fetch(&instance, token, &file["id"]).await;
    assert!(!response.status().is_success() || response.bytes().await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_gets_a_file() {
    let fleet = Fleet::start().await;
    let instance = fleet.instance().await;
    let conversation = fleet.open(&instance).await;
    let (token, channel) = (&conversation.token, conversation.channel);
    let person = fleet.person();
    let (_, file) = upload(&instance, token, channel, ("a", "a.txt"), "mine").await;
    let others = [
        fleet
            .keys
            .visitor(fleet.workspace, VisitorId::new(), fleet.agent),
        fleet
            .keys
            .person(WorkspaceId::new(), UserId::new(), Role::Owner),
    ];
    for other in &others {
        assert_eq!(
            fetch(&instance, other, &file["id"]).await.status(),
            StatusCode::NOT_FOUND
        );
    }
    // While it is not sent, it is the uploader's alone.
    assert_eq!(
        fetch(&instance, &person, &file["id"]).await.status(),
        StatusCode::NOT_FOUND
    );
    send(&instance, token, channel, "message", &file["id"]).await;
    assert_eq!(
        fetch(&instance, &person, &file["id"]).await.status(),
        StatusCode::OK
    );
    for other in &others {
        assert_eq!(
            fetch(&instance, other, &file["id"]).await.status(),
            StatusCode::NOT_FOUND
        );
    }
    // What hangs on a note is for people of the company.
    let (_, file) = upload(&instance, &person, channel, ("n", "n.txt"), "internal").await;
    send(&instance, &person, channel, "note", &file["id"]).await;
    assert_eq!(
        fetch(&instance, token, &file["id"]).await.status(),
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        fetch(&instance, &fleet.person(), &file["id"])
            .await
            .status(),
        StatusCode::OK
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_takes_only_what_its_sender_uploaded_here_and_did_not_send() {
    let fleet = Fleet::start().await;
    let instance = fleet.instance().await;
    let (here, there) = (fleet.open(&instance).await, fleet.open(&instance).await);
    let (_, file) = upload(&instance, &here.token, here.channel, ("a", "a.txt"), "x").await;
    let (_, elsewhere) = upload(&instance, &there.token, there.channel, ("a", "a.txt"), "x").await;
    let say = async |client_id: &str, ids: &[&Value]| {
        let body = json!({ "client_id": client_id, "body": { "attachment_ids": ids } });
        answer(instance.post(&here.token, &format!("/messages/{}", here.channel), &body)).await
    };
    let (status, problem) = say("m1", &[&file["id"], &elsewhere["id"]]).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(problem["errors"][0]["pointer"], "/body/attachment_ids/1");
    // Nothing of that stays: the file can be sent now, and repeated sends are the same message.
    let (status, first) = say("m2", &[&file["id"]]).await;
    assert_eq!(status, StatusCode::CREATED, "{first}");
    let (status, again) = say("m2", &[&file["id"]]).await;
    assert_eq!((status, &again["seq"]), (StatusCode::OK, &first["seq"]));
    assert_eq!(
        say("m3", &[&file["id"]]).await.0,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    assert_eq!(
        say("m4", &[]).await.0,
        StatusCode::UNPROCESSABLE_ENTITY,
        "it says nothing"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_upload_is_the_same_file_and_so_many_may_wait() {
    let fleet = Fleet::start().await;
    let instance = fleet.instance().await;
    let conversation = fleet.open(&instance).await;
    let (token, channel) = (&conversation.token, conversation.channel);
    let (status, first) = upload(&instance, token, channel, ("a", "a.txt"), "x").await;
    assert_eq!(status, StatusCode::CREATED);
    let (status, again) = upload(&instance, token, channel, ("a", "a.txt"), "x").await;
    assert_eq!((status, &again), (StatusCode::OK, &first));
    for n in 1..10 {
        let client_id = n.to_string();
        let (status, _) = upload(&instance, token, channel, (&client_id, "a.txt"), "x").await;
        assert_eq!(status, StatusCode::CREATED);
    }
    refused(
        upload(&instance, token, channel, ("b", "a.txt"), "x").await,
        409,
        "conflict",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_a_message_that_is_taken_back_are_gone() {
    let fleet = Fleet::start().await;
    let instance = fleet.instance().await;
    let conversation = fleet.open(&instance).await;
    let (token, channel) = (&conversation.token, conversation.channel);
    let (_, file) = upload(&instance, token, channel, ("a", "p.jpg"), picture()).await;
    let entry = send(&instance, token, channel, "message", &file["id"]).await;
    assert_eq!(stored(&fleet).await.len(), 2, "it and its small picture");
    let path = format!("/messages/{channel}/{}", entry["seq"]);
    let response = instance
        .server
        .delete(&path)
        .bearer_auth(token)
        .send()
        .await;
    assert!(response.unwrap().status().is_success());
    assert_eq!(
        fetch(&instance, token, &file["id"]).await.status(),
        StatusCode::NOT_FOUND
    );
    testkit::eventually("an empty store", async || {
        stored(&fleet).await.is_empty().then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_breaks_off_leaves_nothing() {
    let fleet = Fleet::start().await;
    let instance = fleet.instance().await;
    let conversation = fleet.open(&instance).await;
    let (token, channel) = (&conversation.token, conversation.channel);
    let pieces = stream::iter([Ok(noise(200_000)), Err(std::io::Error::other("cut"))]);
    let request = instance
        .server
        .post(&format!("/channels/{channel}/attachments"))
        .query(&[("client_id", "a"), ("name", "a.bin")])
        .bearer_auth(token)
        .body(Body::wrap_stream(pieces));
    assert!(request.send().await.is_err());
    testkit::eventually("a second try", async || {
        let (status, _) = upload(&instance, token, channel, ("a", "a.bin"), "whole").await;
        (status == StatusCode::CREATED).then_some(())
    })
    .await;
    assert_eq!(stored(&fleet).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_store_files_are_refused_and_messages_go_on() {
    let fleet = Fleet::start().await;
    let parts = fleet.parts(
        fleet.database.clone(),
        testkit::redis(),
        fleet.postgres.pool.clone(),
    );
    let instance = fleet
        .instance_of(chat::Parts {
            objects: None,
            ..parts
        })
        .await;
    let conversation = fleet.open(&instance).await;
    let (token, channel) = (&conversation.token, conversation.channel);
    refused(
        upload(&instance, token, channel, ("a", "a.txt"), "x").await,
        503,
        "unavailable",
    );
    let (status, _) = instance.say(token, channel, "Hello").await;
    assert_eq!(status, StatusCode::CREATED);
}
