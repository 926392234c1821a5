//! Validation beyond types: plain code that names each field by its JSON pointer.
//!
//! No derive macro: the rules of a request read as sentences, and they see through
//! [`Field`](crate::Field) and `Personal` without adapters.

use std::{ops::RangeInclusive, str::FromStr};

use common::{ErrorCode, Problem, problem::FieldError};

use crate::Field;

/// A request that can tell what is wrong with it.
pub trait Validate {
    /// Reports every field that is not valid.
    fn validate(&self, check: &mut Check);
}

/// Collects what is wrong.
#[derive(Debug, Default)]
pub struct Check {
    errors: Vec<FieldError>,
}

impl Check {
    /// Runs all checks of `value`.
    ///
    /// # Errors
    /// 422 that names each field that is not valid.
    pub fn run<T: Validate>(value: &T) -> Result<(), Problem> {
        let mut check = Self::default();
        value.validate(&mut check);
        if check.errors.is_empty() {
            return Ok(());
        }
        Err(Problem::new(ErrorCode::ValidationFailed)
            .detail("correct the fields under `errors`; nothing was saved")
            .fields(check.errors))
    }

    /// Ends checks of query parameters, whose names were given as pointers.
    ///
    /// # Errors
    /// 400 that names each parameter that is not valid.
    pub fn parameters(self) -> Result<(), Problem> {
        if self.errors.is_empty() {
            return Ok(());
        }
        let errors = self
            .errors
            .into_iter()
            .map(|error| FieldError::parameter(error.pointer.unwrap_or_default(), error.detail));
        Err(Problem::new(ErrorCode::InvalidQuery)
            .detail("correct the parameters under `errors`")
            .fields(errors))
    }

    /// Reports a fault at `pointer`.
    pub fn fault(&mut self, pointer: &str, detail: impl Into<String>) {
        self.errors.push(FieldError::at(pointer, detail));
    }

    /// Text of `length` characters, not only white space, without control characters.
    pub fn line(&mut self, pointer: &str, text: &str, length: RangeInclusive<usize>) {
        self.text(pointer, text, length);
        if text.chars().any(char::is_control) {
            self.fault(
                pointer,
                "must not contain line breaks or control characters",
            );
        }
    }

    /// Text of `length` characters, not only white space; line breaks are fine, NUL is not.
    pub fn text(&mut self, pointer: &str, text: &str, length: RangeInclusive<usize>) {
        let count = text.chars().count();
        if !length.contains(&count) {
            let (min, max) = (length.start(), length.end());
            self.fault(
                pointer,
                format!("must have {min} to {max} characters, has {count}"),
            );
        } else if count > 0 && text.trim().is_empty() {
            self.fault(pointer, "must not be blank");
        }
        // PostgreSQL's text cannot hold it.
        if text.contains('\0') {
            self.fault(pointer, "must not contain the character NUL");
        }
    }

    /// An e-mail address (RFC 5321, without comments or address literals).
    pub fn email(&mut self, pointer: &str, text: &str) {
        let options = email_address::Options::default()
            .without_display_text()
            .without_domain_literal()
            .with_required_tld();
        if email_address::EmailAddress::parse_with_options(text, options).is_err() {
            self.fault(
                pointer,
                "must be an e-mail address such as name@example.com",
            );
        }
    }

    /// A telephone number: digits with the usual separators, 5 to 20 digits.
    pub fn phone(&mut self, pointer: &str, text: &str) {
        let digits = text.chars().filter(char::is_ascii_digit).count();
        let usual = text
            .chars()
            .all(|c| c.is_ascii_digit() || " +-.()/".contains(c));
        if !usual || !(5..=20).contains(&digits) {
            self.fault(
                pointer,
                "must be a telephone number such as +44 20 7946 0958",
            );
        }
    }

    /// An absolute http or https URL, or a path on the company's own site.
    pub fn link(&mut self, pointer: &str, text: &str) {
        let absolute =
            url::Url::from_str(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        let path =
            text.starts_with('/') && !text.starts_with("//") && !text.contains(char::is_whitespace);
        if (!absolute && !path) || text.len() > 2000 {
            self.fault(
                pointer,
                "must be an http(s) URL or a path that begins with /",
            );
        }
    }

    /// Checks a member of a merge patch that cannot be cleared: absent is fine, null is not.
    pub fn required<T>(
        &mut self,
        pointer: &str,
        field: &Field<T>,
        rule: impl FnOnce(&mut Self, &T),
    ) {
        match field {
            Field::Absent => {}
            Field::Null => self.fault(pointer, "cannot be cleared; leave it out to keep it"),
            Field::Value(value) => rule(self, value),
        }
    }

    /// Checks a member of a merge patch that may be cleared.
    pub fn optional<T>(&mut self, field: &Field<T>, rule: impl FnOnce(&mut Self, &T)) {
        if let Field::Value(value) = field {
            rule(self, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(run: impl FnOnce(&mut Check)) -> usize {
        let mut check = Check::default();
        run(&mut check);
        check.errors.len()
    }

    #[test]
    fn text_rules() {
        assert_eq!(faults(|c| c.line("/name", "Ada", 1..=10)), 0);
        assert_eq!(faults(|c| c.line("/name", "", 1..=10)), 1);
        assert_eq!(faults(|c| c.line("/name", "   ", 1..=10)), 1);
        assert_eq!(faults(|c| c.line("/name", "two\nlines", 1..=10)), 1);
        assert_eq!(faults(|c| c.text("/text", "two\nlines", 1..=10)), 0);
        assert_eq!(faults(|c| c.text("/text", "äöüß€", 1..=5)), 0);
    }

    #[test]
    fn addresses() {
        assert_eq!(faults(|c| c.email("/email", "ada@example.com")), 0);
        for wrong in [
            "",
            "ada",
            "ada@",
            "@example.com",
            "ada@example",
            "a b@example.com",
            "Ada <ada@example.com>",
        ] {
            assert_eq!(faults(|c| c.email("/email", wrong)), 1, "{wrong}");
        }
        assert_eq!(faults(|c| c.phone("/phone", "+44 (0)20 7946-0958")), 0);
        assert_eq!(faults(|c| c.phone("/phone", "call me")), 1);
        assert_eq!(faults(|c| c.link("/url", "/help/returns.html")), 0);
        assert_eq!(faults(|c| c.link("/url", "javascript:alert(1)")), 1);
        assert_eq!(faults(|c| c.link("/url", "//evil.example")), 1);
    }
}
