//! Names for secrets.

use aws_lc_rs::digest::{SHA256, digest};

/// The SHA-256 of a token or a key: its name in our maps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Hash([u8; 32]);

impl Hash {
    pub(crate) fn of(secret: &str) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, secret.as_bytes()).as_ref());
        Self(bytes)
    }

    /// Its first byte, to spread hashes over parts.
    pub(crate) fn first(&self) -> u8 {
        self.0[0]
    }

    /// Its first half: enough to tell the keys of all workspaces apart.
    pub(crate) fn half(&self) -> u128 {
        let (half, _) = self.0.split_at(16);
        half.iter()
            .fold(0, |bits, byte| bits << 8 | u128::from(*byte))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_sha_256() {
        // FIPS 180-4's example "abc".
        assert_eq!(
            Hash::of("abc").half(),
            0xba78_16bf_8f01_cfea_4141_40de_5dae_2223
        );
        assert_eq!(Hash::of("abc").first(), 0xba);
    }
}
