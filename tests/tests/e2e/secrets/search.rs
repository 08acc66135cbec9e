//! Looking for a secret in a text, in whatever form it may have got there.

use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose};

/// A secret and how it may look.
pub(super) struct Secret {
    name: &'static str,
    forms: Vec<(&'static str, String)>,
}

impl Secret {
    pub(super) fn new(name: &'static str, secret: &str) -> Self {
        assert!(secret.len() >= 16, "{name} is too short to be found for certain");
        let bytes = secret.as_bytes();
        let mut forms = vec![
            ("as it is", secret.to_owned()),
            ("escaped", json_escaped(secret)),
            ("percent-encoded", percent(secret, |byte| !byte.is_ascii_alphanumeric())),
            // As the SDK and RFC 3986 do it.
            (
                "percent-encoded",
                percent(secret, |byte| !byte.is_ascii_alphanumeric() && !b"-._~".contains(&byte)),
            ),
            ("percent-encoded twice", {
                let once = percent(secret, |byte| !byte.is_ascii_alphanumeric());
                percent(&once, |byte| !byte.is_ascii_alphanumeric())
            }),
            ("in hexadecimal", hex(bytes)),
            (
                "as a list of bytes",
                bytes.iter().map(u8::to_string).collect::<Vec<_>>().join(", "),
            ),
        ];
        // Inside of a longer text Base64 depends on where the secret begins.
        for before in 0..3 {
            forms.push((
                "in Base64",
                base64_within(&general_purpose::STANDARD_NO_PAD, before, bytes),
            ));
            forms.push((
                "in Base64url",
                base64_within(&general_purpose::URL_SAFE_NO_PAD, before, bytes),
            ));
        }
        // A part of it is enough for whoever guesses the rest, and it may have been cut.
        if bytes.len() >= 32 {
            forms.push(("its first half", secret.chars().take(bytes.len() / 2).collect()));
            forms.push(("its second half", secret.chars().skip(bytes.len() / 2).collect()));
        }
        Self { name, forms }
    }
}

/// What was found, in words that do not repeat it.
pub(super) fn find(secrets: &[Secret], place: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for secret in secrets {
        let form = secret
            .forms
            .iter()
            .find_map(|(how, form)| Some((how, text.find(form.as_str())?)));
        if let Some((how, at)) = form {
            let line = text.get(..at).unwrap_or_default().matches('\n').count();
            let around = text.lines().nth(line).unwrap_or_default();
            let around: String = around.chars().take(300).collect();
            found.push(format!("{place} has {} {how}, in line {line}: {around}…", secret.name));
        }
    }
    found
}

fn percent(text: &str, must: impl Fn(u8) -> bool) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if must(byte) {
            write!(encoded, "%{byte:02X}").unwrap();
        } else {
            encoded.push(char::from(byte));
        }
        encoded
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn json_escaped(text: &str) -> String {
    serde_json::to_string(text).unwrap().trim_matches('"').to_owned()
}

/// The part of the Base64 of something longer that depends on these bytes alone.
fn base64_within(engine: &impl base64::Engine, before: usize, bytes: &[u8]) -> String {
    let mut padded = vec![0; before];
    padded.extend(bytes);
    let text = engine.encode(&padded);
    // Eight bits in groups of six: the first and the last character may share bits with neighbours.
    let first = (before * 8).div_ceil(6);
    let last = padded.len() * 8 / 6;
    text[first..last].to_owned()
}

#[test]
fn a_planted_secret_is_found_in_every_form_and_an_innocent_text_is_not_suspected() {
    let secret = "wJalrXUtn/FEMI0K7+MDENG=bPxRfiCYEXAMPLEK";
    let secrets = [Secret::new("it", secret)];
    for (how, form) in &secrets[0].forms {
        let text = format!("a line\nsomething {form} else");
        assert_eq!(find(&secrets, "there", &text).len(), 1, "{how}: {form}");
    }
    for before in ["", "u", "us", "user:", "a user:"] {
        let text = general_purpose::STANDARD.encode(format!("{before}{secret} and more"));
        assert_eq!(find(&secrets, "there", &text).len(), 1, "Base64 behind {before:?}");
    }
    assert!(find(&secrets, "there", "wJalrXUtn/FEMI0K7, and bPxRfiCYEXAMPLEK").is_empty());
}
