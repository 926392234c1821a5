//! `docs/events.md` says what the code does: who publishes, who listens.

use std::{collections::BTreeMap, path::Path};

use bus::topology::QUEUES;

/// The rows of the page's first table: type, publisher, queues.
fn page() -> BTreeMap<String, (String, Vec<String>)> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/events.md");
    let text = std::fs::read_to_string(file).unwrap();
    let mut rows = BTreeMap::new();
    for line in text
        .lines()
        .filter(|line| line.starts_with("| `") && line.contains(".v"))
    {
        let cells: Vec<String> = line
            .trim_matches('|')
            .split('|')
            .map(|cell| cell.trim().replace('`', ""))
            .collect();
        let [name, publisher, queues, ..] = cells.as_slice() else {
            panic!("{line}")
        };
        let queues = queues
            .split(", ")
            .filter(|queue| *queue != "–")
            .map(str::to_owned)
            .collect();
        assert!(
            rows.insert(name.clone(), (publisher.clone(), queues))
                .is_none(),
            "{name} stands there twice"
        );
    }
    rows
}

#[test]
fn the_page_names_every_event_its_publisher_and_its_queues() {
    let catalogs = [
        ("auth", auth_api::events::catalog()),
        ("agent", agent_api::events::catalog()),
        ("chat", chat_api::events::catalog()),
        ("crm", crm_api::events::catalog()),
    ];
    let mut expected = BTreeMap::new();
    for (publisher, catalog) in catalogs {
        for event in catalog {
            let listening = QUEUES.iter().filter(|queue| queue.wants(event.r#type));
            let queues: Vec<String> = listening.map(|queue| queue.name.to_owned()).collect();
            expected.insert(event.r#type.to_owned(), (publisher.to_owned(), queues));
        }
    }
    assert_eq!(page(), expected, "correct docs/events.md");
}
