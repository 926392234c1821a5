//! A key in memory, and what is done with it: AES-256-GCM (NIST SP 800-38D) and HMAC-SHA-256 (RFC 2104).

use std::fmt;

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    hmac, rand,
};
use secrecy::{ExposeSecret, ExposeSecretMut, SecretBox, SecretSlice, zeroize::Zeroizing};

const KEY_LEN: usize = 32;

/// 256 bits, wiped when they are dropped. A key of one purpose never serves the other.
pub(crate) struct Key(SecretBox<[u8; KEY_LEN]>);

impl Key {
    /// A new key.
    pub(crate) fn random() -> Self {
        Self(SecretBox::init_with_mut(|bytes: &mut [u8; KEY_LEN]| {
            rand::fill(bytes).expect("the system gives random bytes");
        }))
    }

    /// The key of these bytes; none when they are not 32.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let mut key = SecretBox::<[u8; KEY_LEN]>::default();
        if bytes.len() != KEY_LEN {
            return None;
        }
        key.expose_secret_mut().copy_from_slice(bytes);
        Some(Self(key))
    }

    /// The bytes, for wrapping.
    pub(crate) fn expose(&self) -> &[u8] {
        self.0.expose_secret()
    }

    /// Appends the nonce (12 random bytes), the ciphertext and the tag (16) to `head`, which is
    /// authenticated before `bound`.
    pub(crate) fn seal(&self, head: Vec<u8>, bound: &[u8], plain: &[u8]) -> Vec<u8> {
        let aad = Aad::from([head.as_slice(), bound].concat());
        let mut sealed = head;
        sealed.reserve_exact(NONCE_LEN + plain.len() + AES_256_GCM.tag_len());
        let nonce_at = sealed.len();
        sealed.extend([0; NONCE_LEN]);
        let text_at = sealed.len();
        sealed.extend(plain);
        let (nonce, tag) = self
            .cipher()
            .seal_in_place_separate_tag(aad, &mut sealed[text_at..])
            .expect("AES-GCM takes up to 64 GiB");
        sealed[nonce_at..text_at].copy_from_slice(nonce.as_ref());
        sealed.extend(tag.as_ref());
        sealed
    }

    /// What [`Key::seal`] made of a head of this length; none when anything is not as it was then.
    pub(crate) fn open(
        &self,
        head_len: usize,
        bound: &[u8],
        sealed: &[u8],
    ) -> Option<SecretSlice<u8>> {
        let (head, rest) = sealed.split_at_checked(head_len)?;
        let (nonce, text) = rest.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let aad = Aad::from([head, bound].concat());
        // A copy that wipes itself, and the answer in a box of just its size: to shrink the buffer
        // could move it, and leave the plaintext behind.
        let mut buffer = Zeroizing::new(text.to_vec());
        let plain = self.cipher().open_in_place(nonce, aad, &mut buffer).ok()?;
        Some(SecretSlice::from(Box::<[u8]>::from(&*plain)))
    }

    /// HMAC-SHA-256 of a field's name and a text, 32 bytes.
    pub(crate) fn mac(&self, field: &str, plain: &str) -> Vec<u8> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.expose());
        let mut mac = hmac::Context::with_key(&key);
        mac.update(&length(field));
        mac.update(field.as_bytes());
        mac.update(plain.as_bytes());
        mac.sign().as_ref().to_vec()
    }

    fn cipher(&self) -> RandomizedNonceKey {
        RandomizedNonceKey::new(&AES_256_GCM, self.expose()).expect("the key has 32 bytes")
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[key]")
    }
}

/// The length of a text in eight bytes. What precedes the text in a MAC or as associated data, so that
/// no two lists of parts read the same.
pub(crate) fn length(text: &str) -> [u8; 8] {
    (text.len() as u64).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_byte_may_change() {
        let key = Key::random();
        let sealed = key.seal(b"head".to_vec(), b"bound", b"plain");
        assert_eq!(
            key.open(4, b"bound", &sealed).unwrap().expose_secret(),
            b"plain"
        );
        for at in 0..sealed.len() {
            for bit in 0..8 {
                let mut changed = sealed.clone();
                changed[at] ^= 1 << bit;
                assert!(key.open(4, b"bound", &changed).is_none(), "byte {at}");
            }
            assert!(
                key.open(4, b"bound", &sealed[..at]).is_none(),
                "cut at {at}"
            );
        }
        assert!(key.open(4, b"other", &sealed).is_none());
        assert!(Key::random().open(4, b"bound", &sealed).is_none());
    }

    #[test]
    fn the_same_text_is_sealed_differently_each_time() {
        let key = Key::random();
        assert_ne!(
            key.seal(vec![], b"", b"plain"),
            key.seal(vec![], b"", b"plain")
        );
    }

    #[test]
    fn nothing_is_sealed_and_opened_too() {
        let key = Key::random();
        let sealed = key.seal(vec![], b"", b"");
        assert_eq!(sealed.len(), NONCE_LEN + AES_256_GCM.tag_len());
        assert_eq!(key.open(0, b"", &sealed).unwrap().expose_secret(), b"");
    }

    #[test]
    fn a_name_and_a_text_are_not_run_together() {
        let key = Key::random();
        assert_eq!(key.mac("ab", "c"), key.mac("ab", "c"));
        assert_ne!(key.mac("ab", "c"), key.mac("a", "bc"));
        assert_ne!(key.mac("ab", "c"), Key::random().mac("ab", "c"));
    }

    #[test]
    fn a_key_has_32_bytes_and_is_not_printed() {
        assert!(Key::read(&[7; 31]).is_none());
        assert!(Key::read(&[7; 33]).is_none());
        assert_eq!(format!("{:?}", Key::read(&[7; 32])), "Some([key])");
    }
}
