//! The client of the CRM's internal listener.

use ids::{VisitorId, WorkspaceId};
use reqwest::Method;
use rest::{Check, ClientError, ServiceClient, Validate};
use serde::{Deserialize, Serialize};

use crate::Contact;

/// Asks for the contact of a visitor, which is made when there is none.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FindByVisitor {
    /// The tenant.
    pub workspace_id: WorkspaceId,
    /// The visitor.
    pub visitor_id: VisitorId,
}

impl Validate for FindByVisitor {
    fn validate(&self, _: &mut Check) {}
}

/// Calls the CRM. Cheap to clone.
#[derive(Debug, Clone)]
pub struct CrmClient(ServiceClient);

impl CrmClient {
    /// A client over `service`, which must point at the CRM's internal listener.
    #[must_use]
    pub const fn new(service: ServiceClient) -> Self {
        Self(service)
    }

    /// The contact of a visitor; made when there is none, once however often it is asked for.
    ///
    /// # Errors
    /// When the CRM cannot be reached or refuses.
    pub async fn contact_of_visitor(&self, find: &FindByVisitor) -> Result<Contact, ClientError> {
        let request = self
            .0
            .request(Method::PUT, "/internal/contacts/by-visitor")?;
        self.0.json(request.json(find)).await
    }
}
