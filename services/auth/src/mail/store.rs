//! Letters that wait, in PostgreSQL.

use chrono::{DateTime, Duration, Utc};
use ids::LetterId;
use sqlx::PgConnection;
use vault::Sealed;

/// Whoever claims a letter has this long to send it before another instance may.
const CLAIM: Duration = Duration::seconds(60);
/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::hours(8);

/// A letter that is to be sent now.
#[derive(Debug)]
pub(super) struct Due {
    pub(super) id: LetterId,
    pub(super) sealed: Sealed,
    /// How often it was tried, with this time.
    pub(super) tries: i16,
}

/// Queues a letter.
pub(super) async fn insert(
    connection: &mut PgConnection,
    id: LetterId,
    sealed: &Sealed,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO auth.letters (id, sealed, next_at, created_at) VALUES ($1, $2, $3, $3)",
        id.as_uuid(),
        sealed.as_bytes(),
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes the next letter, and puts it off for everybody else: by a minute at first, then by twice as
/// long each time. So a letter that cannot be sent waits for its next try as it stands.
pub(super) async fn claim(
    connection: &mut PgConnection,
    now: DateTime<Utc>,
) -> sqlx::Result<Option<Due>> {
    let found = sqlx::query!(
        r#"UPDATE auth.letters
           SET tries = tries + 1,
               next_at = $1::timestamptz + make_interval(secs => least($2::float8 * 2 ^ tries, $3::float8))
           WHERE id = (SELECT id FROM auth.letters WHERE next_at <= $1 ORDER BY next_at LIMIT 1
                       FOR UPDATE SKIP LOCKED)
           RETURNING id AS "id: LetterId", sealed, tries"#,
        now,
        CLAIM.as_seconds_f64(),
        LONGEST_PAUSE.as_seconds_f64(),
    )
    .fetch_optional(connection)
    .await?;
    Ok(found.map(|row| Due {
        id: row.id,
        sealed: row.sealed.into(),
        tries: row.tries,
    }))
}

/// Forgets a letter that was sent, or never will be.
pub(super) async fn delete(connection: &mut PgConnection, id: LetterId) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM auth.letters WHERE id = $1", id.as_uuid())
        .execute(connection)
        .await?;
    Ok(())
}
