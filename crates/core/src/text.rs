//! Sentences for conditions and events: counts, lists that stay short, errors as sentences.

use std::fmt::Display;

/// A count with its noun: `1 key`, `2 keys`.
pub fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// The first `shown` of these, and how many are left: `a, b and 3 more`.
pub fn listed(items: impl IntoIterator<Item = impl Display>, shown: usize) -> String {
    let mut items = items.into_iter();
    let first: Vec<String> = items.by_ref().take(shown).map(|item| item.to_string()).collect();
    let first = first.join(", ");
    match items.count() {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

/// Text for a terminal, or for a comment of YAML: no line breaks, whoever reads it (YAML 1.1 has more of them than 1.2), and nothing that moves the cursor, changes colours or turns the direction of writing.
pub fn plain(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{61c}' | '\u{200b}'..='\u{200d}' | '\u{feff}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let escaped = |c: char| c.is_control() || turns(c);
    let parts = text.chars().map(|c| {
        if escaped(c) {
            c.escape_unicode().to_string()
        } else {
            c.to_string()
        }
    });
    parts.collect()
}

/// Characters of a text of somebody else's that are shown.
const LONGEST_SHOWN: usize = 255;

/// Text that somebody else chose, as a part of a sentence: no line breaks or control characters, and not without end.
pub fn shown(text: &str) -> String {
    let short: String = text.chars().take(LONGEST_SHOWN).flat_map(char::escape_debug).collect();
    match text.chars().count() {
        0 => "\"\"".to_owned(),
        count if count > LONGEST_SHOWN => format!("{short}…"),
        _ => short,
    }
}

/// An error's text, which begins in lower case and has no full stop, as a sentence.
pub fn sentence(error: &dyn std::error::Error) -> String {
    let text = error.to_string();
    let mut characters = text.chars();
    let first: String = characters.next().into_iter().flat_map(char::to_uppercase).collect();
    format!("{first}{}.", characters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_not_many() {
        assert_eq!(
            [0, 1, 2].map(|count| counted(count, "key", "keys")),
            ["0 keys", "1 key", "2 keys"]
        );
    }

    #[test]
    fn a_long_list_ends_in_how_many_are_left() {
        let names = ["a", "b", "c", "d"];
        assert_eq!(listed(names, 4), "a, b, c, d");
        assert_eq!(listed(names, 3), "a, b, c and 1 more");
        assert_eq!(listed(names, 1), "a and 3 more");
        assert_eq!(listed([""; 0], 3), "");
    }

    #[test]
    fn text_of_somebody_else_stays_in_its_line_and_ends() {
        assert_eq!(shown("https://a.b/c"), "https://a.b/c");
        assert_eq!(shown("a\nb\u{1b}[31m"), r"a\nb\u{1b}[31m");
        assert_eq!(shown(""), "\"\"");
        assert_eq!(shown(&"x".repeat(300)).chars().count(), 256);
    }

    #[test]
    fn what_a_terminal_would_obey_is_spelt_out() {
        assert_eq!(plain("é → “a”"), "é → “a”");
        assert_eq!(
            plain("a\u{1b}[2J\u{9b}31m\r\n\u{202e}b"),
            r"a\u{1b}[2J\u{9b}31m\u{d}\u{a}\u{202e}b"
        );
    }

    #[test]
    fn an_error_becomes_a_sentence() {
        #[derive(Debug, thiserror::Error)]
        #[error("élan is no role name; use another")]
        struct Wrong;
        assert_eq!(sentence(&Wrong), "Élan is no role name; use another.");
    }
}
