//! The contract of the auth service: accounts, tokens, keys, visitors, its events.

mod account;
mod audit;
mod email;
pub mod events;
mod factor;
mod invite;
mod issuer;
mod key;
mod key_set;
mod member;
mod passkey;
mod password;
mod role;
mod session;
mod visitor;
mod workspace;

pub use account::{AfterRegistration, DeleteMe, Me, Register, Registered, UpdateMe};
pub use audit::{AuditActorKind, AuditEntry};
pub use email::{ChangeEmail, VerifyEmail};
pub use factor::{
    ConfirmPassword, ConfirmTotp, Factors, LinkedIssuer, ProveFactor, RecoveryCodes, SecondFactor,
    TotpSetup,
};
pub use invite::{AcceptInvite, CreateInvite, Invite, InviteAccount, InviteDetails, LookUpInvite};
pub use issuer::{
    CreateIssuer, Identity, Issuer, LoginIssuer, LoginOptions, LookUpLogin, PatchIssuer,
};
pub use key::{CreateKey, ExchangeKey, Key, KeyKind, KeyToken, NewKey};
pub use key_set::{PublicKey, PublicKeys};
pub use member::{Member, PatchMember};
pub use passkey::{CreatePasskey, Passkey, PasskeyChallenge, PasskeyLogin, PatchPasskey};
pub use password::{ChangePassword, ForgottenPassword, ResetPassword};
pub use role::{
    CreateRole, CustomRole, PatchRole, PermissionInfo, PermissionTable, RolePermissions,
};
pub use session::{Login, Logout, Refresh, Session, TokenResponse};
pub use visitor::{IdentitySecret, VisitorIdentity, VisitorSession, VisitorTokens};
pub use workspace::{
    CreateWorkspace, DeleteWorkspace, EnterWorkspace, MyWorkspace, PatchWorkspace,
    TransferWorkspace, Workspace, WorkspaceSettings,
};
