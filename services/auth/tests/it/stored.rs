//! What a dump of the database shows.

use http::StatusCode;
use ids::AgentId;
use serde_json::json;
use sqlx::AssertSqlSafe;

use crate::fixture::{Auth, PASSWORD, Tokens, text};

#[tokio::test]
async fn no_secret_is_stored_as_it_is() {
    let auth = Auth::start().await;
    let first = auth.register("ada@example.com").await;
    let second = Tokens::of(auth.refresh(&first.refresh).await.expect(StatusCode::OK));
    let (key, _) = auth.key(&second.access, AgentId::new()).await;
    let visitor = auth
        .visit(json!({ "key": key }), None)
        .await
        .expect(StatusCode::OK);

    let tables: Vec<String> =
        sqlx::query_scalar("SELECT tablename::text FROM pg_tables WHERE schemaname = 'auth'")
            .fetch_all(&auth.database.pool)
            .await
            .unwrap();
    let mut dump = String::new();
    for table in &tables {
        let sql =
            format!("SELECT t::text || coalesce(row_to_json(t)::text, '') FROM auth.{table} t");
        let rows: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql))
            .fetch_all(&auth.database.pool)
            .await
            .unwrap();
        dump.extend(rows);
    }
    assert!(dump.contains("$argon2id$v=19$m=19456,t=2,p=1$"));
    let secrets = [
        PASSWORD.to_owned(),
        "ada@example.com".to_owned(),
        "ADA@EXAMPLE.COM".to_owned(),
        first.refresh,
        second.refresh,
        first.access,
        second.access,
        key,
        text(&visitor, "visitor_secret"),
        text(&visitor, "access_token"),
    ];
    for secret in secrets {
        assert!(!dump.contains(&secret), "{secret}");
        // Neither its random part, nor that in hexadecimal, as bytea prints.
        let body = secret
            .split_once('_')
            .map_or(secret.as_str(), |(_, body)| body);
        let hexadecimal: String = body.bytes().map(|byte| format!("{byte:02x}")).collect();
        assert!(
            !dump.contains(body) && !dump.contains(&hexadecimal),
            "{secret}"
        );
    }
}
