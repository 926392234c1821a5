//! The port to what wraps data keys: the environment's master keys, or a key management service.

use async_trait::async_trait;
use ids::DataKeyId;
use secrecy::SecretSlice;

use crate::{Scope, VaultError};

/// What a data key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Sealing values.
    Seal,
    /// Blind indexes.
    Index,
}

impl Purpose {
    /// As the store has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Seal => "seal",
            Self::Index => "index",
        }
    }
}

impl TryFrom<String> for Purpose {
    type Error = UnknownPurpose;

    fn try_from(stored: String) -> Result<Self, UnknownPurpose> {
        [Self::Seal, Self::Index]
            .into_iter()
            .find(|purpose| purpose.as_str() == stored)
            .ok_or(UnknownPurpose)
    }
}

/// A data key has a purpose that this version does not know.
#[derive(Debug, thiserror::Error)]
#[error("a data key has an unknown purpose")]
pub struct UnknownPurpose;

/// Which data key is wrapped. To be authenticated with it ("encryption context" to AWS KMS,
/// "additional authenticated data" to Google's), so that a wrapped key that is moved to another row
/// does not unwrap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyContext {
    /// Whose key it is.
    pub scope: Scope,
    /// Its id.
    pub id: DataKeyId,
    /// What it is for.
    pub purpose: Purpose,
}

/// Wraps data keys. What it makes names the master key that it was made with, so that several can be
/// in use while one replaces another.
#[async_trait]
pub trait KeyWrapper: Send + Sync {
    /// Wraps the 32 bytes of a data key under the present master key.
    ///
    /// # Errors
    /// [`VaultError::Wrapper`] when there is no answer.
    async fn wrap(&self, key: &[u8], context: &KeyContext) -> Result<Vec<u8>, VaultError>;

    /// The data key again.
    ///
    /// # Errors
    /// [`VaultError::Wrapper`] when there is no answer, [`VaultError::UnknownMasterKey`] when the
    /// master key is not there, [`VaultError::Tampered`] when it does not unwrap as this data key.
    async fn unwrap(
        &self,
        wrapped: &[u8],
        context: &KeyContext,
    ) -> Result<SecretSlice<u8>, VaultError>;

    /// Whether the present master key wrapped this.
    fn is_current(&self, wrapped: &[u8]) -> bool;
}
