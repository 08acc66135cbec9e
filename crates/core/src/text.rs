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
    fn an_error_becomes_a_sentence() {
        #[derive(Debug, thiserror::Error)]
        #[error("élan is no role name; use another")]
        struct Wrong;
        assert_eq!(sentence(&Wrong), "Élan is no role name; use another.");
    }
}
