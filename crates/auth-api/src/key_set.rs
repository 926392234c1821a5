//! The public halves of the keys that sign access tokens: a JWK set (RFC 7517).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Every key whose tokens are still good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PublicKeys {
    /// The keys; the one that signs now comes first.
    pub keys: Vec<PublicKey>,
}

/// A public key on the curve P-256 (RFC 7518 §6.2.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PublicKey {
    /// Always `EC`.
    pub kty: String,
    /// Always `P-256`.
    pub crv: String,
    /// The first coordinate, in base64url.
    pub x: String,
    /// The second coordinate, in base64url.
    pub y: String,
    /// The key's id, which tokens name: its thumbprint (RFC 7638).
    pub kid: String,
    /// Always `ES256`.
    pub alg: String,
    /// Always `sig`.
    pub r#use: String,
}
