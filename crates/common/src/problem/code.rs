//! The closed list of error codes. Clients switch on them; people read `docs/errors/<code>.md`.

use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

// `tt` and not `literal`: a literal that went through a macro hides from utoipa's reading of serde's
// attributes, and the document would name the variants.
macro_rules! error_codes {
    ($($(#[$doc:meta])* $name:ident = $code:tt, $status:ident, $title:tt;)+) => {
        /// What went wrong, for programs. A code never changes its meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
        pub enum ErrorCode {
            $($(#[$doc])* #[serde(rename = $code)] $name,)+
        }

        impl ErrorCode {
            /// Every code, for the test that holds them against their pages.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The code as clients see it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)+ }
            }

            /// The HTTP status that goes with the code.
            #[must_use]
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status,)+ }
            }

            /// A short sentence for people, the same for each occurrence.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)+ }
            }
        }
    };
}

error_codes! {
    /// The body is not JSON.
    InvalidJson = "invalid_json", BAD_REQUEST, "The body is not valid JSON";
    /// A query parameter has a wrong type or value.
    InvalidQuery = "invalid_query", BAD_REQUEST, "A query parameter is not valid";
    /// The cursor was not made by this list.
    InvalidCursor = "invalid_cursor", BAD_REQUEST, "The cursor is not valid for this list";
    /// A header has a value that cannot be used.
    InvalidHeader = "invalid_header", BAD_REQUEST, "A header is not valid";
    /// No token came with the request, or it is not one of ours.
    Unauthenticated = "unauthenticated", UNAUTHORIZED, "Sign in first";
    /// The token was good once.
    TokenExpired = "token_expired", UNAUTHORIZED, "The token has expired";
    /// The session was ended.
    SessionRevoked = "session_revoked", UNAUTHORIZED, "The session was signed out";
    /// E-mail or password are wrong, or the visitor's secret is.
    InvalidCredentials = "invalid_credentials", UNAUTHORIZED, "The credentials are not right";
    /// The password was right, and the account wants a second proof.
    SecondFactorRequired = "second_factor_required", UNAUTHORIZED, "A second proof is needed";
    /// A refresh token came back after its successor was used.
    RefreshTokenReused = "refresh_token_reused", UNAUTHORIZED, "The refresh token was used already";
    /// The caller is known and may not do this.
    Forbidden = "forbidden", FORBIDDEN, "You may not do this";
    /// The caller's e-mail address was not verified yet.
    EmailNotVerified = "email_not_verified", FORBIDDEN, "Verify your e-mail address first";
    /// The workspace demands a second factor of its members, and the session lacks one.
    SecondFactorSetupRequired = "second_factor_setup_required", FORBIDDEN, "This workspace demands a second factor";
    /// The workspace lets in only visitors who prove who they are.
    IdentityRequired = "identity_required", FORBIDDEN, "Visitors must prove who they are";
    /// The workspace takes nothing of a visitor who has not agreed to its text.
    ConsentRequired = "consent_required", FORBIDDEN, "The visitor has to agree first";
    /// The request comes from an origin that is not allowed here.
    OriginNotAllowed = "origin_not_allowed", FORBIDDEN, "Requests from this origin are not allowed";
    /// Nothing is there, or not for this workspace.
    NotFound = "not_found", NOT_FOUND, "There is nothing here";
    /// Entries of a log that came next are no longer kept.
    HistoryExpired = "history_expired", GONE, "Older history is no longer kept";
    /// The path exists, but not for this method.
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED, "This method is not allowed here";
    /// The request contradicts the state of the resource.
    Conflict = "conflict", CONFLICT, "The request conflicts with the present state";
    /// Without this person the workspace would have no owner.
    LastOwner = "last_owner", CONFLICT, "A workspace needs an owner";
    /// The channel is closed.
    ChannelClosed = "channel_closed", CONFLICT, "The conversation has ended";
    /// Somebody else answers in this channel now.
    OwnerChanged = "owner_changed", CONFLICT, "Somebody else answers in this conversation now";
    /// A reply to this message, or to a later one, exists.
    AlreadyAnswered = "already_answered", CONFLICT, "This message is answered already";
    /// The first request with this idempotency key is still running.
    IdempotencyInProgress = "idempotency_in_progress", CONFLICT, "The same request is still running";
    /// The link, code or challenge was used, or is too old.
    LinkExpired = "link_expired", GONE, "This link is no longer good";
    /// The resource changed since it was read.
    PreconditionFailed = "precondition_failed", PRECONDITION_FAILED, "The resource has changed since you read it";
    /// The body is larger than this route takes.
    PayloadTooLarge = "payload_too_large", PAYLOAD_TOO_LARGE, "The body is too large";
    /// The body's media type is not the one expected.
    UnsupportedMediaType = "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, "This media type is not supported";
    /// The body is JSON, but fields are missing, unknown, or have wrong values.
    ValidationFailed = "validation_failed", UNPROCESSABLE_ENTITY, "The request has fields that are not valid";
    /// The same idempotency key came with another body.
    IdempotencyKeyReused = "idempotency_key_reused", UNPROCESSABLE_ENTITY, "This idempotency key was used for another request";
    /// The request must be a WebSocket upgrade.
    UpgradeRequired = "upgrade_required", UPGRADE_REQUIRED, "This address speaks WebSocket only";
    /// Too many requests.
    RateLimited = "rate_limited", TOO_MANY_REQUESTS, "Too many requests";
    /// More requests are under way than can be answered in good time.
    Overloaded = "overloaded", SERVICE_UNAVAILABLE, "Too much to do right now";
    /// A fault of ours.
    Internal = "internal", INTERNAL_SERVER_ERROR, "Something went wrong on our side";
    /// A service behind the gateway gave no usable answer.
    BadGateway = "bad_gateway", BAD_GATEWAY, "A service did not answer properly";
    /// Something that this request needs is not there right now.
    Unavailable = "unavailable", SERVICE_UNAVAILABLE, "Temporarily unavailable";
    /// A service behind the gateway did not answer in time.
    GatewayTimeout = "gateway_timeout", GATEWAY_TIMEOUT, "A service did not answer in time";
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, path::Path};

    use super::*;

    #[test]
    fn the_document_spells_codes_as_json_does() {
        let schema = serde_json::to_value(<ErrorCode as utoipa::PartialSchema>::schema())
            .expect("a schema is JSON");
        assert_eq!(schema["enum"], serde_json::json!(ErrorCode::ALL));
    }

    #[test]
    fn every_code_has_its_page_and_every_page_its_code() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors");
        let pages: BTreeSet<String> = std::fs::read_dir(folder)
            .expect("docs/errors exists")
            .filter_map(|entry| {
                let name = entry
                    .expect("a readable folder")
                    .file_name()
                    .into_string()
                    .expect("a UTF-8 name");
                name.strip_suffix(".md").map(str::to_owned)
            })
            .filter(|name| name != "README")
            .collect();
        let codes: BTreeSet<String> = ErrorCode::ALL
            .iter()
            .map(|code| code.as_str().to_owned())
            .collect();
        assert_eq!(pages, codes, "add or remove a page under docs/errors");
    }
}
