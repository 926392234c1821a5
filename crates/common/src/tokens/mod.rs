//! Who is calling: access tokens, service tokens, and the extractors that check them.
//!
//! Access tokens are ES256 JWTs that only auth signs (RFC 7519, RFC 9068's ideas): people and programs
//! carry the audience `syntera`, visitors `syntera-widget`. Service tokens are signed by the calling
//! service with its own key and live for a minute.

mod caller;
mod claims;
mod cookies;
mod permission;
mod revocations;
mod service;
mod verify;

pub use caller::{Caller, Participant, ServiceCaller, VisitorCaller};
pub use claims::{AUDIENCE_PEOPLE, AUDIENCE_VISITORS, Claims};
pub use cookies::{access_cookie, refresh_cookie};
pub use permission::{Permission, Role};
pub use revocations::{REVOKED_CHANNEL, RevocationList, Revocations, RevokedSession};
pub use service::{ServiceSigner, ServiceTokenError};
pub use verify::{Identity, Tokens, TokensConfig, bearer};
