//! Wildcards, policy variables and ARN matching.

use super::Context;

/// One piece of a pattern. A character that came out of a policy variable is always literal, so a tag value of `*`
/// never widens a policy [IAMUG-2023 policy variables].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    Any,
    One,
    Literal(char),
}

/// A pattern of a policy, its variables resolved against one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern(Vec<Piece>);

impl Pattern {
    /// `*` and `?` are wildcards, `${…}` is a variable. `context` is `None` for documents older than version
    /// 2012-10-17, which know no variables [IAMUG-2023 policy variables].
    pub(super) fn wild(text: &str, context: Option<&Context>) -> Self {
        Self(expand(text, context, true))
    }

    /// No wildcards, only variables.
    pub(super) fn exact(text: &str, context: Option<&Context>) -> Self {
        Self(expand(text, context, false))
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        matches(&self.0, &text, false)
    }

    pub(super) fn matches_ignoring_case(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        matches(&self.0, &text, true)
    }

    /// Matches an ARN segment by segment: a wildcard in one of the first five segments cannot reach over a colon
    /// [IAMUG-2023 reference_policies_elements_condition_operators, ARN operators]. A lone `*` matches everything.
    pub(super) fn matches_arn(&self, arn: &str) -> bool {
        if self.0 == [Piece::Any] {
            return true;
        }
        let patterns: Vec<&[Piece]> = self.0.splitn(6, |piece| *piece == Piece::Literal(':')).collect();
        let segments: Vec<Vec<char>> = arn.splitn(6, ':').map(|segment| segment.chars().collect()).collect();
        patterns.len() == 6
            && segments.len() == 6
            && patterns
                .iter()
                .zip(&segments)
                .all(|(pattern, segment)| matches(pattern, segment, false))
    }
}

/// `${aws:username}`, `${key, 'default'}`, `${*}`, `${?}`, `${$}`. A variable that the request cannot resolve stays
/// as it is written and so matches nothing real (AWS ignores the statement, to the same end).
fn expand(text: &str, context: Option<&Context>, wild: bool) -> Vec<Piece> {
    let mut pieces = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        if let (Some(context), Some((variable, after))) =
            (context, rest.strip_prefix("${").and_then(|tail| tail.split_once('}')))
            && let Some(value) = resolve(variable, context)
        {
            pieces.extend(value.chars().map(Piece::Literal));
            rest = after;
            continue;
        }
        pieces.push(match next {
            '*' if wild => Piece::Any,
            '?' if wild => Piece::One,
            other => Piece::Literal(other),
        });
        rest = rest.get(next.len_utf8()..).unwrap_or_default();
    }
    pieces
}

fn resolve(variable: &str, context: &Context) -> Option<String> {
    if matches!(variable, "*" | "?" | "$") {
        return Some(variable.to_owned());
    }
    let (key, default) = variable
        .split_once(',')
        .map_or((variable, None), |(key, default)| (key, Some(default)));
    if let Some(value) = context.single(key.trim()) {
        return Some(value.to_owned());
    }
    default?
        .trim()
        .strip_prefix('\'')?
        .strip_suffix('\'')
        .map(ToOwned::to_owned)
}

/// Greedy matching with one point of return: linear in practice, never exponential.
fn matches(pattern: &[Piece], text: &[char], ignore_case: bool) -> bool {
    let same = |a: char, b: char| a == b || (ignore_case && a.to_lowercase().eq(b.to_lowercase()));
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while let Some(&found) = text.get(t) {
        match pattern.get(p) {
            Some(Piece::Any) => {
                retry = Some((p, t));
                p += 1;
            }
            Some(Piece::One) => (p, t) = (p + 1, t + 1),
            Some(Piece::Literal(wanted)) if same(*wanted, found) => (p, t) = (p + 1, t + 1),
            _ => match retry {
                Some((star, taken)) => {
                    retry = Some((star, taken + 1));
                    (p, t) = (star + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern
        .get(p..)
        .is_some_and(|rest| rest.iter().all(|piece| *piece == Piece::Any))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match_any_run_or_exactly_one_character() {
        for (pattern, text, want) in [
            ("*", "", true),
            ("s3:Get*", "s3:GetObject", true),
            ("s3:Get*", "s3:PutObject", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b", "ab ab c", false),
            ("", "", true),
            ("", "x", false),
        ] {
            assert_eq!(
                Pattern::wild(pattern, None).matches(text),
                want,
                "{pattern} against {text}"
            );
        }
        assert!(Pattern::wild("S3:getobject", None).matches_ignoring_case("s3:GetObject"));
        assert!(!Pattern::exact("a*", None).matches("ab"));
    }

    #[test]
    fn an_arn_wildcard_never_reaches_over_a_colon() {
        for (pattern, arn, want) in [
            ("*", "arn:aws:s3:::b", true),
            ("arn:aws:s3:::b/*", "arn:aws:s3:::b/x/y:z", true),
            ("arn:aws:iam::*:role/*", "arn:aws:iam::123456789012:role/x", true),
            ("arn:aws:*:role/x", "arn:aws:iam::123456789012:role/x", false),
            ("arn:*:s3:::b", "arn:aws-cn:s3:::b", true),
            ("arn:aws:s3:::b", "arn:aws:s3:::B", false),
        ] {
            assert_eq!(
                Pattern::wild(pattern, None).matches_arn(arn),
                want,
                "{pattern} against {arn}"
            );
        }
    }

    #[test]
    fn variables_resolve_literally_and_unknown_ones_stay_as_written() {
        let context = Context::new().with("aws:username", "a*").with("s3:prefix", "p");
        let of = |text: &str| Pattern::wild(text, Some(&context));
        assert!(of("home/${aws:username}/*").matches("home/a*/x"));
        assert!(
            !of("home/${aws:username}/*").matches("home/abc/x"),
            "a star out of a variable is literal"
        );
        assert!(of("${AWS:UserName}").matches("a*"), "keys ignore case");
        assert!(of("${aws:nothing}").matches("${aws:nothing}"));
        assert!(of("${aws:nothing, 'spare'}").matches("spare"));
        assert!(of("${*}").matches("*") && !of("${*}").matches("x"));
        assert!(
            !Pattern::wild("${s3:prefix}", None).matches("p"),
            "version 2008-10-17 has no variables"
        );
    }
}
