//! The two ceremonies of WebAuthn, by webauthn-rs, for the origin that people come by.

use std::{fmt, sync::Arc};

use common::telemetry::Personal;
use ids::UserId;
use serde_json::{Value, json};
use url::Url;
use webauthn_rs::prelude::{
    CredentialID, DiscoverableAuthentication, Passkey, PasskeyRegistration, PublicKeyCredential,
    RegisterPublicKeyCredential, Webauthn, WebauthnBuilder, WebauthnResult,
};

use super::error::Error;

/// What browsers call us.
const NAME: &str = "Syntera";

/// Makes challenges and checks what answers them. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Ceremonies(Option<Arc<Webauthn>>);

impl Ceremonies {
    /// For people who come by this URL. Its host becomes the relying party, its origin the only one. A
    /// host that is an address has no passkeys: no browser makes them (WebAuthn Level 3 §5.1.3, step 8).
    pub(crate) fn new(public_url: &Url) -> Self {
        let webauthn = public_url.domain().and_then(|domain| {
            WebauthnBuilder::new(domain, public_url)
                .and_then(|builder| builder.rp_name(NAME).build())
                .ok()
        });
        Self(webauthn.map(Arc::new))
    }

    fn webauthn(&self) -> Result<&Webauthn, Error> {
        self.0.as_deref().ok_or(Error::NoDomain)
    }

    /// The options for a new passkey, and what checks it later. The passkeys of `present` are refused by
    /// the device that has them.
    pub(super) fn begin_registration(
        &self,
        user: UserId,
        (email, name): (&Personal<String>, &Personal<String>),
        present: Vec<CredentialID>,
    ) -> Result<(Value, PasskeyRegistration), Error> {
        let (challenge, state) = self.webauthn()?.start_passkey_registration(
            user.as_uuid(),
            email.expose(),
            name.expose(),
            Some(present),
        )?;
        let mut options = serde_json::to_value(challenge.public_key)?;
        // Signing in begins without a name, so the device should find the passkey by itself; a security
        // key that has no room for it may do without.
        options["authenticatorSelection"]["residentKey"] = json!("preferred");
        Ok((options, state))
    }

    /// The passkey that a device made for these options.
    pub(super) fn finish_registration(
        &self,
        credential: &RegisterPublicKeyCredential,
        state: &PasskeyRegistration,
    ) -> Result<WebauthnResult<Passkey>, Error> {
        Ok(self
            .webauthn()?
            .finish_passkey_registration(credential, state))
    }

    /// The options for signing in with whatever passkey the device has, and what checks it later.
    pub(super) fn begin_sign_in(&self) -> Result<(Value, DiscoverableAuthentication), Error> {
        let (challenge, state) = self.webauthn()?.start_discoverable_authentication()?;
        Ok((serde_json::to_value(challenge.public_key)?, state))
    }

    /// Whose passkey an assertion says it is: the user that was given to the device with it.
    pub(super) fn claimed_user(&self, credential: &PublicKeyCredential) -> Option<UserId> {
        let webauthn = self.webauthn().ok()?;
        let (user, _) = webauthn
            .identify_discoverable_authentication(credential)
            .ok()?;
        Some(UserId::from_uuid(user))
    }

    /// Checks an assertion: challenge, origin, signature, that the owner unlocked the device, and that
    /// its counter went up (WebAuthn Level 3 §7.2). The passkey then has the new counter.
    pub(super) fn finish_sign_in(
        &self,
        credential: &PublicKeyCredential,
        state: DiscoverableAuthentication,
        passkey: &mut Passkey,
    ) -> Result<WebauthnResult<()>, Error> {
        let webauthn = self.webauthn()?;
        let result = webauthn.finish_discoverable_authentication_v2(credential, state, &*passkey);
        Ok(result.map(|result| {
            passkey.update_credential(&result);
        }))
    }
}

impl fmt::Debug for Ceremonies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ceremonies")
            .field("possible", &self.0.is_some())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begin(public_url: &str) -> Result<Value, Error> {
        let ceremonies = Ceremonies::new(&public_url.parse().unwrap());
        let (email, name) = ("ada@example.com".to_owned(), "Ada".to_owned());
        let person = (&Personal::new(email), &Personal::new(name));
        let (options, _) = ceremonies.begin_registration(UserId::new(), person, Vec::new())?;
        Ok(options)
    }

    #[test]
    fn a_new_passkey_is_unlocked_by_its_owner_and_found_without_a_name() {
        let options = begin("https://syntera.example:8443/").unwrap();
        assert_eq!(
            options["rp"],
            json!({ "id": "syntera.example", "name": "Syntera" })
        );
        let wanted = &options["authenticatorSelection"];
        assert_eq!(wanted["userVerification"], "required");
        assert_eq!(wanted["residentKey"], "preferred");
        assert_eq!(wanted["requireResidentKey"], false);
    }

    #[test]
    fn addresses_have_no_passkeys() {
        for url in ["http://127.0.0.1:4000", "https://[2001:db8::7]"] {
            assert!(matches!(begin(url), Err(Error::NoDomain)), "{url}");
        }
        assert!(begin("http://localhost:4000").is_ok());
    }
}
