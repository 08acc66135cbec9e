//! What the Kubernetes API's answer to a refused request means: who refused it, and what can be done.
//!
//! The status code alone says little. Authorizers and built-in admission plugins answer 403, ValidatingAdmissionPolicies by
//! default 422 and on request 403, 401 or 413, webhooks whatever they like, 429 and 500 included. So the words decide first,
//! and the code only where there are none of its own. The answers in the tests are those of a real kube-apiserver 1.36.3.

use std::borrow::Cow;

use crate::vocabulary::Reason;

/// Longest sentence of somebody else that is passed on, in characters.
const MAX_SENTENCE: usize = 400;

/// A `meta/v1` Status that is no success.
#[derive(Debug, Clone, Default)]
pub struct ApiStatus<'a> {
    /// HTTP status code.
    pub code: u16,
    /// `message`.
    pub message: &'a str,
    /// `details.causes`, as pairs of reason and field.
    pub causes: Vec<(&'a str, &'a str)>,
}

/// Why the Kubernetes API did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApiRefusal {
    /// No rule of RBAC (or of another authorizer) allows it; what the authorizer says.
    NotAuthorized(String),
    /// The operator's credentials are not accepted, as for a moment when they are renewed.
    NotAuthenticated,
    /// A rule of the cluster refuses what was to be written, in its own words.
    Denied {
        /// Whose rule.
        by: Rule,
        /// What it says.
        sentence: String,
    },
    /// The namespace is being deleted, and nothing can be made in it.
    Terminating,
    /// A ResourceQuota of the namespace is used up: its name and what was asked of it.
    Quota(String),
    /// Somebody else wrote, deleted or made the object at the same moment.
    Raced,
    /// The API server could not ask this webhook, and must not go on without it.
    WebhookDown(String),
    /// The API server has no time or no answer.
    Unavailable,
}

/// Whose rule refused a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// The ValidatingAdmissionPolicy of this name.
    Policy(String),
    /// The admission webhook of this name.
    Webhook(String),
    /// The API server's own validation, or a plugin of it.
    Server,
}

impl ApiRefusal {
    /// Reads an answer.
    pub fn of(answer: &ApiStatus<'_>) -> Self {
        let said = said(answer.message);
        if let Some(denied) = by_policy(said).or_else(|| by_webhook(said)) {
            return denied;
        }
        if let Some(name) = quoted(said, "failed calling webhook ") {
            return Self::WebhookDown(name.to_owned());
        }
        if answer
            .causes
            .iter()
            .any(|(reason, _)| *reason == "NamespaceTerminating")
        {
            return Self::Terminating;
        }
        let about_uid = answer.causes.iter().any(|(_, field)| *field == "metadata.uid");
        match answer.code {
            401 => Self::NotAuthenticated,
            403 if said.starts_with("not yet ready to handle request") => Self::Unavailable,
            403 if is_authorizers(said) => Self::NotAuthorized(steady(said)),
            403 if said.contains("exceeded quota: ") => Self::Quota(quota(said)),
            404 | 409 | 410 | 412 => Self::Raced,
            // The object that was read is gone, and another has its name.
            422 if about_uid => Self::Raced,
            // The `test` of a JSON patch does not hold any more; that answer names nothing else.
            422 if answer.causes.is_empty() && answer.message.starts_with("the server rejected our request") => {
                Self::Raced
            }
            408 | 429 => Self::Unavailable,
            400..=499 => Self::Denied {
                by: Rule::Server,
                sentence: steady(said),
            },
            _ => Self::Unavailable,
        }
    }

    /// The reason that a condition gives.
    pub const fn reason(&self) -> Reason {
        match self {
            Self::NotAuthorized(_) => Reason::AccessDenied,
            Self::Denied { .. } => Reason::AdmissionDenied,
            Self::Terminating => Reason::NamespaceTerminating,
            Self::Quota(_) => Reason::QuotaExceeded,
            Self::Raced => Reason::WriteConflict,
            Self::NotAuthenticated | Self::WebhookDown(_) | Self::Unavailable => Reason::ApiServerUnavailable,
        }
    }

    /// What is wrong and what to do, in one or two sentences. `request` is what was asked for, as in "change the
    /// ServiceAccount app".
    pub fn in_words(&self, request: &ApiRequest<'_>) -> String {
        let ApiRequest {
            action, object, role, ..
        } = request;
        match self {
            Self::NotAuthorized(said) => format!(
                "The Kubernetes API does not let the operator {action} {object}: {}; extend {role}.",
                said.trim_end_matches('.')
            ),
            Self::Denied { by, sentence } => {
                let (whose, exempt) = match by {
                    Rule::Policy(name) => (
                        format!("The cluster's ValidatingAdmissionPolicy {name} does"),
                        ", or have the policy leave the operator out",
                    ),
                    Rule::Webhook(name) => (
                        format!("The cluster's admission webhook {name} does"),
                        ", or have the webhook leave the operator out",
                    ),
                    Rule::Server => ("The Kubernetes API does".to_owned(), ""),
                };
                let remedy = request.remedy.unwrap_or("make it what that rule asks for");
                format!("{whose} not let the operator {action} {object}: \"{sentence}\"; {remedy}{exempt}.")
            }
            Self::Terminating => format!(
                "The operator could not {action} {object}: its namespace is being deleted, and nothing is made there any \
                 more."
            ),
            Self::Quota(what) => format!(
                "A ResourceQuota of the namespace does not let the operator {action} {object}: {what}; raise it or remove \
                 what uses it up."
            ),
            Self::Raced => {
                format!("The operator could not {action} {object}: it was changed by somebody else at the same moment.")
            }
            Self::NotAuthenticated => {
                format!("The operator could not {action} {object}: the Kubernetes API does not accept its credentials.")
            }
            Self::WebhookDown(name) => format!(
                "The operator could not {action} {object}: the Kubernetes API could not ask the admission webhook {name}, \
                 which must answer first; bring it back."
            ),
            Self::Unavailable => {
                format!("The operator could not {action} {object}: the Kubernetes API could not be asked.")
            }
        }
    }
}

/// What was asked of the Kubernetes API, in the words of its conditions.
#[derive(Debug, Clone, Copy)]
pub struct ApiRequest<'a> {
    /// A verb: read, change, create …
    pub action: &'a str,
    /// Of what, with its kind.
    pub object: &'a str,
    /// Which role must be extended if RBAC refuses it.
    pub role: &'a str,
    /// What to do where a rule of the cluster refuses it.
    pub remedy: Option<&'a str>,
}

/// What somebody said of the request, without what it was about: `serviceaccounts "app" is forbidden: …`.
fn said(message: &str) -> &str {
    let about_path = || message.strip_prefix("forbidden: ").unwrap_or(message);
    message
        .split_once(" is forbidden: ")
        .map_or_else(about_path, |(_, said)| said)
}

/// `ValidatingAdmissionPolicy 'name' with binding 'other' denied request: its sentence`.
fn by_policy(said: &str) -> Option<ApiRefusal> {
    let rest = said.strip_prefix("ValidatingAdmissionPolicy '")?;
    let (name, rest) = rest.split_once('\'')?;
    let (_, sentence) = rest.split_once(" denied request: ")?;
    Some(ApiRefusal::Denied {
        by: Rule::Policy(name.to_owned()),
        sentence: steady(sentence),
    })
}

/// `admission webhook "name" denied the request: its sentence`, or `… denied the request without explanation`.
fn by_webhook(said: &str) -> Option<ApiRefusal> {
    let name = quoted(said, "admission webhook ")?;
    let (_, behind) = said.split_once("\" denied the request")?;
    let sentence = behind.strip_prefix(": ").unwrap_or("denied without explanation");
    Some(ApiRefusal::Denied {
        by: Rule::Webhook(name.to_owned()),
        sentence: steady(sentence),
    })
}

/// The name in double quotes behind these words.
fn quoted<'a>(text: &'a str, words: &str) -> Option<&'a str> {
    let (_, behind) = text.split_once(words)?;
    Some(behind.strip_prefix('"')?.split_once('"')?.0)
}

/// `User "x" cannot patch resource "serviceaccounts" in API group "" in the namespace "y"`, whatever an authorizer adds.
fn is_authorizers(said: &str) -> bool {
    said.starts_with("User \"") && said.contains("\" cannot ")
}

/// The quota and what was asked of it. What is used moves with everybody else's objects.
fn quota(said: &str) -> String {
    let asked = said.split_once(", used: ").map_or(said, |(asked, _)| asked);
    steady(asked)
}

/// Somebody else's words on one line, not too long, and without what is new in each answer: a condition with an id or a time
/// in it would be written anew by every pass.
fn steady(words: &str) -> String {
    let words: Vec<Cow<'_, str>> = words.split_whitespace().map(steady_word).collect();
    let text = words.join(" ");
    match text.char_indices().nth(MAX_SENTENCE) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

fn steady_word(word: &str) -> Cow<'_, str> {
    let core = word.trim_matches(|character: char| !character.is_ascii_alphanumeric());
    let shape: String = core
        .chars()
        .map(|character| if character.is_ascii_digit() { '0' } else { character })
        .collect();
    let is_time = shape.starts_with("0000-00-00") || shape.starts_with("00:00:00");
    let hex = core.chars().filter(char::is_ascii_hexdigit).count();
    let is_id = hex >= 16
        && core.chars().any(|character| character.is_ascii_digit())
        && core
            .chars()
            .all(|character| character.is_ascii_hexdigit() || character == '-');
    if is_time || is_id {
        Cow::Owned(word.replace(core, "…"))
    } else {
        Cow::Borrowed(word)
    }
}

#[cfg(test)]
mod tests;
