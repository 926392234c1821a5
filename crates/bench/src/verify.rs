//! One token checked in full, or only its signature.

use std::time::Duration;

use anyhow::{Context, anyhow, ensure};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ParsedPublicKey, UnparsedPublicKey};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use clock::Clock;
use common::tokens::{Identity, Role};
use ids::{UserId, WorkspaceId};
use testkit::Keys;

use crate::{What, bare::Figures, keys};

/// Checks a new token for `time` and prints the figures.
pub(crate) fn run(what: What, time: Duration) -> anyhow::Result<()> {
    let keys = Keys::new(Clock::system());
    let user = UserId::new();
    let token = keys.person(WorkspaceId::new(), user, Role::Owner);
    let figures = match what {
        What::Whole => whole(&keys, &token, user, time)?,
        What::Raw | What::RawUnparsed => raw(&keys, &token, what, time)?,
    };
    figures.print()
}

fn whole(keys: &Keys, token: &str, user: UserId, time: Duration) -> anyhow::Result<Figures> {
    let tokens = keys.tokens("gateway");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    Figures::of(time, || {
        let identity = runtime
            .block_on(tokens.verify(token))
            .map_err(|problem| anyhow!("refused: {:?}", problem.code()))?;
        let right = matches!(identity, Identity::Person(caller) if caller.user_id == user);
        ensure!(right, "the token names somebody else");
        Ok(())
    })
}

fn raw(keys: &Keys, token: &str, what: What, time: Duration) -> anyhow::Result<Figures> {
    let (message, signature) = token.rsplit_once('.').context("a token has three parts")?;
    let (message, signature) = (message.as_bytes(), URL_SAFE_NO_PAD.decode(signature)?);
    let point = keys::point(keys.jwks())?;
    if matches!(what, What::RawUnparsed) {
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
        return Figures::of(time, || Ok(key.verify(message, &signature)?));
    }
    let key = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)?;
    Figures::of(time, || Ok(key.verify_sig(message, &signature)?))
}
