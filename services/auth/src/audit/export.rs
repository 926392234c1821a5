//! Entries as CSV (RFC 4180), a page of the store at a time.

use auth_api::AuditEntry;
use bytes::Bytes;
use futures::{Stream, stream};
use ids::{AuditId, WorkspaceId};
use serde_json::Value;

use super::store::{self, Filter};
use crate::app::App;

/// Rows that are read at once.
const PORTION: i64 = 500;
const HEADER: [&str; 11] = [
    "id",
    "at",
    "actor_kind",
    "actor_id",
    "action",
    "target_kind",
    "target_id",
    "before",
    "after",
    "address",
    "user_agent",
];

/// Everything that `filter` lets through, as text. A connection is held for a portion at a time, so
/// that a slow reader keeps none.
pub(super) fn export(
    app: App,
    workspace: WorkspaceId,
    filter: Filter,
) -> impl Stream<Item = Result<Bytes, csv::Error>> {
    let begin = Some((true, None));
    stream::try_unfold(begin, move |at| {
        let (app, filter) = (app.clone(), filter.clone());
        async move {
            let Some((first, before)) = at else {
                return Ok(None);
            };
            let entries = portion(&app, workspace, &filter, before)
                .await
                .map_err(std::io::Error::other)?;
            let full = i64::try_from(entries.len()) == Ok(PORTION);
            let next = entries
                .last()
                .filter(|_| full)
                .map(|last| (false, Some(last.id)));
            Ok(Some((lines(first, &entries)?, next)))
        }
    })
}

async fn portion(
    app: &App,
    workspace: WorkspaceId,
    filter: &Filter,
    before: Option<AuditId>,
) -> sqlx::Result<Vec<AuditEntry>> {
    let mut connection = app.pool.acquire().await?;
    store::list(&mut connection, workspace, filter, before, PORTION).await
}

fn lines(first: bool, entries: &[AuditEntry]) -> Result<Bytes, csv::Error> {
    let mut csv = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    if first {
        csv.write_record(HEADER)?;
    }
    for entry in entries {
        let json = |value: &Option<Value>| value.as_ref().map(Value::to_string);
        let kind = serde_json::to_value(entry.actor_kind).map_err(std::io::Error::other)?;
        csv.write_record([
            entry.id.to_string(),
            entry.at.to_rfc3339(),
            kind.as_str().unwrap_or_default().to_owned(),
            entry.actor_id.map(|id| id.to_string()).unwrap_or_default(),
            entry.action.clone(),
            entry.target_kind.clone(),
            entry.target_id.to_string(),
            json(&entry.before).unwrap_or_default(),
            json(&entry.after).unwrap_or_default(),
            entry
                .address
                .map(|address| address.to_string())
                .unwrap_or_default(),
            harmless(entry.user_agent.as_deref().unwrap_or_default()),
        ])?;
    }
    let text = csv
        .into_inner()
        .map_err(|error| std::io::Error::other(error.to_string()))?;
    Ok(text.into())
}

/// A text from outside that no spreadsheet takes for a formula (OWASP, CSV Injection).
fn harmless(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use auth_api::AuditActorKind;
    use chrono::DateTime;
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_line_survives_commas_quotes_and_formulas() {
        let entry = AuditEntry {
            id: AuditId::new(),
            at: DateTime::UNIX_EPOCH,
            actor_kind: AuditActorKind::System,
            actor_id: None,
            action: "member.updated".to_owned(),
            target_kind: "user".to_owned(),
            target_id: Uuid::nil(),
            before: Some(json!({ "role": "agent" })),
            after: None,
            address: Some("192.0.2.7".parse().unwrap()),
            user_agent: Some("=1+1,\"x\"".to_owned()),
        };
        let text = lines(true, &[entry]).unwrap();
        let mut csv = csv::Reader::from_reader(&text[..]);
        assert_eq!(csv.headers().unwrap(), &HEADER[..]);
        let record = csv.records().next().unwrap().unwrap();
        assert_eq!(&record[2], "system");
        assert_eq!(&record[7], r#"{"role":"agent"}"#);
        assert_eq!(&record[8], "");
        assert_eq!(&record[10], "'=1+1,\"x\"");
        assert!(text.ends_with(b"\r\n"));
    }
}
