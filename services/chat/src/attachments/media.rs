//! What a file is, by its bytes, and what may be done with it.

/// Bytes at the beginning that tell what a file is.
pub(super) const HEAD: usize = 8 * 1024;

/// A file of a kind that is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotTaken;

/// Kinds that browsers show by themselves without running anything.
const SHOWN: [&str; 13] = [
    "image/png",
    "image/jpeg",
    "image/gif",
    "image/webp",
    "image/avif",
    "application/pdf",
    "audio/mpeg",
    "audio/ogg",
    "audio/x-wav",
    "audio/m4a",
    "video/mp4",
    "video/webm",
    "text/plain",
];

/// Programs, which nobody needs to send in a chat.
const PROGRAMS: [&str; 6] = [
    "application/vnd.microsoft.portable-executable",
    "application/x-executable",
    "application/x-mach-binary",
    "application/java",
    "application/wasm",
    "application/x-llvm",
];

/// The media type of a file that begins with `head`. What the sender says of it does not count.
///
/// # Errors
/// When it is a program.
pub(super) fn of(head: &[u8], whole: bool) -> Result<&'static str, NotTaken> {
    if let Some(kind) = infer::get(head) {
        let media_type = kind.mime_type();
        return match media_type {
            program if PROGRAMS.contains(&program) => Err(NotTaken),
            // Markup and scripts are text to us: a browser must not take them for a page.
            "text/html" | "text/xml" | "image/svg+xml" | "text/x-shellscript" => Ok("text/plain"),
            _ => Ok(media_type),
        };
    }
    Ok(if is_text(head, whole) {
        "text/plain"
    } else {
        "application/octet-stream"
    })
}

/// UTF-8 without control characters; a character that is cut off by the end of the head counts.
fn is_text(head: &[u8], whole: bool) -> bool {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() && !whole => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !text
        .chars()
        .any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{c}'))
}

/// Whether browsers may show it in place; everything else is saved.
pub(super) fn is_shown(media_type: &str) -> bool {
    SHOWN.contains(&media_type)
}

/// Whether a small picture can be made of it.
pub(super) fn has_picture(media_type: &str) -> bool {
    matches!(
        media_type,
        "image/png" | "image/jpeg" | "image/gif" | "image/webp"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_decide() {
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
        for (head, media_type) in [
            (png.as_slice(), "image/png"),
            (b"%PDF-1.7\n", "application/pdf"),
            (b"\xff\xd8\xff\xe0\0\x10JFIF", "image/jpeg"),
            (b"GIF89a", "image/gif"),
            (b"Hello, \xc3\xa4", "text/plain"),
            (b"", "text/plain"),
            (b"\0\x01\x02", "application/octet-stream"),
            (b"<!DOCTYPE html><script>alert(1)</script>", "text/plain"),
            (
                b"<svg xmlns='http://www.w3.org/2000/svg' onload='x()'>",
                "text/plain",
            ),
            (b"#!/bin/sh\nrm -rf /\n", "text/plain"),
        ] {
            assert_eq!(of(head, true), Ok(media_type), "{head:?}");
        }
    }

    #[test]
    fn programs_are_not_taken() {
        let mut pe = vec![0; 512];
        pe[..2].copy_from_slice(b"MZ");
        pe[0x3c] = 0x80;
        pe[0x80..0x84].copy_from_slice(b"PE\0\0");
        assert_eq!(of(&pe, true), Err(NotTaken));
        assert_eq!(of(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", true), Err(NotTaken));
    }

    #[test]
    fn a_character_may_be_cut_by_the_end_of_the_head_only() {
        assert_eq!(of(b"caf\xc3", false), Ok("text/plain"));
        assert_eq!(of(b"caf\xc3", true), Ok("application/octet-stream"));
    }

    #[test]
    fn what_can_run_is_never_shown() {
        for media_type in [
            "text/html",
            "image/svg+xml",
            "application/xhtml+xml",
            "text/xml",
        ] {
            assert!(!is_shown(media_type));
        }
    }
}
