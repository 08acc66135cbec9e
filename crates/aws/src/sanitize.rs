//! Cleaning of AWS's error messages: without what changes from call to call, and without what nobody may see.
//!
//! Messages go into conditions, events and logs. A request id in a condition would make every pass write the status
//! anew; a token or key in one would be a leak.

/// Longest message that is kept, in characters. The end is as precious as the start: AWS says last which policy denied a
/// call.
const MAX_CHARS: usize = 500;
/// What stands where something secret stood.
const REDACTED: &str = "<redacted>";
/// Secret keys have 40 characters and session tokens hundreds. Shorter runs are names.
const SECRET_CHARS: usize = 40;

/// The message on one line, without request ids, host ids, tokens and keys, and not much longer than [`MAX_CHARS`]: what is
/// too long loses its middle.
///
/// ARNs stay as they are: they say what a policy must allow.
pub(crate) fn sanitize(message: &str) -> String {
    let mut words = message.split_whitespace().peekable();
    let mut kept: Vec<String> = Vec::new();
    while let Some(word) = words.next() {
        if let Some(label_words) = id_label(word, words.peek().copied()) {
            for _ in 0..label_words {
                words.next();
            }
            continue;
        }
        kept.push(clean(word));
    }
    let text = kept.join(" ");
    let text = text.trim_end_matches([',', ';', '(', ' ']);
    let length = text.chars().count();
    if length <= MAX_CHARS {
        return text.to_owned();
    }
    let half = MAX_CHARS / 2;
    let start = text.chars().take(half);
    start.chain(['…']).chain(text.chars().skip(length - half)).collect()
}

/// How many words after this one belong to a label such as `RequestId: 4f…` or `Request ID: 4f…`; `None` for other words.
fn id_label(word: &str, next: Option<&str>) -> Option<usize> {
    let (name, value) = match word.split_once([':', '=']) {
        Some((name, value)) => (name, Some(value)),
        None => (word, None),
    };
    let name = name.trim_start_matches(['(', '[', '"', '\'']).to_ascii_lowercase();
    let is_id = |name: &str| {
        matches!(
            name,
            "requestid" | "request-id" | "hostid" | "host-id" | "x-amz-request-id" | "x-amz-id-2" | "amzrequestid"
        )
    };
    match value {
        Some("") if is_id(&name) => Some(1),
        Some(_) if is_id(&name) => Some(0),
        None if matches!(name.as_str(), "request" | "host" | "extended") => {
            let next = next?.to_ascii_lowercase();
            match next.split_once([':', '=']) {
                Some(("id", "")) => Some(2),
                Some(("id", _)) => Some(1),
                _ => None,
            }
        }
        _ => None,
    }
}

/// An ARN may be long and look like anything. It ends where something begins that is in none.
const BEHIND_ARN: [char; 12] = ['"', '\'', ',', ';', '&', '?', '=', '(', ')', '{', '}', '<'];

fn clean(word: &str) -> String {
    if word.contains("eyJ") && word.matches('.').count() >= 2 {
        return REDACTED.to_owned();
    }
    let Some((before, arn)) = word.find("arn:").and_then(|at| word.split_at_checked(at)) else {
        return clean_runs(word);
    };
    let (arn, behind) = arn.split_at(arn.find(BEHIND_ARN).unwrap_or(arn.len()));
    format!("{}{arn}{}", clean_runs(before), clean(behind))
}

fn clean_runs(word: &str) -> String {
    // `%`: a secret may be percent-encoded.
    let is_run = |character: char| character.is_ascii_alphanumeric() || "+/=_-%".contains(character);
    let mut cleaned = String::with_capacity(word.len());
    let mut rest = word;
    while !rest.is_empty() {
        let end = rest.find(|character| !is_run(character)).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        cleaned.push_str(if is_secret(run) { REDACTED } else { run });
        let mut characters = after.chars();
        cleaned.extend(characters.next());
        rest = characters.as_str();
    }
    cleaned
}

fn is_secret(run: &str) -> bool {
    // A query parameter's name is no secret, its value may be.
    let run = run
        .split_once('=')
        .map_or(run, |(_, value)| if value.is_empty() { run } else { value });
    is_access_key_id(run) || is_uuid(run) || is_opaque(run) || is_signature(run)
}

/// SigV4's signature, 32 bytes in hexadecimal [IAMUG, create a signed request]: good for minutes, and never of use to a reader.
fn is_signature(run: &str) -> bool {
    run.len() == 64 && run.chars().all(|character| character.is_ascii_hexdigit())
}

/// Long-lived and temporary access keys [IAMUG reference_identifiers, unique id prefixes].
fn is_access_key_id(run: &str) -> bool {
    let key = run.strip_prefix("AKIA").or_else(|| run.strip_prefix("ASIA"));
    key.is_some_and(|rest| rest.len() >= 12 && rest.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit()))
}

fn is_uuid(run: &str) -> bool {
    run.len() == 36
        && run.chars().enumerate().all(|(at, character)| match at {
            8 | 13 | 18 | 23 => character == '-',
            _ => character.is_ascii_hexdigit(),
        })
}

/// A long run that mixes both cases and digits as Base64 does and Kubernetes' names cannot.
fn is_opaque(run: &str) -> bool {
    run.len() >= SECRET_CHARS
        && run.contains(|c: char| c.is_ascii_uppercase())
        && run.contains(|c: char| c.is_ascii_lowercase())
        && run.contains(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_or_is_secret_goes_and_the_rest_stays() {
        let secret = "wJalrXUtnFEMI0K7MDENG+bPxRfiCYEXAMPLEKEY";
        let rows = [
            ("Rate exceeded", "Rate exceeded".to_owned()),
            (
                "User: arn:aws:iam::123456789012:user/Operator1 is not authorized to perform: iam:CreateRole on resource: arn:aws:iam::123456789012:role/irsa/0a1b2c3d/irsa-0a1b2c3d-Team1.a-very-long-name-indeed",
                "User: arn:aws:iam::123456789012:user/Operator1 is not authorized to perform: iam:CreateRole on resource: arn:aws:iam::123456789012:role/irsa/0a1b2c3d/irsa-0a1b2c3d-Team1.a-very-long-name-indeed".to_owned(),
            ),
            ("denied (RequestId: 4442587FB7D0A2F9)", "denied".to_owned()),
            (
                "denied, Request ID: b25f48e8-84fd-11e6-80d9-574e0c4664cb, retry",
                "denied, retry".to_owned(),
            ),
            ("try RequestId=4442587FB7D0A2F9 later", "try later".to_owned()),
            ("Host Id: Uuag1LuByRx9e6j5Onimru9pO4ZVKnJ2Qz7/C1NPcfTWAtRPfTaOFg== here", "here".to_owned()),
            ("call b25f48e8-84fd-11e6-80d9-574e0c4664cb failed", "call <redacted> failed".to_owned()),
            ("key AKIAIOSFODNN7EXAMPLE is unknown", "key <redacted> is unknown".to_owned()),
            ("token eyJhbGciOi.eyJpc3Mi.c2ln expired", "token <redacted> expired".to_owned()),
            ("a\n  b", "a b".to_owned()),
        ];
        for (message, expected) in rows {
            assert_eq!(sanitize(message), expected, "{message}");
        }
        assert_eq!(
            sanitize(&format!("secret '{secret}' leaked")),
            "secret '<redacted>' leaked"
        );
        assert_eq!(sanitize(&format!("?token={secret}")), "?<redacted>");
        let arn = "arn:aws:iam::123456789012:role/x";
        assert_eq!(
            sanitize(&format!(r#"{{"arn":"{arn}","key":"{secret}"}}"#)),
            format!(r#"{{"arn":"{arn}","key":"<redacted>"}}"#)
        );
        assert_eq!(
            sanitize(&format!("{arn}?key={secret}&a={arn}")),
            format!("{arn}?<redacted>&a={arn}")
        );
        let encoded = "FwoGZXIvYXdzEC0aDLbl%2Fy1h%2BkE0vCq3n%3D%3D7QxWb2s";
        assert_eq!(sanitize(&format!("token: {encoded}.")), "token: <redacted>.");
        let signature = "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7";
        assert_eq!(sanitize(&format!("Signature={signature},")), "<redacted>");
    }

    #[test]
    fn a_message_is_cut_at_a_character() {
        let cut = sanitize(&"ä".repeat(600));
        assert_eq!(cut.chars().count(), 501);
        assert!(cut.contains("ä…ä"));
    }

    #[test]
    fn of_a_long_message_both_ends_stay() {
        let message = format!(
            "User: x {} with an explicit deny in a service control policy",
            "y ".repeat(600)
        );
        let cut = sanitize(&message);
        assert!(cut.starts_with("User: x"), "{cut}");
        assert!(
            cut.ends_with("with an explicit deny in a service control policy"),
            "{cut}"
        );
    }

    #[test]
    fn names_of_kubernetes_are_no_secrets() {
        let name = "irsa-0a1b2c3d-a-namespace-with-a-long-name-and-a-binding-too";
        assert_eq!(sanitize(name), name);
    }
}
