//! Files in chunks, each sealed by itself, so that a file is written and read piece by piece.
//!
//! This is STREAM (Hoang, Reyhanitabar, Rogaway, Vizár: Online Authenticated-Encryption and its
//! Nonce-Reuse Misuse-Resistance, 2015, §6): AES-256-GCM under a key of the file alone, where the nonce
//! of a chunk is what the file is (1 byte), zeros (6), the number of the chunk (4) and whether it is the
//! last one (1). A chunk that is changed, moved, left out or cut off does not open. All chunks but the
//! last hold [`CHUNK`] bytes; the last one may be empty.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    rand,
};
use secrecy::{ExposeSecret, SecretBox};

/// Bytes of a file in one chunk.
pub(super) const CHUNK: usize = 64 * 1024;
const TAG: usize = 16;
const KEY: usize = 32;

/// What of an attachment is sealed: each has nonces of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// The file.
    File,
    /// The small picture of it.
    Thumbnail,
}

impl Part {
    const fn number(self) -> u8 {
        match self {
            Self::File => 0,
            Self::Thumbnail => 1,
        }
    }
}

/// A chunk was changed, or is not where it belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("chunk {0} of an attachment does not open")]
pub(super) struct Tampered(u32);

/// The key of one attachment.
pub(super) struct FileKey(SecretBox<[u8; KEY]>);

impl FileKey {
    pub(super) fn random() -> Self {
        Self(SecretBox::init_with_mut(|bytes: &mut [u8; KEY]| {
            rand::fill(bytes).expect("the system gives random bytes");
        }))
    }

    /// The key of these bytes; none when they are not 32.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let bytes: [u8; KEY] = bytes.try_into().ok()?;
        Some(Self(SecretBox::new(Box::new(bytes))))
    }

    /// The bytes, for the vault.
    pub(super) fn expose(&self) -> &[u8] {
        self.0.expose_secret()
    }

    /// The cipher of one part.
    pub(super) fn cipher(&self, part: Part) -> Cipher {
        let key = UnboundKey::new(&AES_256_GCM, self.expose()).expect("the key has 32 bytes");
        Cipher {
            key: LessSafeKey::new(key),
            part,
        }
    }
}

/// Seals and opens the chunks of one part.
#[derive(Debug)]
pub(super) struct Cipher {
    key: LessSafeKey,
    part: Part,
}

impl Cipher {
    /// Seals chunk `number`, in place. No number is sealed twice.
    pub(super) fn seal(&self, number: u32, last: bool, chunk: &mut Vec<u8>) {
        debug_assert!(chunk.len() <= CHUNK, "a chunk is at most {CHUNK} bytes");
        self.key
            .seal_in_place_append_tag(self.nonce(number, last), Aad::empty(), chunk)
            .expect("AES-GCM takes up to 64 GiB");
    }

    /// Opens chunk `number`, in place.
    pub(super) fn open(
        &self,
        number: u32,
        last: bool,
        chunk: &mut Vec<u8>,
    ) -> Result<(), Tampered> {
        let length = self
            .key
            .open_in_place(self.nonce(number, last), Aad::empty(), chunk)
            .map_err(|_| Tampered(number))?
            .len();
        chunk.truncate(length);
        Ok(())
    }

    fn nonce(&self, number: u32, last: bool) -> Nonce {
        let mut nonce = [0; NONCE_LEN];
        nonce[0] = self.part.number();
        nonce[7..11].copy_from_slice(&number.to_be_bytes());
        nonce[11] = u8::from(last);
        Nonce::assume_unique_for_key(nonce)
    }
}

/// Where the chunks of a part lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    size: u64,
}

impl Layout {
    /// Of a part of so many bytes.
    pub(super) const fn of(size: u64) -> Self {
        Self { size }
    }

    /// How many chunks there are: at least one.
    pub(super) const fn chunks(self) -> u64 {
        let full = self.size.div_ceil(CHUNK as u64);
        if full == 0 { 1 } else { full }
    }

    /// The chunk that the byte `at` lies in.
    pub(super) const fn chunk_of(at: u64) -> u64 {
        at / CHUNK as u64
    }

    /// Where chunk `number` lies in what is stored.
    pub(super) fn stored(self, number: u64) -> std::ops::Range<u64> {
        let sealed = (CHUNK + TAG) as u64;
        let begin = number * sealed;
        let length = self.plain(number) + TAG as u64;
        begin..begin + length
    }

    /// Bytes of the file in chunk `number`.
    fn plain(self, number: u64) -> u64 {
        let before = number * CHUNK as u64;
        self.size.saturating_sub(before).min(CHUNK as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(key: &FileKey, plain: &[u8]) -> Vec<Vec<u8>> {
        let layout = Layout::of(plain.len() as u64);
        let cipher = key.cipher(Part::File);
        (0..layout.chunks())
            .map(|number| {
                let from = usize::try_from(number).unwrap() * CHUNK;
                let to = (from + CHUNK).min(plain.len());
                let mut chunk = plain[from..to].to_vec();
                let last = number + 1 == layout.chunks();
                cipher.seal(u32::try_from(number).unwrap(), last, &mut chunk);
                let stored = layout.stored(number);
                assert_eq!(chunk.len() as u64, stored.end - stored.start);
                chunk
            })
            .collect()
    }

    #[test]
    fn every_length_comes_back() {
        let key = FileKey::random();
        for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK] {
            let plain: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            let chunks = sealed(&key, &plain);
            let count = chunks.len();
            let mut back = Vec::new();
            for (number, mut chunk) in chunks.into_iter().enumerate() {
                let cipher = key.cipher(Part::File);
                let number32 = u32::try_from(number).unwrap();
                cipher
                    .open(number32, number + 1 == count, &mut chunk)
                    .unwrap();
                back.extend(chunk);
            }
            assert!(back == plain, "{length}");
        }
    }

    #[test]
    fn nothing_may_be_changed_moved_or_cut() {
        let key = FileKey::random();
        let chunks = sealed(&key, &vec![7; 2 * CHUNK + 5]);
        let open = |key: &FileKey, part, number, last, chunk: &[u8]| {
            key.cipher(part).open(number, last, &mut chunk.to_vec())
        };
        assert_eq!(open(&key, Part::File, 0, false, &chunks[0]), Ok(()));
        assert_eq!(open(&key, Part::File, 2, true, &chunks[2]), Ok(()));
        // Moved.
        assert_eq!(
            open(&key, Part::File, 1, false, &chunks[0]),
            Err(Tampered(1))
        );
        // Cut off behind the first chunk, which then would be the last.
        assert_eq!(
            open(&key, Part::File, 0, true, &chunks[0]),
            Err(Tampered(0))
        );
        assert!(open(&key, Part::Thumbnail, 0, false, &chunks[0]).is_err());
        assert!(open(&FileKey::random(), Part::File, 0, false, &chunks[0]).is_err());
        let mut changed = chunks[0].clone();
        changed[CHUNK / 2] ^= 1;
        assert!(open(&key, Part::File, 0, false, &changed).is_err());
        assert!(open(&key, Part::File, 0, false, &chunks[0][..CHUNK]).is_err());
    }

    #[test]
    fn a_key_has_32_bytes() {
        assert!(FileKey::read(&[1; 31]).is_none());
        assert!(FileKey::read(&[1; 33]).is_none());
        assert_eq!(FileKey::read(&[1; 32]).unwrap().expose(), [1; 32]);
    }
}
