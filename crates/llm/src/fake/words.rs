//! Embeddings that can be foreseen: a text is the bag of its words.

/// As long as the default model's.
const WIDTH: usize = 384;
/// Words that say nothing about the subject.
const STOP: &[&str] = &[
    "a", "an", "and", "are", "at", "can", "do", "does", "for", "from", "how", "i", "in", "is",
    "it", "long", "me", "my", "of", "on", "or", "the", "there", "to", "what", "when", "where",
    "which", "with", "you", "your", "we",
];

/// The vector of a text, of length 1. Texts without a word in common are orthogonal, as far as the
/// hash goes.
#[must_use]
pub fn embed(text: &str) -> Vec<f32> {
    let mut vector = vec![0.0_f32; WIDTH];
    for word in text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
    {
        let word = word.to_lowercase();
        if !STOP.contains(&word.as_str()) {
            vector[slot(word.trim_end_matches('s'))] += 1.0;
        }
    }
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|value| *value /= length);
    } else {
        vector[0] = 1.0;
    }
    vector
}

/// FNV-1a (draft-eastlake-fnv, 64 bits), folded.
fn slot(word: &str) -> usize {
    let hash = word.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    usize::try_from(hash % (WIDTH as u64 - 1)).unwrap_or_default() + 1
}
