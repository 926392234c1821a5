//! The messages: 150 bytes that say which one it is.

/// Bytes of each message.
const BYTES: usize = 150;
/// The number of the run, eight digits, a space, the number of the message, eight digits.
const NUMBERS: usize = 17;
/// What fills it up; nothing that JSON or Markdown would write in another way.
const FILLING: &str = " I ordered a tent last week and would like to know when it comes. The order page still \
     says that it waits for the carrier, as it did on Monday.";

/// The message with this number in the room.
pub(super) fn of(run: u32, number: u32) -> String {
    let text = format!("{run:08x} {number:08}{FILLING}");
    text[..BYTES].to_owned()
}

/// The number of a message; `None` of one that an earlier run has sent.
///
/// # Errors
/// When it is none of ours, or not all of it.
pub(super) fn number(run: u32, text: &str) -> anyhow::Result<Option<u32>> {
    let numbers = text.get(..NUMBERS).and_then(|head| head.split_once(' '));
    let read = numbers
        .and_then(|(run, number)| Some((u32::from_str_radix(run, 16).ok()?, number.parse().ok()?)));
    match read {
        Some((of, number)) if text[NUMBERS..] == FILLING[..BYTES - NUMBERS] => {
            Ok((of == run).then_some(number))
        }
        _ => anyhow::bail!("this was not sent: {text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_its_size_and_tells_its_number() {
        let text = of(0xbeef, 42);
        assert_eq!(text.len(), BYTES);
        assert_eq!(number(0xbeef, &text).unwrap(), Some(42));
        assert_eq!(number(0xbee0, &text).unwrap(), None);
    }

    #[test]
    fn a_message_that_lost_something_is_an_error() {
        let text = of(1, 2);
        let other = text.replace("tent", "text");
        for broken in [&text[..149], &text[1..], "", "hello", other.as_str()] {
            assert!(number(1, broken).is_err(), "{broken}");
        }
    }
}
