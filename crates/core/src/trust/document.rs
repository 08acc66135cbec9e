//! Rendering a trust policy to the JSON that IAM stores.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Audience, NonEmptySet, Subject};
use crate::text::counted;

/// Characters that a trust policy may have before the account's quota is raised (IAM quotas, "Role trust policy
/// length").
pub const DEFAULT_TRUST_QUOTA: usize = 2048;

/// The version of IAM's policy language.
const POLICY_VERSION: &str = "2012-10-17";

/// An IAM OIDC provider as a trust policy names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrustProvider {
    pub(super) arn: String,
    pub(super) issuer: String,
}

impl TrustProvider {
    /// The provider with this ARN, whose issuer is `issuer_without_scheme` (no `https://`), as in condition keys.
    pub fn new(arn: impl Into<String>, issuer_without_scheme: impl Into<String>) -> Self {
        Self {
            arn: arn.into(),
            issuer: issuer_without_scheme.into(),
        }
    }

    /// Its ARN.
    pub fn arn(&self) -> &str {
        &self.arn
    }
}

/// Who may assume a role: any of the subjects, with any of the audiences, through any of the providers.
///
/// Several providers are one role during the move of a cluster to another issuer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TrustPolicy {
    /// One statement each.
    pub providers: NonEmptySet<TrustProvider>,
    /// Pinned by `StringEquals` on `<issuer>:sub`.
    pub subjects: NonEmptySet<Subject>,
    /// Pinned by `StringEquals` on `<issuer>:aud`.
    pub audiences: NonEmptySet<Audience>,
}

/// A rendered trust policy that fits its quota.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TrustDocument {
    json: String,
    size: usize,
}

impl TrustDocument {
    /// Minified JSON, the same for equal policies.
    pub fn as_str(&self) -> &str {
        &self.json
    }

    /// Its size in characters, as IAM counts it against the quota.
    pub fn size(&self) -> usize {
        self.size
    }
}

/// The rendered policy is over the account's quota.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the trust policy for {} has {size} characters and the quota is {quota}; bind fewer \
     ServiceAccounts or audiences, or raise the IAM quota \"Role trust policy length\" and the operator's --trust-policy-quota",
    counted(*subjects, "ServiceAccount", "ServiceAccounts")
)]
pub struct TrustPolicyTooLarge {
    /// Characters of the rendered policy.
    pub size: usize,
    /// Characters allowed.
    pub quota: usize,
    /// Subjects in it.
    pub subjects: usize,
}

impl TrustPolicy {
    /// Renders the policy and checks its size in characters against `quota` ([`DEFAULT_TRUST_QUOTA`] unless the
    /// account's was raised).
    pub fn render(&self, quota: usize) -> Result<TrustDocument, TrustPolicyTooLarge> {
        let json = self.to_json();
        let size = json.chars().count();
        if size > quota {
            return Err(TrustPolicyTooLarge {
                size,
                quota,
                subjects: self.subjects.count(),
            });
        }
        Ok(TrustDocument { json, size })
    }

    fn to_json(&self) -> String {
        let audiences = OneOrMany::of(self.audiences.iter().map(Audience::as_str));
        let subjects = OneOrMany::of(self.subjects.iter().map(Subject::as_str));
        let statements = self
            .providers
            .iter()
            .map(|provider| Statement {
                effect: "Allow",
                principal: BTreeMap::from([("Federated", provider.arn.as_str())]),
                action: "sts:AssumeRoleWithWebIdentity",
                condition: Some(BTreeMap::from([(
                    "StringEquals",
                    BTreeMap::from([
                        (format!("{}:aud", provider.issuer), audiences.clone()),
                        (format!("{}:sub", provider.issuer), subjects.clone()),
                    ]),
                )])),
            })
            .collect();
        to_json(&Document {
            version: POLICY_VERSION,
            statement: statements,
        })
    }
}

/// A trust policy that lets nobody assume the role: for a role that guard-rails no longer allow.
///
/// IAM wants at least one statement, so this one denies; without any `Allow` everything else is denied anyway.
pub fn closed() -> TrustDocument {
    let json = to_json(&Document {
        version: POLICY_VERSION,
        statement: vec![Statement {
            effect: "Deny",
            principal: BTreeMap::from([("AWS", "*")]),
            action: "sts:AssumeRole",
            condition: None,
        }],
    });
    TrustDocument {
        size: json.chars().count(),
        json,
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Document<'a> {
    version: &'a str,
    statement: Vec<Statement<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Statement<'a> {
    effect: &'a str,
    principal: BTreeMap<&'a str, &'a str>,
    action: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<BTreeMap<&'a str, BTreeMap<String, OneOrMany<'a>>>>,
}

/// A single value as a scalar, to spend fewer characters of the quota.
#[derive(Serialize, Clone)]
#[serde(untagged)]
enum OneOrMany<'a> {
    One(&'a str),
    Many(Vec<&'a str>),
}

impl<'a> OneOrMany<'a> {
    fn of(values: impl Iterator<Item = &'a str>) -> Self {
        let values: Vec<&str> = values.collect();
        match values.as_slice() {
            [one] => Self::One(one),
            _ => Self::Many(values),
        }
    }
}

fn to_json(document: &Document<'_>) -> String {
    // Strings and string-keyed maps only: serde_json cannot fail on them.
    serde_json::to_string(document).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    const ISSUER: &str = "acme-irsa.s3.eu-central-1.amazonaws.com/clusters/prod";

    fn provider(issuer: &str) -> TrustProvider {
        TrustProvider::new(format!("arn:aws:iam::123456789012:oidc-provider/{issuer}"), issuer)
    }

    fn policy(providers: &[&str], subjects: &[(&str, &str)], audiences: &[&str]) -> TrustPolicy {
        TrustPolicy {
            providers: NonEmptySet::new(providers.iter().map(|issuer| provider(issuer))).unwrap(),
            subjects: NonEmptySet::new(subjects.iter().map(|(ns, name)| Subject::new(ns, name).unwrap())).unwrap(),
            audiences: NonEmptySet::new(audiences.iter().map(|a| Audience::new(*a).unwrap())).unwrap(),
        }
    }

    fn parsed(policy: &TrustPolicy) -> Value {
        serde_json::from_str(policy.render(100_000).unwrap().as_str()).unwrap()
    }

    #[test]
    fn one_account_and_one_audience_render_to_one_minified_statement() {
        let document = policy(&[ISSUER], &[("payments", "app")], &["sts.amazonaws.com"])
            .render(2048)
            .unwrap();
        assert_eq!(
            document.as_str(),
            concat!(
                r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","#,
                r#""Principal":{"Federated":"arn:aws:iam::123456789012:oidc-provider/"#,
                r#"acme-irsa.s3.eu-central-1.amazonaws.com/clusters/prod"},"#,
                r#""Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{"#,
                r#""acme-irsa.s3.eu-central-1.amazonaws.com/clusters/prod:aud":"sts.amazonaws.com","#,
                r#""acme-irsa.s3.eu-central-1.amazonaws.com/clusters/prod:sub":"system:serviceaccount:payments:app"}}}]}"#
            )
        );
        assert_eq!(document.size(), document.as_str().len());
    }

    #[test]
    fn several_accounts_share_one_statement_and_several_providers_have_one_each() {
        let value = parsed(&policy(
            &["a.example", "b.example"],
            &[("n", "x"), ("n", "y")],
            &["one", "two"],
        ));
        assert_eq!(
            value["Statement"][1],
            json!({
                "Effect": "Allow",
                "Principal": {"Federated": "arn:aws:iam::123456789012:oidc-provider/b.example"},
                "Action": "sts:AssumeRoleWithWebIdentity",
                "Condition": {"StringEquals": {
                    "b.example:aud": ["one", "two"],
                    "b.example:sub": ["system:serviceaccount:n:x", "system:serviceaccount:n:y"],
                }},
            })
        );
        assert_eq!(value["Statement"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn a_policy_over_the_quota_is_refused_with_its_figures() {
        let policy = policy(&[ISSUER], &[("payments", "app")], &["sts.amazonaws.com"]);
        let size = policy.render(2048).unwrap().size();
        assert!(policy.render(size).is_ok());
        let refusal = policy.render(size - 1).unwrap_err();
        assert_eq!(
            refusal,
            TrustPolicyTooLarge {
                size,
                quota: size - 1,
                subjects: 1
            }
        );
        assert!(
            refusal
                .to_string()
                .contains(&format!("has {size} characters and the quota is {}", size - 1))
        );
    }

    #[test]
    fn sixteen_ordinary_accounts_fit_the_default_quota() {
        let names: Vec<String> = (0..16).map(|i| format!("worker-{i:02}")).collect();
        let subjects: Vec<(&str, &str)> = names.iter().map(|name| ("team-payments", name.as_str())).collect();
        assert!(
            policy(&[ISSUER], &subjects, &["sts.amazonaws.com"])
                .render(DEFAULT_TRUST_QUOTA)
                .is_ok()
        );
    }

    #[test]
    fn the_closed_policy_allows_nothing() {
        let value: Value = serde_json::from_str(closed().as_str()).unwrap();
        let statements = value["Statement"].as_array().unwrap();
        assert_eq!(statements.len(), 1);
        assert_eq!(statements[0]["Effect"], "Deny");
        assert_eq!(closed().size(), closed().as_str().len());
    }

    proptest! {
        #[test]
        fn rendering_depends_on_neither_order_nor_repetition(
            mut names in proptest::collection::vec("[a-z]{1,8}", 1..8),
            mut audiences in proptest::collection::vec("[a-z.]{1,8}", 1..4),
        ) {
            let make = |names: &[String], audiences: &[String]| {
                let subjects: Vec<(&str, &str)> = names.iter().map(|name| ("ns", name.as_str())).collect();
                let audiences: Vec<&str> = audiences.iter().map(String::as_str).collect();
                policy(&[ISSUER], &subjects, &audiences).render(100_000).unwrap()
            };
            let first = make(&names, &audiences);
            names.reverse();
            audiences.reverse();
            names.extend(names.clone());
            prop_assert_eq!(first, make(&names, &audiences));
        }

        #[test]
        fn every_statement_pins_sub_and_aud_by_equality(
            issuers in proptest::collection::vec("[a-z]{1,8}", 1..4),
            names in proptest::collection::vec("[a-z]{1,8}", 1..8),
        ) {
            let issuers: Vec<&str> = issuers.iter().map(String::as_str).collect();
            let subjects: Vec<(&str, &str)> = names.iter().map(|name| ("ns", name.as_str())).collect();
            let value = parsed(&policy(&issuers, &subjects, &["sts.amazonaws.com"]));
            for statement in value["Statement"].as_array().unwrap() {
                let condition = statement["Condition"].as_object().unwrap();
                prop_assert_eq!(condition.keys().collect::<Vec<_>>(), vec!["StringEquals"]);
                let keys = condition["StringEquals"].as_object().unwrap();
                prop_assert_eq!(keys.len(), 2);
                prop_assert!(keys.keys().any(|key| key.ends_with(":aud")));
                prop_assert!(keys.keys().any(|key| key.ends_with(":sub")));
            }
        }
    }
}
