//! What a code is: six digits of an authenticator app, or a recovery code.

use aws_lc_rs::rand;
use chrono::{DateTime, Utc};
use common::telemetry::Personal;
use secrecy::{ExposeSecret, SecretString, zeroize::Zeroizing};
use totp_rs::{Builder, Totp};

/// Whose codes an authenticator app shows.
const ISSUER: &str = "Syntera";
/// The length of a secret in bytes (RFC 4226 §4, R6: 160 bits).
const SECRET: usize = 20;
/// How many recovery codes there are at once.
pub(super) const RECOVERY_CODES: usize = 10;
/// The symbols of a recovery code without its hyphen, five bits each.
const RECOVERY_CODE: usize = 10;
/// Crockford's base 32: no letter of it can be taken for a digit.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// A code as somebody typed it.
#[derive(Debug, Clone)]
pub(super) enum Typed {
    /// Six digits.
    Totp(SecretString),
    /// A recovery code, as it is hashed.
    Recovery(SecretString),
}

impl Typed {
    /// Reads a code; none when it can be neither. Spaces, hyphens and case do not count.
    pub(super) fn read(text: &SecretString) -> Option<Self> {
        let text: Zeroizing<String> = Zeroizing::new(
            text.expose_secret()
                .chars()
                .filter(|c| !c.is_whitespace() && *c != '-')
                .map(|c| match c.to_ascii_lowercase() {
                    'o' => '0',
                    'i' | 'l' => '1',
                    c => c,
                })
                .collect(),
        );
        let secret = || SecretString::from(text.as_str());
        if text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit()) {
            Some(Self::Totp(secret()))
        } else if text.len() == RECOVERY_CODE && text.bytes().all(|byte| ALPHABET.contains(&byte)) {
            Some(Self::Recovery(secret()))
        } else {
            None
        }
    }
}

/// A new secret for an authenticator app.
pub(super) fn fresh_secret() -> Zeroizing<Vec<u8>> {
    let mut secret = Zeroizing::new(vec![0; SECRET]);
    rand::fill(&mut secret).expect("the system gives random bytes");
    secret
}

/// The step of the code `digits` under `secret`, if it is one of now or of a step beside it
/// (RFC 6238 §5.2): a clock may be half a minute wrong.
pub(super) fn step(secret: &[u8], digits: &SecretString, now: DateTime<Utc>) -> Option<i64> {
    let now = u64::try_from(now.timestamp()).ok()?;
    let step = totp(secret)?.check(digits.expose_secret(), now)?;
    i64::try_from(step).ok()
}

/// SHA-1, six digits, thirty seconds and one step to each side are what the library begins with, and
/// what every app can do. None when the secret is too short to be one of ours.
fn totp(secret: &[u8]) -> Option<Totp> {
    Builder::new().with_secret(secret).build().ok()
}

/// The secret as an app takes it: in base32, and as a URL for a QR code.
pub(super) fn for_app(secret: &[u8], email: &Personal<String>) -> Option<(String, String)> {
    // The colon ends the issuer in the label, and no app takes another.
    let account = email.expose().replace(':', "_");
    let totp = Builder::new()
        .with_secret(secret)
        .with_issuer(Some(ISSUER))
        .with_account_name(account)
        .build()
        .ok()?;
    Some((totp.secret().to_base32(), totp.to_url().ok()?))
}

/// New recovery codes, as they are shown: `xxxxx-xxxxx`.
pub(super) fn fresh_codes() -> Vec<String> {
    (0..RECOVERY_CODES).map(|_| fresh_code()).collect()
}

fn fresh_code() -> String {
    let mut random = Zeroizing::new([0; RECOVERY_CODE]);
    rand::fill(random.as_mut_slice()).expect("the system gives random bytes");
    // 256 is a multiple of 32, so each symbol is as likely as any other.
    let symbol = |byte: &u8| char::from(ALPHABET[usize::from(byte % 32)]);
    let (first, second) = random.split_at(RECOVERY_CODE / 2);
    let first: String = first.iter().map(symbol).collect();
    let second: String = second.iter().map(symbol).collect();
    format!("{first}-{second}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &str) -> Option<(&'static str, String)> {
        Typed::read(&text.to_owned().into()).map(|typed| match typed {
            Typed::Totp(digits) => ("totp", digits.expose_secret().to_owned()),
            Typed::Recovery(code) => ("recovery", code.expose_secret().to_owned()),
        })
    }

    #[test]
    fn codes_are_read_as_people_type_them() {
        let totp = Some(("totp", "123456".to_owned()));
        assert_eq!(typed("123456"), totp);
        assert_eq!(typed(" 123 456 "), totp);
        let recovery = Some(("recovery", "7k2mq01ftc".to_owned()));
        assert_eq!(typed("7k2mq-01ftc"), recovery);
        assert_eq!(typed("7K2MQ OLFTC"), recovery);
        for neither in [
            "",
            "12345",
            "1234567",
            "7k2mq-01ft",
            "7k2mq-01ftu",
            "１２３４５６",
        ] {
            assert_eq!(typed(neither), None, "{neither}");
        }
    }

    /// RFC 6238, appendix B, with the last six of its eight digits.
    #[test]
    fn the_codes_are_those_of_the_rfc() {
        let secret = b"12345678901234567890";
        for (seconds, digits) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (2_000_000_000, "279037"),
        ] {
            let at = |offset: i64| DateTime::from_timestamp(seconds + offset, 0).unwrap();
            let step = |offset| step(secret, &digits.to_owned().into(), at(offset));
            assert_eq!(step(0), Some(seconds / 30));
            assert_eq!(step(30), Some(seconds / 30), "the step before is taken");
            assert_eq!(step(-30), Some(seconds / 30), "the step after is taken");
            assert_eq!(step(90), None);
            assert_eq!(step(-90), None);
        }
    }

    #[test]
    fn an_app_gets_what_we_check() {
        let secret = fresh_secret();
        let email = Personal::new("\"a:b\"@example.com".to_owned());
        let (base32, url) = for_app(&secret, &email).unwrap();
        assert_eq!(base32.len(), 32);
        assert!(url.starts_with("otpauth://totp/Syntera:"), "{url}");
        assert!(
            url.contains(&format!("secret={base32}")) && url.contains("issuer=Syntera"),
            "{url}"
        );
        let read = Totp::from_url(&url).unwrap();
        let digits = read.generate(1_000_000).to_string().into();
        let now = DateTime::from_timestamp(1_000_000, 0).unwrap();
        assert_eq!(step(&secret, &digits, now), Some(1_000_000 / 30));
    }

    #[test]
    fn recovery_codes_are_ten_and_different_and_read_back() {
        let codes = fresh_codes();
        assert_eq!(codes.len(), 10);
        for code in &codes {
            let Some(("recovery", plain)) = typed(code) else {
                panic!("{code}");
            };
            assert_eq!(plain, code.replace('-', ""));
            assert_eq!(code.find('-'), Some(5));
        }
        let different: std::collections::BTreeSet<_> = codes.iter().collect();
        assert_eq!(different.len(), 10);
    }
}
