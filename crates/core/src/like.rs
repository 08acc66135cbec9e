//! IAM's patterns of text: in policies, and in conditions of the operators `…Like`.

use std::collections::BTreeSet;

/// `*` is any text, `?` any character.
pub(crate) fn like(pattern: &str, text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    // Up to where of the text the pattern can have come so far.
    let mut reached = BTreeSet::from([0]);
    for wanted in pattern.chars() {
        reached = match wanted {
            '*' => reached
                .first()
                .map(|first| (*first..=text.len()).collect())
                .unwrap_or_default(),
            wanted => {
                let next = |at: &usize| text.get(*at).is_some_and(|found| wanted == '?' || *found == wanted);
                reached.iter().filter(|at| next(at)).map(|at| at + 1).collect()
            }
        };
    }
    reached.contains(&text.len())
}

#[cfg(test)]
mod tests {
    use super::like;

    #[test]
    fn a_star_is_any_text_and_a_question_mark_one_character() {
        for (pattern, text) in [
            ("*", ""),
            ("a*c", "abbc"),
            ("a?c", "abc"),
            ("iam:*Role*", "iam:PutRolePolicy"),
            ("", ""),
        ] {
            assert!(like(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("a?c", "ac"), ("a*c", "abd"), ("", "a"), ("A", "a")] {
            assert!(!like(pattern, text), "{pattern} {text}");
        }
    }
}
