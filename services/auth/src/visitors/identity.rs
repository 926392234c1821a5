//! Who a visitor is, as the company's own server says it: a JWT (RFC 7519) that it signed by HS256 with
//! the workspace's identity secret.

use auth_api::VisitorIdentity;
use chrono::{DateTime, TimeDelta, Utc};
use common::telemetry::Personal;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, errors::ErrorKind};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;

/// A token ends this far ahead at most.
const LONGEST: TimeDelta = TimeDelta::hours(24);
/// The company's clock and ours may differ by this much.
const LEEWAY: TimeDelta = TimeDelta::minutes(1);
const EXTERNAL_ID: usize = 200;
const EMAIL: usize = 320;
const NAME: usize = 200;

/// Why a token does not prove who somebody is. Whoever reads it is writing the company's server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Rejected {
    /// The workspace has no secret.
    #[error(
        "cannot be checked: the workspace has no identity secret yet; POST /auth/workspace/identity-secret makes it"
    )]
    NoSecret,
    /// It is no JWT.
    #[error("must be a JWT: three parts of base64url with dots between them")]
    NotAToken,
    /// It names another algorithm.
    #[error("must be signed by HS256; its header names another algorithm, or none")]
    Algorithm,
    /// The signature is not made with our secret.
    #[error("has a signature that the workspace's identity secret did not make")]
    Signature,
    /// The payload is no object.
    #[error("must have a JSON object as its payload")]
    Payload,
    /// The person's id is missing or cannot be used.
    #[error("must have `sub`, your id of the person: a string of 1 to 200 characters")]
    Subject,
    /// It would be good for ever.
    #[error("must have `exp`, the time when it ends: a number of seconds since 1970")]
    NoEnd,
    /// It is over.
    #[error("has ended: `exp` is past")]
    Over,
    /// It is good for too long.
    #[error("may end 24 hours ahead at most: `exp` is later; it counts seconds, not milliseconds")]
    EndsTooLate,
    /// It is not good yet.
    #[error("is not good yet: `nbf` is ahead")]
    NotYet,
    /// The e-mail address is no text.
    #[error("has an `email` that is not a string of at most 320 characters")]
    Email,
    /// The name is no text.
    #[error("has a `name` that is not a string of at most 200 characters")]
    Name,
}

/// What a token may say; more is ignored (RFC 7519 §4).
#[derive(Deserialize)]
struct Claims {
    #[serde(default)]
    sub: Value,
    #[serde(default)]
    exp: Value,
    #[serde(default)]
    nbf: Value,
    #[serde(default)]
    email: Value,
    #[serde(default)]
    name: Value,
}

/// Checks a token, and says whom it names.
pub(super) fn verify(
    secret: &SecretString,
    token: &SecretString,
    now: DateTime<Utc>,
) -> Result<VisitorIdentity, Rejected> {
    let claims = signed(secret, token)?;
    check_times(&claims, now)?;
    Ok(VisitorIdentity {
        external_id: text(claims.sub, EXTERNAL_ID)
            .ok()
            .flatten()
            .ok_or(Rejected::Subject)?,
        email: text(claims.email, EMAIL).map_err(|()| Rejected::Email)?,
        name: text(claims.name, NAME).map_err(|()| Rejected::Name)?,
    })
}

/// What the company's server signed.
fn signed(secret: &SecretString, token: &SecretString) -> Result<Claims, Rejected> {
    let token = token.expose_secret();
    if token.split('.').count() != 3 {
        return Err(Rejected::NotAToken);
    }
    // A header that names no algorithm of RFC 7518 is not read at all. Ours to choose is the algorithm,
    // never the token's (RFC 8725 §3.1).
    let header = jsonwebtoken::decode_header(token).map_err(|_| Rejected::Algorithm)?;
    if header.alg != Algorithm::HS256 {
        return Err(Rejected::Algorithm);
    }
    let mut validation = Validation::new(Algorithm::HS256);
    // Times are checked by our own clock.
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let key = DecodingKey::from_secret(secret.expose_secret().as_bytes());
    match jsonwebtoken::decode::<Claims>(token, &key, &validation) {
        Ok(token) => Ok(token.claims),
        Err(error) => Err(match error.kind() {
            ErrorKind::Json(_) | ErrorKind::Utf8(_) => Rejected::Payload,
            _ => Rejected::Signature,
        }),
    }
}

fn check_times(claims: &Claims, now: DateTime<Utc>) -> Result<(), Rejected> {
    // JSON's numbers may have fractions (RFC 7519 §2).
    let now = seconds(now);
    let end = claims.exp.as_f64().ok_or(Rejected::NoEnd)?;
    if end <= now {
        return Err(Rejected::Over);
    }
    if end > now + (LONGEST + LEEWAY).as_seconds_f64() {
        return Err(Rejected::EndsTooLate);
    }
    match claims.nbf.as_f64() {
        Some(begin) if begin > now + LEEWAY.as_seconds_f64() => Err(Rejected::NotYet),
        _ => Ok(()),
    }
}

/// The time as tokens count it.
fn seconds(time: DateTime<Utc>) -> f64 {
    (time - DateTime::UNIX_EPOCH).as_seconds_f64()
}

/// A text of a token; what is missing, null or blank is none.
fn text(value: Value, longest: usize) -> Result<Option<Personal<String>>, ()> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) if text.trim().is_empty() => Ok(None),
        Value::String(text)
            if text.chars().count() <= longest && !text.chars().any(char::is_control) =>
        {
            Ok(Some(Personal::new(text)))
        }
        _ => Err(()),
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{EncodingKey, Header, encode};
    use serde_json::json;

    use super::*;

    const SECRET: &str = "is_a-secret-of-the-shop";

    fn sign(algorithm: Algorithm, secret: &str, claims: &Value) -> SecretString {
        let key = EncodingKey::from_secret(secret.as_bytes());
        encode(&Header::new(algorithm), claims, &key)
            .unwrap()
            .into()
    }

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_000_000, 0).unwrap()
    }

    fn check(claims: &Value) -> Result<VisitorIdentity, Rejected> {
        verify(
            &SECRET.into(),
            &sign(Algorithm::HS256, SECRET, claims),
            now(),
        )
    }

    #[test]
    fn a_good_token_says_who_somebody_is() {
        let full = json!({ "sub": "42", "exp": 1_000_060, "email": "ada@example.com", "name": "Ada", "plan": 7 });
        let ada = check(&full).unwrap();
        assert_eq!(ada.external_id.expose(), "42");
        assert_eq!(ada.email.unwrap().expose(), "ada@example.com");
        assert_eq!(ada.name.unwrap().expose(), "Ada");
        let bare = json!({ "sub": "42", "exp": 1_000_000.5, "email": null, "name": " " });
        let ada = check(&bare).unwrap();
        assert_eq!((ada.email, ada.name), (None, None));
    }

    #[test]
    fn each_fault_is_named() {
        let with = |field: &str, value: Value| {
            let mut claims = json!({ "sub": "42", "exp": 1_000_060 });
            claims[field] = value;
            claims
        };
        for (claims, rejected) in [
            (with("sub", Value::Null), Rejected::Subject),
            (with("sub", json!(42)), Rejected::Subject),
            (with("sub", json!("")), Rejected::Subject),
            (with("sub", json!("x".repeat(201))), Rejected::Subject),
            (with("sub", json!("a\nb")), Rejected::Subject),
            (with("exp", Value::Null), Rejected::NoEnd),
            (with("exp", json!("1000060")), Rejected::NoEnd),
            (with("exp", json!(1_000_000)), Rejected::Over),
            (with("exp", json!(-1)), Rejected::Over),
            (with("exp", json!(1_086_461)), Rejected::EndsTooLate),
            (with("exp", json!(1_000_060_000)), Rejected::EndsTooLate),
            (with("nbf", json!(1_000_061)), Rejected::NotYet),
            (with("email", json!(["ada@example.com"])), Rejected::Email),
            (with("email", json!("x".repeat(321))), Rejected::Email),
            (with("name", json!(7)), Rejected::Name),
            (json!(["42", 1_000_060]), Rejected::Payload),
        ] {
            assert_eq!(check(&claims), Err(rejected), "{claims}");
        }
        for fine in [
            with("sub", json!("ü".repeat(200))),
            with("exp", json!(1_086_460)),
            with("nbf", json!(1_000_060)),
            with("aud", json!("another")),
        ] {
            assert!(check(&fine).is_ok(), "{fine}");
        }
    }

    #[test]
    fn the_algorithm_and_the_secret_are_ours_to_choose() {
        let claims = json!({ "sub": "42", "exp": 1_000_060 });
        let verify = |token: &SecretString| verify(&SECRET.into(), token, now());
        for algorithm in [Algorithm::HS384, Algorithm::HS512] {
            assert_eq!(
                verify(&sign(algorithm, SECRET, &claims)),
                Err(Rejected::Algorithm)
            );
        }
        let other = sign(Algorithm::HS256, "is_another", &claims);
        assert_eq!(verify(&other), Err(Rejected::Signature));
        let good = sign(Algorithm::HS256, SECRET, &claims);
        let mut parts = good.expose_secret().split('.');
        let (header, payload) = (parts.next().unwrap(), parts.next().unwrap());
        // {"typ":"JWT","alg":"none"}
        let none = "eyJ0eXAiOiJKV1QiLCJhbGciOiJub25lIn0";
        for (token, rejected) in [
            (format!("{none}.{payload}."), Rejected::Algorithm),
            (format!("{header}.{payload}."), Rejected::Signature),
            (format!("{header}.{payload}"), Rejected::NotAToken),
            ("no token".to_owned(), Rejected::NotAToken),
            ("a.b.c".to_owned(), Rejected::Algorithm),
        ] {
            assert_eq!(verify(&token.clone().into()), Err(rejected), "{token}");
        }
    }
}
