//! What each limit is.

use clap::Args;

use super::quota::Quota;

/// The settings of the rate limits. Each is `<requests>/<seconds>`: a quota that may be used at once and
/// comes back evenly over that time.
#[derive(Debug, Clone, Args)]
pub struct LimitsConfig {
    /// Sign-in, registration, renewal, forgotten passwords, visitors: by address. A hundred people
    /// behind one address renew ten times a minute, and a few of them sign in.
    #[arg(long, env = "SYNTERA_LIMIT_SENSITIVE", default_value = "60/60")]
    pub limit_sensitive: Quota,
    /// Public operations that are not sensitive: by address.
    #[arg(long, env = "SYNTERA_LIMIT_ADDRESS", default_value = "600/60")]
    pub limit_address: Quota,
    /// Tokens and keys that were refused: by address.
    #[arg(long, env = "SYNTERA_LIMIT_REFUSED", default_value = "120/60")]
    pub limit_refused: Quota,
    /// What a person or a visitor may ask.
    #[arg(long, env = "SYNTERA_LIMIT_USER", default_value = "1200/60")]
    pub limit_user: Quota,
    /// What a secret key may ask.
    #[arg(long, env = "SYNTERA_LIMIT_KEY", default_value = "6000/60")]
    pub limit_key: Quota,
    /// What all of a workspace together may ask.
    #[arg(long, env = "SYNTERA_LIMIT_WORKSPACE", default_value = "30000/60")]
    pub limit_workspace: Quota,
    /// Operations that cost much, such as adding a document: by person, visitor or key.
    #[arg(long, env = "SYNTERA_LIMIT_COSTLY", default_value = "120/60")]
    pub limit_costly: Quota,
    /// Multiplies every quota: for load tests, and where everybody comes from one address.
    #[arg(
        long,
        env = "SYNTERA_LIMIT_SCALE",
        default_value_t = 1,
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    pub limit_scale: u32,
    /// How many gateways share the quotas. Each enforces its share while Redis is away, and takes no
    /// more at a time of what is left.
    #[arg(
        long,
        env = "SYNTERA_GATEWAY_REPLICAS",
        default_value_t = 1,
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    pub gateway_replicas: u32,
}
