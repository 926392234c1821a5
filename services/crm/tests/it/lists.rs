//! Lists: every order, every filter, and pages that neither skip nor repeat.

use std::{cmp::Ordering, collections::BTreeSet};

use reqwest::StatusCode;
use serde_json::{Value, json};
use testkit::{json, places, problem};

use crate::support::Crm;

const SORTS: [&str; 8] = [
    "created_at",
    "-created_at",
    "updated_at",
    "-updated_at",
    "name",
    "-name",
    "lead_score",
    "-lead_score",
];

/// Contacts with ties and gaps in everything that is sorted by.
async fn crowd(crm: &Crm, count: usize) -> Vec<Value> {
    let names = [
        "ada",
        "Ada",
        "Émile",
        "émile",
        "Zoë",
        "Älva",
        "bob",
        "Bob Z",
        "李雷",
        "ada lovelace",
    ];
    let mut made = Vec::new();
    for n in 0..count {
        let mut body = json!({ "company": format!("company {n}"), "lead_score": n % 7 * 10 });
        if n % 3 != 0 {
            body["name"] = json!(names[n % names.len()]);
        }
        made.push(crm.create(body).await);
        // Three at the same time.
        if n % 3 == 0 {
            crm.advance(1);
        }
    }
    for contact in made.iter_mut().step_by(5) {
        let path = format!("/contacts/{}", contact["id"].as_str().unwrap());
        *contact = json(
            crm.patch(&path, &json!({ "phone": "+44 20 7946 0958" })),
            StatusCode::OK,
        )
        .await;
    }
    made
}

/// How two neighbours of a list stand to each other.
fn order(sort: &str, left: &Value, right: &Value) -> Ordering {
    let (field, down) = sort
        .strip_prefix('-')
        .map_or((sort, false), |field| (field, true));
    let id = |contact: &Value| contact["id"].as_str().unwrap().to_owned();
    let ids = id(left).cmp(&id(right));
    let (nameless, keys) = match field {
        "name" => {
            let key = |contact: &Value| contact["name"].as_str().map(str::to_lowercase);
            // Those without a name come last whatever the direction.
            (
                key(left).is_none().cmp(&key(right).is_none()),
                key(left).cmp(&key(right)),
            )
        }
        "lead_score" => (
            Ordering::Equal,
            left[field].as_i64().cmp(&right[field].as_i64()),
        ),
        _ => {
            let time = |contact: &Value| {
                contact[field]
                    .as_str()
                    .unwrap()
                    .parse::<chrono::DateTime<chrono::Utc>>()
                    .unwrap()
            };
            (Ordering::Equal, time(left).cmp(&time(right)))
        }
    };
    let within = keys.then(ids);
    nameless.then(if down { within.reverse() } else { within })
}

#[tokio::test]
async fn pages_in_every_order_have_each_contact_once_while_others_are_added() {
    let crm = Crm::start().await;
    let crowd = crowd(&crm, 210).await;
    let expected: BTreeSet<&str> = crowd
        .iter()
        .map(|contact| contact["id"].as_str().unwrap())
        .collect();
    for sort in SORTS {
        let mut seen: Vec<Value> = Vec::new();
        let mut path = format!("/contacts?sort={sort}&limit=17");
        loop {
            let page = json(crm.get(&path), StatusCode::OK).await;
            let items = page["items"].as_array().unwrap();
            assert!(items.len() <= 17);
            seen.extend(items.iter().cloned());
            let Some(cursor) = page["next_cursor"].as_str() else {
                break;
            };
            path = format!("/contacts?sort={sort}&limit=17&cursor={cursor}");
            // In front of the page, behind it, and at its end.
            let name = page["items"][16]["name"].as_str().unwrap_or("zzz");
            for (name, score) in [("aaa", 0), ("zzzz", 60), (name, 30)] {
                crm.advance(1);
                crm.create(json!({ "name": name, "lead_score": score, "tags": ["added"] }))
                    .await;
            }
        }
        for pair in seen.windows(2) {
            // Strictly: a repeated contact would be no later than itself.
            assert_eq!(
                order(sort, &pair[0], &pair[1]),
                Ordering::Less,
                "{sort}: {} then {}",
                pair[0],
                pair[1]
            );
        }
        let found: BTreeSet<&str> = seen
            .iter()
            .map(|contact| contact["id"].as_str().unwrap())
            .collect();
        assert_eq!(expected.difference(&found).count(), 0, "{sort} skips some");
    }
}

#[tokio::test]
async fn the_newest_come_first_and_twenty_five_are_a_page() {
    let crm = Crm::start().await;
    crowd(&crm, 30).await;
    let page = json(crm.get("/contacts"), StatusCode::OK).await;
    let items = page["items"].as_array().unwrap();
    assert_eq!(items.len(), 25);
    assert!(
        items
            .windows(2)
            .all(|pair| order("-created_at", &pair[0], &pair[1]) == Ordering::Less)
    );
    let rest = crm
        .items(&format!(
            "/contacts?cursor={}",
            page["next_cursor"].as_str().unwrap()
        ))
        .await;
    assert_eq!(rest.len(), 5);
    // A full last page has no next one.
    assert_eq!(
        json(crm.get("/contacts?limit=30"), StatusCode::OK).await["next_cursor"],
        Value::Null
    );
}

#[tokio::test]
async fn a_cursor_of_one_order_is_refused_in_another() {
    let crm = Crm::start().await;
    crowd(&crm, 3).await;
    for made_in in SORTS {
        let page = json(
            crm.get(&format!("/contacts?limit=1&sort={made_in}")),
            StatusCode::OK,
        )
        .await;
        let cursor = page["next_cursor"].as_str().unwrap();
        for used_in in SORTS {
            let request = crm.get(&format!("/contacts?limit=1&sort={used_in}&cursor={cursor}"));
            if used_in == made_in {
                json(request, StatusCode::OK).await;
            } else {
                let refused = problem(request, StatusCode::BAD_REQUEST, "invalid_cursor").await;
                assert_eq!(places(&refused), ["cursor"]);
            }
        }
    }
    // Filters may change on the way: the place in the order stays what it is.
    let page = json(crm.get("/contacts?limit=1"), StatusCode::OK).await;
    let cursor = page["next_cursor"].as_str().unwrap();
    assert!(
        crm.items(&format!("/contacts?tag=nobody&cursor={cursor}"))
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn filters_narrow_and_combine() {
    let crm = Crm::start().await;
    for body in [
        json!({ "name": "Ada Lovelace", "email": "Ada@Example.com", "tags": ["vip", "Beta"], "lead_score": 80 }),
        json!({ "name": "Émile Zola", "company": "Acme 100%", "tags": ["vip"], "lead_score": 40 }),
        json!({ "email": "eve_1@other.example", "company": "ACME", "lead_score": 10 }),
        json!({ "phone": "+44 20 7946 0958", "tags": ["beta"] }),
    ] {
        crm.create(body).await;
        crm.advance(3600);
    }
    let names = |items: Vec<Value>| -> Vec<String> {
        let name = |contact: &Value| {
            let known = contact["name"]
                .as_str()
                .or(contact["email"].as_str())
                .or(contact["phone"].as_str());
            known.unwrap().split(' ').next().unwrap().to_owned()
        };
        items.iter().map(name).collect()
    };
    let (ada, emile, eve, phone) = ("Ada", "Émile", "eve_1@other.example", "+44");
    for (query, expected) in [
        // A part of the name, the address or the company, in any case.
        ("q=lovelace", vec![ada]),
        ("q=ÉMILE", vec![emile]),
        ("q=EXAMPLE.com", vec![ada]),
        ("q=acme", vec![eve, emile]),
        ("q=example", vec![eve, ada]),
        // Wildcards are characters, and fields do not run into each other.
        ("q=100%25", vec![emile]),
        ("q=%25", vec![emile]),
        ("q=_", vec![eve]),
        ("q=%5C", vec![]),
        ("q=lovelace%20ada", vec![]),
        ("email=ADA@example.COM", vec![ada]),
        ("email=ada@example.co", vec![]),
        ("tag=vip", vec![emile, ada]),
        ("tag=beta", vec![phone]),
        ("min_lead_score=40", vec![emile, ada]),
        ("min_lead_score=100", vec![]),
        // From then on, inclusive; until then, exclusive.
        (
            "created_after=2026-11-23T11:00:00Z&sort=created_at",
            vec![emile, eve, phone],
        ),
        ("created_before=2026-11-23T11:00:00Z", vec![ada]),
        (
            "created_after=2026-11-23T12:00:00%2B01:00&created_before=2026-11-23T12:00:00Z",
            vec![emile],
        ),
        ("tag=vip&min_lead_score=50&q=a", vec![ada]),
    ] {
        let items = crm.items(&format!("/contacts?{query}")).await;
        assert_eq!(names(items), expected, "{query}");
    }
}
