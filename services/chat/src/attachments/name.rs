//! The name of an uploaded file, made harmless: it is shown to others and ends up on their disks.

/// The longest name, in bytes: what file systems take.
const MAX: usize = 255;
/// Letters at the end of a long name that are kept, because they tell what it is.
const EXTENSION: usize = 16;

/// A name without folders, control characters and characters that turn the direction of a text, of at
/// most 255 bytes. `file` when nothing is left.
pub(super) fn clean(name: &str) -> String {
    let base = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let kept: String = base.chars().filter(|c| !is_unwelcome(*c)).collect();
    let trimmed = kept
        .trim()
        .trim_start_matches('.')
        .trim_end_matches('.')
        .trim();
    if trimmed.is_empty() {
        return "file".to_owned();
    }
    shorten(trimmed)
}

/// Control characters, what Windows does not take, and what reorders or hides text (UTS #36, §2.10:
/// `exe.gpj` written backwards looks like a picture).
fn is_unwelcome(c: char) -> bool {
    c.is_control()
        || matches!(c, '<' | '>' | ':' | '"' | '|' | '?' | '*')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{61c}' | '\u{fff9}'..='\u{fffb}')
}

fn shorten(name: &str) -> String {
    if name.len() <= MAX {
        return name.to_owned();
    }
    let (stem, extension) = match name.rsplit_once('.') {
        Some((stem, extension)) if extension.len() <= EXTENSION => (stem, format!(".{extension}")),
        _ => (name, String::new()),
    };
    let room = MAX - extension.len();
    format!("{}{extension}", &stem[..stem.floor_char_boundary(room)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_what_could_do_harm() {
        for (given, kept) in [
            ("invoice.pdf", "invoice.pdf"),
            ("../../etc/passwd", "passwd"),
            ("C:\\Users\\ada\\photo.png", "photo.png"),
            ("  .htaccess ", "htaccess"),
            ("a\u{202e}gpj.exe", "agpj.exe"),
            ("a\r\nSet-Cookie: x.png", "aSet-Cookie x.png"),
            ("", "file"),
            ("...", "file"),
            ("/", "file"),
            (
                "<img src=x onerror=alert(1)>.png",
                "img src=x onerror=alert(1).png",
            ),
            ("Übergröße 😀.jpg", "Übergröße 😀.jpg"),
        ] {
            assert_eq!(clean(given), kept, "{given:?}");
        }
    }

    #[test]
    fn long_names_keep_their_end() {
        let long = format!("{}.jpeg", "ü".repeat(300));
        let kept = clean(&long);
        assert!(kept.len() <= MAX);
        assert!(kept.ends_with("ü.jpeg"));
        assert!(clean(&"x".repeat(400)).len() == MAX);
    }
}
