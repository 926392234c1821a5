//! Why somebody comes back from a provider and is not signed in.
//!
//! They are in a browser, on their way back from another site: so the answer is our page for signing in,
//! with a code in the fragment that says what to tell them.

use common::Problem;
use vault::VaultError;

use super::provider;
use crate::{invites, mail, people, sessions, tickets};

macro_rules! refusals {
    ($($(#[doc = $doc:literal])* $name:ident = $code:literal,)+) => {
        /// What the page is told.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Refusal { $($(#[doc = $doc])* $name,)+ }

        impl Refusal {
            /// The code in the fragment.
            pub(super) const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)+ }
            }
        }
    };
}

refusals! {
    /// There is no such provider.
    Unknown = "issuer_unknown",
    /// The provider does not answer, or not as it should.
    Unavailable = "issuer_unavailable",
    /// The provider did not sign them in, or they turned back.
    Declined = "issuer_declined",
    /// What came back is not what was sent: too late, a second time, or from somewhere else.
    Expired = "link_expired",
    /// What the provider says cannot be trusted.
    Invalid = "issuer_invalid",
    /// The provider does not say that the address is theirs.
    EmailNotVouched = "email_not_vouched",
    /// The provider does not speak for this domain.
    DomainNotVouched = "email_domain_not_vouched",
    /// The account of the address was not verified, so it may be somebody else's.
    AccountNotVerified = "email_not_verified",
    /// They are no member, and the provider lets nobody in who is not.
    NotAMember = "not_a_member",
    /// They have an account, and a letter asks whether they want to join with it.
    Unconfirmed = "confirm_by_mail",
    /// They may do more than those who chose the provider.
    Beyond = "issuer_not_trusted",
    /// The provider had another name for the owner of the account.
    OtherIdentity = "identity_conflict",
}

/// Why nobody is signed in.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The page says why.
    #[error("not signed in: {}", .0.code())]
    Refused(Refusal),
    /// The provider did not do its part.
    #[error(transparent)]
    Provider(#[from] provider::Error),
    /// What waited for them cannot be read or written.
    #[error(transparent)]
    Ticket(tickets::Error),
    /// The person cannot be read or written to.
    #[error(transparent)]
    Person(#[from] people::Error),
    /// The letter cannot be written.
    #[error(transparent)]
    Mail(#[from] mail::Error),
    /// A secret cannot be sealed or opened.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The letter that asks cannot be sent.
    #[error(transparent)]
    Invite(#[from] invites::Error),
    /// The role of those who join cannot be given.
    #[error(transparent)]
    Role(#[from] crate::roles::Error),
    /// The session could not be opened.
    #[error(transparent)]
    Session(#[from] sessions::Error),
    /// PostgreSQL failed.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<tickets::Error> for Error {
    fn from(error: tickets::Error) -> Self {
        match error {
            tickets::Error::Gone => Refusal::Expired.into(),
            error => Self::Ticket(error),
        }
    }
}

impl Error {
    /// What the page is told.
    ///
    /// # Errors
    /// When it is a fault of ours.
    pub(super) fn refusal(self) -> Result<Refusal, Problem> {
        match self {
            Self::Refused(refusal) => Ok(refusal),
            Self::Provider(provider::Error::Unavailable(_)) => Ok(Refusal::Unavailable),
            Self::Provider(provider::Error::Code(_) | provider::Error::Token(_)) => {
                Ok(Refusal::Invalid)
            }
            Self::Ticket(error) => Err(error.into()),
            Self::Person(error) => Err(error.into()),
            Self::Mail(error) => Err(error.into()),
            Self::Vault(error) => Err(error.into()),
            Self::Invite(error) => Err(error.into()),
            Self::Role(error) => Err(error.into()),
            Self::Session(error) => Err(error.into()),
            Self::Store(error) => Err(error.into()),
        }
    }
}
