//! Tokens for tests, signed by keys that are made for the test.

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use clock::Clock;
use common::tokens::{
    AUDIENCE_PEOPLE, AUDIENCE_VISITORS, Claims, Permission, Role, ServiceSigner, Tokens,
};
use ids::{AgentId, SessionId, UserId, VisitorId, WorkspaceId};
use jsonwebtoken::{
    Algorithm, EncodingKey, Header,
    jwk::{Jwk, JwkSet},
};

const ISSUER: &str = "syntera";
const SERVICES: [&str; 6] = ["gateway", "auth", "agent", "crm", "chat", "analytics"];

/// A key of auth's, and one for each service.
#[derive(Clone)]
pub struct Keys {
    auth: EncodingKey,
    auth_jwks: JwkSet,
    services: Vec<(&'static str, Vec<u8>)>,
    service_jwks: JwkSet,
    clock: Clock,
}

impl Keys {
    /// Keys that nobody else has, with times by `clock`.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        let pem = pem();
        let auth = EncodingKey::from_ec_pem(&pem).unwrap();
        let services: Vec<_> = SERVICES.map(|name| (name, self::pem())).into();
        let service_jwks = JwkSet {
            keys: services
                .iter()
                .map(|(name, pem)| jwk(name, &EncodingKey::from_ec_pem(pem).unwrap()))
                .collect(),
        };
        Self {
            auth_jwks: JwkSet {
                keys: vec![jwk("test", &auth)],
            },
            auth,
            services,
            service_jwks,
            clock,
        }
    }

    /// What a service verifies tokens with.
    #[must_use]
    pub fn tokens(&self, service: &'static str) -> Tokens {
        Tokens::fixed(
            service,
            ISSUER,
            self.clock.clone(),
            &self.auth_jwks,
            &self.service_jwks,
        )
    }

    /// The public key that signs people's and visitors' tokens, as auth publishes it.
    #[must_use]
    pub fn jwks(&self) -> &JwkSet {
        &self.auth_jwks
    }

    /// The private key of a service, as a file has it.
    #[must_use]
    pub fn service_pem(&self, service: &'static str) -> &[u8] {
        let found = self.services.iter().find(|(name, _)| *name == service);
        &found.expect("a service of the fleet").1
    }

    /// The services' public keys, as a file has them.
    #[must_use]
    pub fn service_jwks(&self) -> &JwkSet {
        &self.service_jwks
    }

    /// What a service signs its own tokens with.
    #[must_use]
    pub fn signer(&self, service: &'static str) -> ServiceSigner {
        let (_, pem) = self
            .services
            .iter()
            .find(|(name, _)| *name == service)
            .expect("a service of the fleet");
        ServiceSigner::from_pem(service, pem, self.clock.clone()).unwrap()
    }

    /// A token of `service` for `callee`.
    #[must_use]
    pub fn service(&self, service: &'static str, callee: &'static str) -> String {
        self.signer(service).token_for(callee).unwrap()
    }

    /// The claims of a person: every permission for owners and admins, reading for the others.
    #[must_use]
    pub fn person_claims(&self, workspace: WorkspaceId, user: UserId, role: Role) -> Claims {
        let all = matches!(role, Role::Owner | Role::Admin);
        let scope: Vec<_> = Permission::ALL
            .iter()
            .map(|permission| permission.as_str())
            .filter(|permission| all || permission.ends_with(":read"))
            .collect();
        Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE_PEOPLE.to_owned(),
            sub: user.as_uuid(),
            wid: workspace,
            sid: SessionId::new(),
            role: Some(role),
            scope: scope.join(" "),
            agent: None,
            origin: None,
            iat: self.clock.now().timestamp(),
            exp: self.clock.now().timestamp() + 600,
        }
    }

    /// The claims of a visitor.
    #[must_use]
    pub fn visitor_claims(
        &self,
        workspace: WorkspaceId,
        visitor: VisitorId,
        agent: AgentId,
    ) -> Claims {
        Claims {
            aud: AUDIENCE_VISITORS.to_owned(),
            sub: visitor.as_uuid(),
            role: None,
            scope: String::new(),
            agent: Some(agent),
            ..self.person_claims(workspace, UserId::new(), Role::Viewer)
        }
    }

    /// A person's token.
    #[must_use]
    pub fn person(&self, workspace: WorkspaceId, user: UserId, role: Role) -> String {
        self.sign(&self.person_claims(workspace, user, role))
    }

    /// A visitor's token.
    #[must_use]
    pub fn visitor(&self, workspace: WorkspaceId, visitor: VisitorId, agent: AgentId) -> String {
        self.sign(&self.visitor_claims(workspace, visitor, agent))
    }

    /// A token with these claims, signed as auth signs.
    #[must_use]
    pub fn sign(&self, claims: &Claims) -> String {
        let header = Header {
            kid: Some("test".to_owned()),
            ..Header::new(Algorithm::ES256)
        };
        jsonwebtoken::encode(&header, claims, &self.auth).unwrap()
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys")
    }
}

/// A new P-256 key, PKCS#8 in PEM.
fn pem() -> Vec<u8> {
    let pkcs8 =
        EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
            .unwrap();
    let body = STANDARD.encode(pkcs8.as_ref());
    let lines: Vec<_> = body
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        lines.join("\n")
    )
    .into_bytes()
}

fn jwk(kid: &str, key: &EncodingKey) -> Jwk {
    let mut jwk = Jwk::from_encoding_key(key, Algorithm::ES256).unwrap();
    jwk.common.key_id = Some(kid.to_owned());
    // A published key is public: the private part must not be in it.
    let text = serde_json::to_string(&jwk).unwrap();
    assert!(!text.contains("\"d\""), "the JWK has a private part");
    jwk
}
