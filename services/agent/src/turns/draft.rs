//! The text of an answer between the model, which writes it, and chat, which is told.
//!
//! The two run at their own pace: chat may be away for a while, and then is told everything at once.

use chat_api::Body;
use tokio::sync::watch;

/// A text in the making.
#[derive(Debug, Clone, Default)]
pub(super) struct Draft {
    /// Rises when the text begins anew.
    pub(super) version: u32,
    /// The text so far.
    pub(super) text: String,
    /// What is kept, once it is complete.
    pub(super) finished: Option<Body>,
}

/// The writing end.
#[derive(Debug)]
pub(super) struct Pen(watch::Sender<Draft>);

/// The reading end.
pub(super) type Paper = watch::Receiver<Draft>;

impl Pen {
    pub(super) fn new() -> (Self, Paper) {
        let (sender, receiver) = watch::channel(Draft::default());
        (Self(sender), receiver)
    }

    /// Adds to the text.
    pub(super) fn write(&self, piece: &str) {
        if !piece.is_empty() {
            self.0.send_modify(|draft| draft.text.push_str(piece));
        }
    }

    /// Begins anew; what was told of the text so far is void.
    pub(super) fn begin_anew(&self) {
        self.0.send_modify(|draft| {
            if !draft.text.is_empty() {
                draft.version += 1;
                draft.text.clear();
            }
        });
    }

    /// Ends the text. The body's text is the whole of it; where it differs from what was written, that
    /// is void.
    pub(super) fn finish(&self, body: Body) {
        self.0.send_modify(|draft| {
            let text = body.text.expose();
            if !text.starts_with(draft.text.as_str()) {
                draft.version += 1;
            }
            draft.text.clone_from(text);
            draft.finished = Some(body);
        });
    }
}

/// What chat has been told of a draft, in one request.
#[derive(Debug, Default)]
pub(super) struct Told {
    version: u32,
    bytes: usize,
    /// The same in UTF-16 code units, which is how offsets count.
    units: u64,
}

impl Told {
    /// The next piece to tell, with its offset; none when there is nothing new.
    pub(super) fn next(&mut self, draft: &Draft) -> Option<(u64, String)> {
        if draft.version != self.version {
            *self = Self {
                version: draft.version,
                bytes: 0,
                units: 0,
            };
        }
        let piece = draft
            .text
            .get(self.bytes..)
            .filter(|piece| !piece.is_empty())?
            .to_owned();
        let offset = self.units;
        self.bytes += piece.len();
        self.units += piece.encode_utf16().count() as u64;
        Some((offset, piece))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_follow_each_other_in_utf16_units() {
        let (pen, paper) = Pen::new();
        let mut told = Told::default();
        let mut next = || told.next(&paper.borrow());
        assert_eq!(next(), None);
        pen.write("Ja 🚲");
        assert_eq!(next(), Some((0, "Ja 🚲".to_owned())));
        assert_eq!(next(), None);
        pen.write("é");
        pen.write("!");
        assert_eq!(next(), Some((5, "é!".to_owned())));
    }

    #[test]
    fn a_text_that_begins_anew_is_told_from_zero() {
        let (pen, paper) = Pen::new();
        let mut told = Told::default();
        pen.write("Half an ans");
        told.next(&paper.borrow());
        pen.begin_anew();
        pen.write("Another");
        assert_eq!(told.next(&paper.borrow()), Some((0, "Another".to_owned())));
    }

    #[test]
    fn the_end_replaces_only_a_text_that_differs() {
        let (pen, paper) = Pen::new();
        let mut told = Told::default();
        pen.write("Sixty days");
        told.next(&paper.borrow());
        pen.finish(Body::text("Sixty days."));
        assert_eq!(told.next(&paper.borrow()), Some((10, ".".to_owned())));
        pen.finish(Body::text("Not known."));
        assert_eq!(
            told.next(&paper.borrow()),
            Some((0, "Not known.".to_owned()))
        );
        assert!(paper.borrow().finished.is_some());
    }
}
