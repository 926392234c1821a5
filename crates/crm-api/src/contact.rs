//! A contact: somebody whom the company talks to.

use chrono::{DateTime, Utc};
use common::telemetry::Personal;
use ids::{ContactId, UserId, VisitorId};
use rest::{Check, Field, Validate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

const NAME: std::ops::RangeInclusive<usize> = 1..=200;
const COMPANY: std::ops::RangeInclusive<usize> = 1..=200;
const TAG: std::ops::RangeInclusive<usize> = 1..=50;
const MAX_TAGS: usize = 50;

/// A contact as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Contact {
    /// The contact.
    pub id: ContactId,
    /// The person of the company who created it; none when the CRM did.
    pub user_id: Option<UserId>,
    /// The visitor of the widget who it is, where known.
    pub visitor_id: Option<VisitorId>,
    /// The name; none as long as nobody told.
    #[schema(value_type = Option<String>)]
    pub name: Option<Personal<String>>,
    /// The e-mail address.
    #[schema(value_type = Option<String>)]
    pub email: Option<Personal<String>>,
    /// The telephone number.
    #[schema(value_type = Option<String>)]
    pub phone: Option<Personal<String>>,
    /// The company.
    pub company: Option<String>,
    /// How promising, 0 to 100.
    pub lead_score: i16,
    /// Free labels, sorted, each once.
    pub tags: Vec<String>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// A contact to be created. At least one of name, email, phone and company must be there.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateContact {
    /// The name.
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    pub name: Option<Personal<String>>,
    /// The e-mail address.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Email)]
    pub email: Option<Personal<String>>,
    /// The telephone number.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub phone: Option<Personal<String>>,
    /// The company.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 200)]
    pub company: Option<String>,
    /// How promising, 0 to 100; 0 when absent.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 100)]
    pub lead_score: i16,
    /// Free labels.
    #[serde(default)]
    #[schema(max_items = 50)]
    pub tags: Vec<String>,
}

/// A merge patch of a contact.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PatchContact {
    /// The name; null clears it.
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    pub name: Field<Personal<String>>,
    /// The e-mail address; null clears it.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Email)]
    pub email: Field<Personal<String>>,
    /// The telephone number; null clears it.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub phone: Field<Personal<String>>,
    /// The company; null clears it.
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    pub company: Field<String>,
    /// How promising, 0 to 100; null sets it to 0.
    #[serde(default)]
    #[schema(value_type = Option<i16>, minimum = 0, maximum = 100)]
    pub lead_score: Field<i16>,
    /// All labels; null removes them.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>, max_items = 50)]
    pub tags: Field<Vec<String>>,
}

impl Validate for CreateContact {
    fn validate(&self, check: &mut Check) {
        if let Some(name) = &self.name {
            check.line("/name", name.expose(), NAME);
        }
        if let Some(email) = &self.email {
            check.email("/email", email.expose());
        }
        if let Some(phone) = &self.phone {
            check.phone("/phone", phone.expose());
        }
        if let Some(company) = &self.company {
            check.line("/company", company, COMPANY);
        }
        score(check, self.lead_score);
        tags(check, &self.tags);
        if self.name.is_none()
            && self.email.is_none()
            && self.phone.is_none()
            && self.company.is_none()
        {
            check.fault("", "give at least one of name, email, phone and company");
        }
    }
}

impl Validate for PatchContact {
    fn validate(&self, check: &mut Check) {
        check.optional(&self.name, |check, name| {
            check.line("/name", name.expose(), NAME)
        });
        check.optional(&self.email, |check, email| {
            check.email("/email", email.expose())
        });
        check.optional(&self.phone, |check, phone| {
            check.phone("/phone", phone.expose())
        });
        check.optional(&self.company, |check, company| {
            check.line("/company", company, COMPANY)
        });
        check.optional(&self.lead_score, |check, value| score(check, *value));
        check.optional(&self.tags, |check, list| tags(check, list));
    }
}

fn score(check: &mut Check, score: i16) {
    if !(0..=100).contains(&score) {
        check.fault("/lead_score", "must be from 0 to 100");
    }
}

fn tags(check: &mut Check, tags: &[String]) {
    if tags.len() > MAX_TAGS {
        check.fault("/tags", format!("must have {MAX_TAGS} labels at most"));
    }
    for (index, tag) in tags.iter().enumerate() {
        check.line(&format!("/tags/{index}"), tag, TAG);
    }
}
