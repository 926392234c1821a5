//! Citations in a streamed answer: `[2]` becomes the number that the customer sees, or nothing.
//!
//! A model cites sources by the ids of its prompt. Customers see them numbered densely, in the order of
//! their first citation, and never one that does not exist. This is done while the text streams, so that
//! the streamed text is the final one: a bracket is held back until it is known what it is.

/// A citation is shorter than this; a longer bracket is text.
const MOST_HELD: usize = 48;

/// Rewrites the citations of one answer.
#[derive(Debug)]
pub(super) struct Citations {
    /// How many sources the prompt had; their ids are 1 to this.
    sources: usize,
    /// The ids that were cited, in the order of their first citation.
    cited: Vec<usize>,
    /// White space and an open bracket that may become a citation.
    held: String,
}

impl Citations {
    pub(super) const fn new(sources: usize) -> Self {
        Self {
            sources,
            cited: Vec::new(),
            held: String::new(),
        }
    }

    /// Takes a piece of the model's text; answers what can be shown of it so far.
    pub(super) fn push(&mut self, delta: &str) -> String {
        let mut out = String::with_capacity(delta.len());
        for c in delta.chars() {
            self.take(c, &mut out);
        }
        out
    }

    /// Ends the text; answers what was held back. White space at the end is dropped.
    pub(super) fn finish(&mut self) -> String {
        let held = std::mem::take(&mut self.held);
        if held.trim().is_empty() {
            String::new()
        } else {
            held
        }
    }

    /// The ids that were cited: the first is `[1]` in the text.
    pub(super) fn cited(&self) -> &[usize] {
        &self.cited
    }

    fn take(&mut self, c: char, out: &mut String) {
        let in_bracket = self.held.contains(['[', '【']);
        let belongs = if in_bracket {
            (c.is_ascii_digit() || matches!(c, ',' | ';' | ' ' | '^'))
                && self.held.len() < MOST_HELD
        } else {
            c.is_whitespace() || matches!(c, '[' | '【')
        };
        if belongs {
            self.held.push(c);
        } else if in_bracket && matches!(c, ']' | '】') {
            let held = std::mem::take(&mut self.held);
            match self.resolve(&held) {
                Some(citation) => out.push_str(&citation),
                None => {
                    out.push_str(&held);
                    out.push(c);
                }
            }
        } else {
            out.push_str(&std::mem::take(&mut self.held));
            // A new bracket may begin where another one turned out to be text.
            if in_bracket && (c.is_whitespace() || matches!(c, '[' | '【')) {
                self.held.push(c);
            } else {
                out.push(c);
            }
        }
    }

    /// What a bracket becomes; none when it is no citation.
    fn resolve(&mut self, held: &str) -> Option<String> {
        let (space, inside) = held.split_once(['[', '【'])?;
        let ids: Option<Vec<usize>> = inside
            .split([',', ';'])
            .map(|id| id.trim().trim_start_matches('^').parse().ok())
            .collect();
        let sources = self.sources;
        let numbers: Vec<usize> = ids?
            .into_iter()
            .filter(|id| (1..=sources).contains(id))
            .map(|id| self.number(id))
            .collect();
        if numbers.is_empty() {
            return Some(String::new());
        }
        let marks: String = numbers.iter().map(|number| format!("[{number}]")).collect();
        Some(format!("{space}{marks}"))
    }

    fn number(&mut self, id: usize) -> usize {
        let at = self
            .cited
            .iter()
            .position(|cited| *cited == id)
            .unwrap_or_else(|| {
                self.cited.push(id);
                self.cited.len() - 1
            });
        at + 1
    }
}

/// An earlier answer without its citations, which belong to the sources of another prompt.
pub(super) fn without(text: &str) -> String {
    let mut citations = Citations::new(0);
    let mut plain = citations.push(text);
    plain.push_str(&citations.finish());
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text and the cited ids, whatever way the text is cut into pieces.
    fn rewrite(sources: usize, text: &str) -> (String, Vec<usize>) {
        let mut results: Vec<_> = (1..=5)
            .map(|size| {
                let mut citations = Citations::new(sources);
                let characters: Vec<char> = text.chars().collect();
                let mut out: String = characters
                    .chunks(size)
                    .map(|piece| citations.push(&piece.iter().collect::<String>()))
                    .collect();
                out.push_str(&citations.finish());
                (out, citations.cited().to_vec())
            })
            .collect();
        results.dedup();
        assert_eq!(results.len(), 1, "the pieces must not matter: {results:?}");
        results.remove(0)
    }

    fn check(sources: usize, text: &str, expected: &str, cited: &[usize]) {
        assert_eq!(
            rewrite(sources, text),
            (expected.to_owned(), cited.to_vec())
        );
    }

    #[test]
    fn citations_are_numbered_in_the_order_of_their_first_use() {
        check(
            5,
            "Sixty days [4]. Free [2], really [4].",
            "Sixty days [1]. Free [2], really [1].",
            &[4, 2],
        );
    }

    #[test]
    fn citations_of_sources_that_do_not_exist_vanish_with_their_space() {
        check(
            2,
            "Sixty days [9]. Free [2][7].",
            "Sixty days. Free [1].",
            &[2],
        );
        check(0, "From memory [1].", "From memory.", &[]);
        check(2, "Zero [0]", "Zero", &[]);
    }

    #[test]
    fn several_at_once_and_other_brackets_are_understood() {
        check(
            5,
            "Both [3, 1]. So 【2】 or [^3]",
            "Both [1][2]. So [3] or [1]",
            &[3, 1, 2],
        );
    }

    #[test]
    fn other_brackets_are_text() {
        check(
            3,
            "See [sic] and [1a] and [a link](x), [ ] done",
            "See [sic] and [1a] and [a link](x), [ ] done",
            &[],
        );
        check(3, "An open [1", "An open [1", &[]);
        check(3, "[[1]]", "[[1]]", &[1]);
        let long = format!("[{}]", "1,".repeat(40));
        check(3, &long, &long, &[]);
    }

    #[test]
    fn nothing_but_a_bracket_and_the_space_before_it_is_held_back() {
        let mut citations = Citations::new(1);
        assert_eq!(citations.push("Sixty days"), "Sixty days");
        assert_eq!(citations.push(" ["), "");
        assert_eq!(citations.push("1] left"), " [1] left");
        assert_eq!(citations.push("\n\n"), "");
        assert_eq!(citations.finish(), "");
    }

    #[test]
    fn earlier_answers_lose_their_citations() {
        assert_eq!(without("Sixty days [1]. Free [2]."), "Sixty days. Free.");
    }
}
