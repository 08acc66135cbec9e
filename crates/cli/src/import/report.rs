//! What was found, as it is shown.

use std::fmt::Write as _;

use irsa_api::{OidcFederation, OidcFederationStatus};
use irsa_core::text::plain;
use serde::Serialize;
use serde_json::Value;

use crate::{exit, failure::Failure, output::wrapped, plan::PlanReport};

/// What the cluster has already, as manifests.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ImportReport {
    /// Those that bindings refer to.
    pub(super) federations: Vec<ImportedFederation>,
    pub(super) bindings: Vec<ImportedBinding>,
    /// What is there and in no manifest, each a sentence.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) passed_over: Vec<String>,
    /// What could not be seen, each a sentence.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) unseen: Vec<String>,
}

/// A federation.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ImportedFederation {
    pub(super) name: String,
    pub(super) account: String,
    /// Whether it is there.
    pub(super) exists: bool,
    /// What would be applied; nothing where it is there, or cannot be written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) manifest: Option<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) remarks: Vec<String>,
    #[serde(skip)]
    pub(super) provider_arn: Option<String>,
}

impl ImportedFederation {
    /// As it would be once its provider is registered, where it is not there yet.
    ///
    /// # Errors
    /// The manifest is none, which does not happen.
    pub(super) fn registered(&self) -> Result<Option<OidcFederation>, Failure> {
        let Some(manifest) = &self.manifest else {
            return Ok(None);
        };
        let mut federation: OidcFederation = serde_json::from_value(manifest.clone())?;
        federation.status = Some(OidcFederationStatus {
            provider_arn: self.provider_arn.clone(),
            account_id: Some(self.account.clone()),
            ..OidcFederationStatus::default()
        });
        Ok(Some(federation))
    }
}

/// A binding.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ImportedBinding {
    pub(super) manifest: Value,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) remarks: Vec<String>,
    /// The command by which an AWS administrator hands the role over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) offer: Option<String>,
    /// What the operator would do for it, where that can be known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) plan: Option<PlanReport>,
}

impl ImportReport {
    /// What the command ends with.
    pub(crate) fn exit_code(&self) -> u8 {
        let plans = self.bindings.iter().filter_map(|binding| binding.plan.as_ref());
        let codes: Vec<u8> = plans.map(PlanReport::exit_code).collect();
        if codes.contains(&exit::CAUSE_FOUND) || !self.passed_over.is_empty() {
            exit::CAUSE_FOUND
        } else if codes.contains(&exit::NOT_PROVEN) || !self.unseen.is_empty() {
            exit::NOT_PROVEN
        } else {
            exit::GOOD
        }
    }

    /// Manifests that can be applied as they are; all else is comments.
    ///
    /// # Errors
    /// A manifest cannot be written as YAML, which does not happen.
    pub(crate) fn manifests(&self) -> Result<String, Failure> {
        let mut text = String::new();
        if self.bindings.is_empty() {
            comment(&mut text, "Nothing is to be imported.");
        }
        for federation in &self.federations {
            if federation.exists {
                comment(
                    &mut text,
                    &format!(
                        "Bindings refer to the OidcFederation {}, which stands for the account {}.",
                        federation.name, federation.account
                    ),
                );
            }
            // What is said of a manifest stands in its own document, wherever that is cut out.
            if federation.manifest.is_some() {
                text.push_str("---\n");
            }
            federation.remarks.iter().for_each(|remark| comment(&mut text, remark));
            if let Some(manifest) = &federation.manifest {
                text.push_str(&serde_saphyr::to_string(manifest)?);
            }
        }
        for binding in &self.bindings {
            text.push_str("---\n");
            binding.remarks.iter().for_each(|remark| comment(&mut text, remark));
            if let Some(offer) = &binding.offer {
                comment(&mut text, "An AWS administrator hands the role over:");
                let _ = writeln!(text, "#   {}", plain(offer));
            }
            if let Some(plan) = &binding.plan {
                comment(&mut text, "Once it is applied, the operator will:");
                for line in plan.lines() {
                    let _ = write!(text, "{}", wrapped("#   ", &plain(&line)).replace("\n    ", "\n#     "));
                }
            }
            text.push_str(&serde_saphyr::to_string(&binding.manifest)?);
        }
        for (heading, sentences) in [("Not imported:", &self.passed_over), ("Not seen:", &self.unseen)] {
            if !sentences.is_empty() {
                text.push('\n');
                comment(&mut text, heading);
                for sentence in sentences {
                    comment(&mut text, sentence);
                }
            }
        }
        Ok(text)
    }
}

fn comment(text: &mut String, sentence: &str) {
    for line in wrapped("", &plain(sentence)).lines() {
        let _ = writeln!(text, "# {line}");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_somebody_else_wrote_stays_within_its_value() {
        for text in [
            "a: b",
            "a\nb: c",
            "# a",
            "---",
            "'\"",
            "a\u{2028}b: c",
            "a\u{85}b: c",
            "0123",
            "no",
            "\ttab",
        ] {
            let manifest = json!({"spec": {"tags": {text: text}, "last": [text]}});
            let written = serde_saphyr::to_string(&manifest).unwrap();
            let read: Value = serde_saphyr::from_str(&written).unwrap();
            assert_eq!(read, manifest, "{written}");
            assert!(!written.contains(['\u{2028}', '\u{85}']), "{written:?}");
        }
    }
}
