//! The proof that a role lets in whom it must, and nobody else: what is shown to STS, and what each answer means.
//!
//! What IAM shows of a role is not what STS decides. So tokens are shown to STS itself: of the bound ServiceAccounts, which it must
//! take; then of a ServiceAccount that nobody binds (the canary), and of a bound one for an audience that the binding does not have,
//! which it must refuse. The first shows that the role works, the others that its trust policy pins `sub` and `aud`.

use std::{collections::BTreeSet, fmt};

use serde_json::json;

use crate::{
    compare::Policy,
    digest::sha256_hex,
    naming::{account_of, partition_of},
    text::listed,
    trust::{Audience, NonEmptySet},
};

/// How the sessions are named that are made for a proof: what CloudTrail shows.
pub const SESSION_NAME: &str = "irsa-anywhere-verify";
/// What a proof consists of. A release that asks STS more than this one did counts it up, and every role is proven anew.
const KIND: u32 = 1;
/// Audiences of which one must be refused: so many requests for a token may be in vain.
const STRANGE: usize = 4;
/// So many names of one list are told.
const NAMED: usize = 5;

/// A ServiceAccount, by its namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountName {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// `namespace/name`.
impl fmt::Display for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// What is proven: that this role, as it is now, lets these ServiceAccounts in with these audiences.
#[derive(Debug, Clone)]
pub struct RoleProof {
    /// ARN of the role.
    pub role_arn: String,
    /// The id that IAM gave it: another role of the same name is another.
    pub role_id: String,
    /// Its trust policy, as it was written or as IAM shows it.
    pub trust: String,
    /// ARN of the IAM OIDC provider, which names the issuer.
    pub provider_arn: String,
    /// The client IDs that the federation demands of the provider. One that somebody else keeps may have more.
    pub client_ids: BTreeSet<String>,
    /// A digest of the keys that the API servers sign with.
    pub signing_keys: String,
    /// The namespace of the binding.
    pub namespace: String,
    /// The bound ServiceAccounts.
    pub service_accounts: NonEmptySet<String>,
    /// The binding's audiences.
    pub audiences: NonEmptySet<Audience>,
}

/// One token that is shown to STS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownToken {
    /// Whose it is.
    pub account: AccountName,
    /// Its audience.
    pub audience: String,
    /// What STS must say.
    pub expected: ExpectedAnswer,
}

/// What STS must say to a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ExpectedAnswer {
    /// Yes.
    LetIn,
    /// No, for its `sub`.
    RefusedForSubject,
    /// No, for its `aud`.
    RefusedForAudience,
}

impl RoleProof {
    /// The tokens to show, in their order: those that must be taken come first, for only a role that STS knows refuses for a reason.
    ///
    /// Every ServiceAccount is tried, and every audience; not each with each, because a statement of a trust policy lists both. What must
    /// be refused for its audience comes after these: [`Self::strange`].
    pub fn tokens(&self, canary: &AccountName) -> Vec<ShownToken> {
        let mut audiences = self.audiences.iter().map(Audience::as_str);
        let Some((main, bound)) = audiences.next().zip(self.accounts().next()) else {
            return Vec::new();
        };
        let shown = |account: AccountName, audience: &str, expected| ShownToken {
            account,
            audience: audience.to_owned(),
            expected,
        };
        let each_account = self
            .accounts()
            .map(|account| shown(account, main, ExpectedAnswer::LetIn));
        let each_audience = audiences.map(|audience| shown(bound.clone(), audience, ExpectedAnswer::LetIn));
        let stranger = self
            .audiences
            .iter()
            .map(|audience| shown(canary.clone(), audience.as_str(), ExpectedAnswer::RefusedForSubject));
        each_account.chain(each_audience).chain(stranger).collect()
    }

    /// Tokens for audiences of the federation that the binding does not have: the first that is to be had stands for all, and no more are
    /// asked for than these. Where there is no other, none is tried: the provider's own list of client IDs keeps the rest out, where it is
    /// the operator's.
    pub fn strange(&self) -> Vec<ShownToken> {
        let Some(account) = self.accounts().next() else {
            return Vec::new();
        };
        let is_bound = |id: &&String| self.audiences.iter().any(|audience| audience.as_str() == id.as_str());
        let others = self.client_ids.iter().filter(|id| !is_bound(id));
        let shown = others.take(STRANGE).map(|audience| ShownToken {
            account: account.clone(),
            audience: audience.clone(),
            expected: ExpectedAnswer::RefusedForAudience,
        });
        shown.collect()
    }

    fn accounts(&self) -> impl Iterator<Item = AccountName> {
        self.service_accounts.iter().map(|name| AccountName {
            namespace: self.namespace.clone(),
            name: name.clone(),
        })
    }

    /// The session that STS makes of the role: `arn:aws:sts::<account>:assumed-role/<role>/irsa-anywhere-verify`.
    pub fn session_arn(&self) -> String {
        let partition = partition_of(&self.role_arn).unwrap_or("aws");
        let account = account_of(&self.role_arn).unwrap_or_default();
        let name = self.role_arn.rsplit('/').next().unwrap_or_default();
        format!("arn:{partition}:sts::{account}:assumed-role/{name}/{SESSION_NAME}")
    }

    /// A digest of all that the proof rests on. While it stays the same nothing has to be proven again.
    pub fn digest(&self) -> String {
        let names: Vec<&String> = self.service_accounts.iter().collect();
        let audiences: Vec<&str> = self.audiences.iter().map(Audience::as_str).collect();
        // IAM shows one document in many ways. A compiler that prints the normal form otherwise costs one proof of each role.
        let trust = format!("{:?}", Policy::read(&self.trust));
        let all = json!([
            KIND,
            self.role_arn,
            self.role_id,
            trust,
            self.provider_arn,
            self.client_ids,
            self.signing_keys,
            self.namespace,
            names,
            audiences,
        ]);
        sha256_hex(all.to_string().as_bytes())
    }

    /// What is true once it is proven.
    pub fn in_words(&self, proven: &Proven) -> String {
        let bound = listed(self.service_accounts.iter(), NAMED);
        let canary = proven
            .canary
            .as_ref()
            .map_or_else(|| "the canary".to_owned(), AccountName::to_string);
        let refused = match &proven.refused_audience {
            Some(audience) => format!("{canary} and the audience {audience}"),
            None => canary,
        };
        let untried = proven.untried_audience.as_ref().map(|audience| {
            format!(" The audience {audience}, which it must refuse too, was not tried: the cluster's policy does not list it.")
        });
        format!(
            "STS lets {bound} in as {}, and refuses {refused}.{}",
            self.session_arn(),
            untried.unwrap_or_default()
        )
    }
}

/// What was proven beside that the bound ServiceAccounts are let in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proven {
    /// Who was refused.
    pub canary: Option<AccountName>,
    /// The audience that was refused, where the provider has one that the binding lacks.
    pub refused_audience: Option<String>,
    /// Such an audience, where the operator may ask for a token for none of them.
    pub untried_audience: Option<String>,
}

impl ShownToken {
    /// That STS took a token that it must refuse, and what that means.
    pub fn let_in(&self, role_arn: &str) -> String {
        let Self { account, audience, .. } = self;
        match self.expected {
            ExpectedAnswer::RefusedForAudience => format!(
                "STS lets a token of {account} for the audience {audience} into {role_arn}, which is meant for somebody else: the trust \
                 policy does not pin aud."
            ),
            ExpectedAnswer::RefusedForSubject | ExpectedAnswer::LetIn => format!(
                "STS lets {account} into {role_arn}, a ServiceAccount that nothing binds: the trust policy does not pin sub, and every \
                 pod of the cluster may take the role."
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canary() -> AccountName {
        AccountName {
            namespace: "system".to_owned(),
            name: "canary".to_owned(),
        }
    }

    fn audiences(names: &[&str]) -> NonEmptySet<Audience> {
        NonEmptySet::new(names.iter().map(|name| Audience::new(*name).unwrap())).unwrap()
    }

    fn proof() -> RoleProof {
        RoleProof {
            role_arn: "arn:aws-cn:iam::123456789012:role/irsa/p-ns.app".to_owned(),
            role_id: "AROA1".to_owned(),
            trust: r#"{"Statement":[{"Effect":"Allow","Action":["a"]}]}"#.to_owned(),
            provider_arn: "arn:aws-cn:iam::123456789012:oidc-provider/i.example".to_owned(),
            client_ids: ["x".to_owned()].into(),
            signing_keys: "k".to_owned(),
            namespace: "ns".to_owned(),
            service_accounts: NonEmptySet::new(["a".to_owned(), "b".to_owned()]).unwrap(),
            audiences: audiences(&["x"]),
        }
    }

    fn told(proof: &RoleProof) -> Vec<(String, String, ExpectedAnswer)> {
        let tokens = proof.tokens(&canary()).into_iter().chain(proof.strange());
        tokens
            .map(|shown| (shown.account.to_string(), shown.audience, shown.expected))
            .collect()
    }

    #[test]
    fn every_service_account_and_every_audience_is_shown_before_what_must_be_refused() {
        use ExpectedAnswer::{LetIn, RefusedForAudience, RefusedForSubject};
        let row = |account: &str, audience: &str, expected| (account.to_owned(), audience.to_owned(), expected);
        assert_eq!(
            told(&proof()),
            [
                row("ns/a", "x", LetIn),
                row("ns/b", "x", LetIn),
                row("system/canary", "x", RefusedForSubject)
            ]
        );
        let more = RoleProof {
            audiences: audiences(&["x", "y"]),
            client_ids: ["x", "y", "w", "z"].map(str::to_owned).into(),
            ..proof()
        };
        let many = RoleProof {
            client_ids: (0..100).map(|number| number.to_string()).collect(),
            ..proof()
        };
        assert_eq!(many.strange().len(), STRANGE);
        assert_eq!(
            told(&more),
            [
                row("ns/a", "x", LetIn),
                row("ns/b", "x", LetIn),
                row("ns/a", "y", LetIn),
                row("system/canary", "x", RefusedForSubject),
                row("system/canary", "y", RefusedForSubject),
                row("ns/a", "w", RefusedForAudience),
                row("ns/a", "z", RefusedForAudience),
            ]
        );
    }

    #[test]
    fn whatever_the_proof_rests_on_is_in_its_digest_and_how_iam_writes_it_is_not() {
        let same = RoleProof {
            trust: r#"{"Statement":{"Action":"a","Effect":"Allow"}}"#.to_owned(),
            ..proof()
        };
        assert_eq!(same.digest(), proof().digest());
        let changed = [
            RoleProof {
                role_arn: "arn:aws:iam::123456789012:role/other".to_owned(),
                ..proof()
            },
            RoleProof {
                role_id: "AROA2".to_owned(),
                ..proof()
            },
            RoleProof {
                trust: r#"{"Statement":[{"Effect":"Allow","Action":["b"]}]}"#.to_owned(),
                ..proof()
            },
            RoleProof {
                provider_arn: "arn:aws-cn:iam::123456789012:oidc-provider/j.example".to_owned(),
                ..proof()
            },
            RoleProof {
                client_ids: ["x".to_owned(), "y".to_owned()].into(),
                ..proof()
            },
            RoleProof {
                signing_keys: "l".to_owned(),
                ..proof()
            },
            RoleProof {
                namespace: "other".to_owned(),
                ..proof()
            },
            RoleProof {
                service_accounts: NonEmptySet::one("a".to_owned()),
                ..proof()
            },
            RoleProof {
                audiences: audiences(&["y"]),
                ..proof()
            },
        ];
        let digests: BTreeSet<String> = changed.iter().chain([&proof()]).map(RoleProof::digest).collect();
        assert_eq!(digests.len(), changed.len() + 1);
    }

    #[test]
    fn what_is_proven_is_said_with_whom_sts_refuses_and_what_was_not_tried() {
        let proven = |refused: Option<&str>, untried: Option<&str>| Proven {
            canary: Some(canary()),
            refused_audience: refused.map(str::to_owned),
            untried_audience: untried.map(str::to_owned),
        };
        assert_eq!(
            proof().in_words(&proven(None, None)),
            "STS lets a, b in as arn:aws-cn:sts::123456789012:assumed-role/p-ns.app/irsa-anywhere-verify, and refuses system/canary."
        );
        assert!(
            proof()
                .in_words(&proven(Some("w"), None))
                .ends_with("system/canary and the audience w.")
        );
        let untried = proof().in_words(&proven(None, Some("w")));
        assert!(untried.contains("system/canary. The audience w, ") && untried.contains("was not tried"));
    }
}
