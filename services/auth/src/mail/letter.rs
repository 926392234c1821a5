//! What our letters say.

use std::fmt;

use askama::Template;
use common::telemetry::Personal;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

/// A letter to a person. The links in it are secrets.
#[derive(Debug, Clone)]
pub(crate) enum Letter {
    /// Proves that the address of a new account is theirs.
    VerifyEmail {
        /// What the link carries.
        token: SecretString,
    },
    /// Somebody registered with the address of an account that is there.
    AlreadyRegistered,
    /// Proves that the new address of an account is theirs.
    ConfirmNewEmail {
        /// What the link carries.
        token: SecretString,
    },
    /// Tells the old address that it is no longer the account's.
    EmailChanged,
    /// Somebody wants to give their account an address that belongs to this one.
    EmailWanted,
    /// Lets set a new password.
    ResetPassword {
        /// What the link carries.
        token: SecretString,
    },
    /// A new password was set.
    PasswordChanged,
    /// A copy of a refresh token turned up.
    SessionStolen,
    /// An authenticator app was added.
    TotpEnabled,
    /// The authenticator app was removed.
    TotpDisabled,
    /// There are new recovery codes.
    RecoveryCodesReplaced,
    /// A recovery code signed in, or proved something.
    RecoveryCodeUsed {
        /// How many are left.
        left: usize,
    },
    /// A passkey was added.
    PasskeyAdded {
        /// What its owner calls it.
        name: String,
    },
    /// A passkey was removed.
    PasskeyRemoved {
        /// What its owner called it.
        name: String,
    },
    /// An identity provider signed them in for the first time.
    IssuerLinked {
        /// What it is called.
        issuer: String,
    },
    /// They unlinked an identity provider.
    IssuerUnlinked {
        /// What it is called.
        issuer: String,
    },
    /// An identity provider says that they want to join a workspace.
    Joining {
        /// The workspace.
        workspace: String,
        /// What the provider is called.
        issuer: String,
        /// What the link carries.
        token: SecretString,
    },
    /// The account is gone.
    AccountDeleted,
    /// Somebody invites them to a workspace.
    Invitation {
        /// The workspace.
        workspace: String,
        /// Who invites.
        inviter: Personal<String>,
        /// What the link carries.
        token: SecretString,
    },
}

/// A letter in words.
#[derive(Debug)]
struct Content {
    subject: String,
    paragraphs: Vec<String>,
    action: Option<Action>,
    note: Option<&'static str>,
}

/// What the reader is to do.
struct Action {
    label: &'static str,
    url: String,
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Action")
            .field("label", &self.label)
            .finish_non_exhaustive()
    }
}

/// A letter as it is sent.
#[derive(Clone, serde::Serialize, serde::Deserialize)]
pub(super) struct Rendered {
    pub(super) subject: String,
    pub(super) text: String,
    pub(super) html: String,
}

#[derive(Template)]
#[template(path = "letter.txt")]
struct Text<'l> {
    greeting: &'l str,
    content: &'l Content,
    host: &'l str,
}

#[derive(Template)]
#[template(path = "letter.html")]
struct Html<'l> {
    greeting: &'l str,
    content: &'l Content,
    host: &'l str,
}

impl Letter {
    /// The letter in both forms. `name` is the reader's, if we know it; links lead to `public_url`.
    pub(super) fn render(
        &self,
        name: Option<&Personal<String>>,
        public_url: &Url,
    ) -> askama::Result<Rendered> {
        let content = self.content(public_url);
        let greeting = match name {
            Some(name) => format!("Hello {},", name.expose()),
            None => "Hello,".to_owned(),
        };
        let host = public_url.host_str().unwrap_or_default();
        let text = Text {
            greeting: &greeting,
            content: &content,
            host,
        };
        let html = Html {
            greeting: &greeting,
            content: &content,
            host,
        };
        Ok(Rendered {
            text: text.render()?,
            html: html.render()?,
            subject: content.subject,
        })
    }

    fn content(&self, public_url: &Url) -> Content {
        // A fragment is not sent to any server, so no log has the secret.
        let link = |page: &str, token: &SecretString| {
            let mut url = public_url.clone();
            url.set_path(&format!("/account/{page}"));
            url.set_fragment(Some(&format!("token={}", token.expose_secret())));
            url.to_string()
        };
        let page = |page: &str| {
            let mut url = public_url.clone();
            url.set_path(&format!("/account/{page}"));
            url.to_string()
        };
        let words = |subject: &str, paragraphs: &[&str]| Content {
            subject: subject.to_owned(),
            paragraphs: paragraphs.iter().map(|text| (*text).to_owned()).collect(),
            action: None,
            note: None,
        };
        let with = |content: Content, label, url, note| Content {
            action: Some(Action { label, url }),
            note,
            ..content
        };
        let alarm = |subject: &str, what: &str| {
            with(
                words(
                    subject,
                    &[
                        what,
                        "If it was not you, set a new password at once, and see where you are signed in.",
                    ],
                ),
                "See how you sign in",
                page("security"),
                None,
            )
        };
        match self {
            Self::VerifyEmail { token } => with(
                words(
                    "Verify your e-mail address",
                    &[
                        "Welcome to Syntera. Please confirm that this address is yours. The link is good for a day.",
                    ],
                ),
                "Verify the address",
                link("verify", token),
                Some("You did not register? Then you need not do anything."),
            ),
            Self::AlreadyRegistered => with(
                words(
                    "You have an account already",
                    &[
                        "Somebody, perhaps you, tried to register with this address. You have an account already: \
                       sign in, or set a new password if you have forgotten yours.",
                    ],
                ),
                "Sign in",
                page("sign-in"),
                Some("It was not you? Then you need not do anything: nothing was changed."),
            ),
            Self::ConfirmNewEmail { token } => with(
                words(
                    "Confirm your new e-mail address",
                    &[
                        "This is to become the address of your account. The link is good for a day; until then \
                       the old address counts.",
                    ],
                ),
                "Confirm the address",
                link("verify", token),
                Some("You did not ask for it? Then you need not do anything."),
            ),
            Self::EmailChanged => words(
                "Your e-mail address was changed",
                &[
                    "The address of your account was changed, and this one is no longer good for signing in.",
                    "If it was not you, answer this letter at once.",
                ],
            ),
            Self::EmailWanted => words(
                "Your address was given for another account",
                &[
                    "Somebody wanted to change the address of their account to this one, which belongs to yours. \
                   Nothing was changed.",
                ],
            ),
            Self::ResetPassword { token } => with(
                words(
                    "Set a new password",
                    &[
                        "Here you can set a new password. The link is good for an hour, and once. All devices are \
                       signed out when you use it.",
                    ],
                ),
                "Set a new password",
                link("reset", token),
                Some(
                    "You did not ask for it? Then you need not do anything: your password is as it was.",
                ),
            ),
            Self::PasswordChanged => with(
                words(
                    "Your password was changed",
                    &[
                        "The password of your account was changed, and other devices were signed out.",
                        "If it was not you, set a new one at once.",
                    ],
                ),
                "Set a new password",
                page("forgotten"),
                None,
            ),
            Self::SessionStolen => with(
                words(
                    "One of your sign-ins was ended",
                    &[
                        "A key of one of your sign-ins was used twice, as if somebody had copied it. We ended that \
                       sign-in on all devices.",
                        "If you see devices there that you do not know, change your password.",
                    ],
                ),
                "See where you are signed in",
                page("security"),
                None,
            ),
            Self::TotpEnabled => alarm(
                "An authenticator app was added to your account",
                "From now on, signing in by password takes a code of the app. Keep the recovery codes in a safe \
                 place: each signs you in once when the app is lost.",
            ),
            Self::TotpDisabled => alarm(
                "The authenticator app was removed from your account",
                "The authenticator app was removed, and with it the recovery codes. The password alone signs in again.",
            ),
            Self::RecoveryCodesReplaced => alarm(
                "Your account has new recovery codes",
                "New recovery codes were made for your account. The old ones are no longer good.",
            ),
            Self::RecoveryCodeUsed { left } => alarm(
                "A recovery code was used",
                &format!(
                    "A recovery code of your account was used, and is no longer good. Left: {left}. You can make new \
                     ones at any time."
                ),
            ),
            Self::PasskeyAdded { name } => alarm(
                "A passkey was added to your account",
                &format!(
                    "The passkey \u{201c}{name}\u{201d} was added to your account. It signs in without a password."
                ),
            ),
            Self::PasskeyRemoved { name } => alarm(
                "A passkey was removed from your account",
                &format!(
                    "The passkey \u{201c}{name}\u{201d} was removed from your account, and no longer signs in."
                ),
            ),
            Self::IssuerLinked { issuer } => alarm(
                "You signed in by an identity provider",
                &format!(
                    "\u{201c}{issuer}\u{201d} signed you in for the first time. It can do so again, in the workspace that \
                     it belongs to."
                ),
            ),
            Self::IssuerUnlinked { issuer } => alarm(
                "An identity provider was unlinked from your account",
                &format!(
                    "\u{201c}{issuer}\u{201d} was unlinked from your account, and where it had signed you in you were \
                     signed out."
                ),
            ),
            Self::Joining {
                workspace,
                issuer,
                token,
            } => with(
                words(
                    &format!("Join {workspace} on Syntera"),
                    &[&format!(
                        "\u{201c}{issuer}\u{201d} says that you signed in to join the workspace {workspace}. Join it \
                         here, and sign in again; its people then see your name. The link is good for a week."
                    )],
                ),
                "Join the workspace",
                link("invite", token),
                Some("It was not you? Then you need not do anything: nobody got in."),
            ),
            Self::AccountDeleted => words(
                "Your account was deleted",
                &["Your account is gone, and with it your name, your address and your sign-ins."],
            ),
            Self::Invitation {
                workspace,
                inviter,
                token,
            } => with(
                words(
                    &format!("Join {workspace} on Syntera"),
                    &[&format!(
                        "{} invites you to the workspace {workspace}. The link is good for a week.",
                        inviter.expose()
                    )],
                ),
                "Join the workspace",
                link("invite", token),
                Some("You do not know them? Then you need not do anything."),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(letter: &Letter) -> Rendered {
        let url = "https://syntera.example".parse().unwrap();
        letter
            .render(Some(&Personal::new("Ada".to_owned())), &url)
            .unwrap()
    }

    #[test]
    fn both_parts_carry_the_link() {
        let letter = rendered(&Letter::ResetPassword {
            token: "tk_secret".to_owned().into(),
        });
        let link = "https://syntera.example/account/reset#token=tk_secret";
        assert!(letter.text.contains(link), "{}", letter.text);
        assert!(
            letter.html.contains(&format!("href=\"{link}\"")),
            "{}",
            letter.html
        );
        assert!(letter.text.starts_with("Hello Ada,\n\n"), "{}", letter.text);
    }

    #[test]
    fn what_people_wrote_is_no_markup() {
        let letter = rendered(&Letter::Invitation {
            workspace: "<b>Shop & Co</b>".to_owned(),
            inviter: Personal::new("<script>".to_owned()),
            token: "tk_secret".to_owned().into(),
        });
        assert!(!letter.html.contains("<b>") && !letter.html.contains("<script>"));
        assert!(letter.text.contains("<b>Shop & Co</b>"), "{}", letter.text);
    }

    #[test]
    fn no_secret_is_printed() {
        let letter = Letter::VerifyEmail {
            token: "tk_secret".to_owned().into(),
        };
        let url = "https://syntera.example".parse().unwrap();
        let text = format!("{letter:?} {:?}", letter.content(&url));
        assert!(!text.contains("tk_secret"), "{text}");
    }
}
