//! The rules of keys: who may make which, and how long they and their tokens live.

use auth_api::{Key, KeyKind};
use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use common::tokens::Role;
use serde_json::{Value, json};

use super::Error;
use crate::{access::Standing, signing};

/// A secret key that ends does so within a year, a leap year included.
const LONGEST: TimeDelta = TimeDelta::days(366);

/// When a key ends that is made now: to the second, as tokens do.
pub(super) fn end(
    wanted: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, Error> {
    let Some(wanted) = wanted else {
        return Ok(None);
    };
    let end = wanted.trunc_subsecs(0);
    if end > now && end <= now + LONGEST {
        Ok(Some(end))
    } else {
        Err(Error::EndsWhen)
    }
}

/// When the token ends that is made now for a secret key; none when the key itself has.
pub(super) fn token_end(
    key_ends: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let token = now + signing::PERSON;
    match key_ends {
        Some(end) if end <= now => None,
        Some(end) => Some(end.min(token)),
        None => Some(token),
    }
}

/// Lets pass who may make this key: a secret key has nothing that its maker lacks, and is made by a
/// person. A stolen one would otherwise make itself another that outlives it.
pub(super) fn may_make(standing: &Standing, key: &Key) -> Result<(), Error> {
    if key.kind == KeyKind::Secret && standing.role == Role::Program {
        return Err(Error::MadeByProgram);
    }
    let lacking = standing.lacks(&key.scopes);
    if lacking.is_empty() {
        return Ok(());
    }
    let places = key.scopes.iter().enumerate();
    Err(Error::Exceeds(
        places
            .filter(|(_, scope)| lacking.contains(&scope.as_str()))
            .map(|(place, scope)| (place, scope.clone()))
            .collect(),
    ))
}

/// What the audit log tells of a key. Its name may be about a person.
pub(super) fn as_audited(key: &Key) -> Value {
    json!({
        "kind": key.kind,
        "prefix": key.prefix,
        "agent_id": key.agent_id,
        "allowed_origins": key.allowed_origins,
        "scopes": key.scopes,
        "expires_at": key.expires_at,
    })
}

#[cfg(test)]
mod tests {
    use ids::KeyId;

    use super::*;

    fn at(millis: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(millis).unwrap()
    }

    fn standing(role: Role) -> Standing {
        Standing::of(role, &["contacts:read", "keys:write"])
    }

    fn key(kind: KeyKind, scopes: &[&str]) -> Key {
        Key {
            id: KeyId::new(),
            kind,
            name: "importer".to_owned(),
            agent_id: None,
            allowed_origins: Vec::new(),
            scopes: scopes.iter().map(ToString::to_string).collect(),
            expires_at: None,
            prefix: String::new(),
            created_at: at(0),
            last_used_at: None,
        }
    }

    #[test]
    fn a_key_ends_ahead_within_a_year_and_at_a_whole_second() {
        assert_eq!(end(None, at(500)).unwrap(), None);
        assert_eq!(end(Some(at(1999)), at(500)).unwrap(), Some(at(1000)));
        let last = at(500) + LONGEST;
        assert!(end(Some(last), at(500)).is_ok());
        for wrong in [
            at(400),
            at(999),
            at(-60_000),
            last + TimeDelta::seconds(1),
            DateTime::<Utc>::MAX_UTC,
        ] {
            assert!(
                matches!(end(Some(wrong), at(500)), Err(Error::EndsWhen)),
                "{wrong}"
            );
        }
    }

    #[test]
    fn a_token_does_not_outlive_its_key() {
        let token = at(500) + signing::PERSON;
        assert_eq!(token_end(None, at(500)), Some(token));
        assert_eq!(
            token_end(Some(token + TimeDelta::seconds(9)), at(500)),
            Some(token)
        );
        assert_eq!(token_end(Some(at(1000)), at(500)), Some(at(1000)));
        assert_eq!(token_end(Some(at(1000)), at(1000)), None);
    }

    #[test]
    fn nobody_gives_away_more_than_they_have() {
        let admin = standing(Role::Admin);
        assert!(may_make(&admin, &key(KeyKind::Secret, &["contacts:read"])).is_ok());
        let more = key(KeyKind::Secret, &["contacts:read", "contacts:write"]);
        assert!(
            matches!(may_make(&admin, &more), Err(Error::Exceeds(lacking)) if lacking == [(1, "contacts:write".to_owned())])
        );
    }

    #[test]
    fn a_program_makes_no_secret_keys() {
        let program = standing(Role::Program);
        let secret = key(KeyKind::Secret, &["contacts:read"]);
        assert!(matches!(
            may_make(&program, &secret),
            Err(Error::MadeByProgram)
        ));
        assert!(may_make(&program, &key(KeyKind::Publishable, &[])).is_ok());
    }
}
