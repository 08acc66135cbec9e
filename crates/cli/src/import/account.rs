//! What an account has.

use std::collections::BTreeMap;

use futures::future::join_all;
use irsa_aws::{AwsError, Connect as _, RoleListings as _, SdkAws};
use irsa_core::{
    explain::{Fact, ProviderFacts, Unseen},
    import::account_of_subject,
    naming::account_of,
    trust::{Admittance, Claims, STRANGER, admits, other_stranger, pinned_subjects},
    vocabulary::DEFAULT_AUDIENCE,
};
use irsa_pipeline::{
    binding::observe::role::{Depth, IamRole, role},
    evidence,
};

use super::{found::Found, home::Home};
use crate::aws;

/// In the place of a `sub`.
const EVERYBODY: &str = "whoever has a token of the issuer";

/// An account, as far as it can be seen.
pub(super) struct SeenAccount {
    pub(super) home: Home,
    /// The provider of the federation's issuer.
    pub(super) provider: Fact<Option<ProviderFacts>>,
    aws: Option<SdkAws>,
    /// Trust policies that name the provider, by the ARN of their role.
    trust: BTreeMap<String, String>,
}

impl SeenAccount {
    /// Whether this role is in it.
    pub(super) fn has(&self, role: &str) -> bool {
        account_of(role) == Some(&self.home.account)
    }

    /// Whether it is the same.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.home.account == other.home.account
    }

    /// A role, with what it may.
    ///
    /// # Errors
    /// It is not there, or cannot be read; why, as the end of a sentence.
    pub(super) async fn role(&self, arn: &str) -> Result<IamRole, String> {
        let aws = self.aws.as_ref().ok_or("its account cannot be looked at")?;
        let name = arn.rsplit('/').next().unwrap_or_default();
        match role(aws, name, |_| true, Depth::Documents).await {
            Ok(Some(found)) if found.arn == arn => Ok(found),
            Ok(_) => Err("it does not exist".to_owned()),
            Err(error) => Err(format!("it cannot be read: {}", evidence::unseen(&error))),
        }
    }

    /// Whom a trust policy lets in through the federation's provider, by `sub`; [`EVERYBODY`] where it asks for none. What it names to
    /// shut out is not among them.
    pub(super) fn subjects(&self, trust: &str) -> Vec<String> {
        let pinned = self.claims(STRANGER, None, |claims| pinned_subjects(trust, claims));
        let mut pinned: Vec<String> = pinned.into_iter().flatten().collect();
        pinned.sort();
        pinned.dedup();
        pinned.retain(|subject| self.may_let_in(trust, subject));
        // One statement may name somebody, and another nobody. A pattern says itself whom it stands for.
        let has_pattern = pinned.iter().any(|subject| account_of_subject(subject).is_none());
        let is_open = self.may_let_in(trust, STRANGER) || self.may_let_in(trust, &other_stranger(trust));
        if !has_pattern && is_open {
            pinned.push(EVERYBODY.to_owned());
        }
        pinned
    }

    fn may_let_in(&self, trust: &str, subject: &str) -> bool {
        let admitted = self.claims(subject, None, |claims| admits(trust, claims) != Admittance::No);
        admitted.contains(&true)
    }

    /// Whether a trust policy certainly lets a subject in as it is.
    pub(super) fn lets_in(&self, trust: &str, subject: &str, audience: Option<&str>) -> bool {
        let admitted = self.claims(subject, audience, |claims| admits(trust, claims) == Admittance::Yes);
        admitted.contains(&true)
    }

    /// The same of a role of the account.
    pub(super) fn role_lets_in(&self, role: &str, subject: &str, audience: Option<&str>) -> bool {
        let trust = self.trust.get(role);
        trust.is_some_and(|trust| self.lets_in(trust, subject, audience))
    }

    /// What is to be said of a token of the issuer, for one audience or for each that the provider takes; nothing where no issuer is known.
    fn claims<T>(&self, subject: &str, audience: Option<&str>, say: impl Fn(&Claims<'_>) -> T) -> Vec<T> {
        let Some((provider, issuer)) = self.home.provider_arn().zip(self.home.issuer.as_ref()) else {
            return Vec::new();
        };
        let taken = self.provider.as_ref().ok().and_then(Option::as_ref);
        let taken = taken.map(|provider| provider.client_ids.as_slice()).unwrap_or_default();
        let mut audiences: Vec<&str> = taken.iter().map(String::as_str).collect();
        if let Some(one) = audience {
            audiences = vec![one];
        } else if audiences.is_empty() {
            audiences.push(DEFAULT_AUDIENCE);
        }
        let claims = audiences.into_iter().map(|audience| Claims {
            provider: &provider,
            issuer: issuer.without_scheme(),
            subject,
            audience,
        });
        claims.map(|claims| say(&claims)).collect()
    }
}

/// Looks at the account of each.
pub(super) async fn look(homes: Vec<Home>, found: &mut Found) -> Vec<SeenAccount> {
    let looked = join_all(homes.into_iter().map(look_at)).await;
    let mut accounts = Vec::new();
    for (account, errors) in looked {
        for error in errors {
            found.unseen_account(&account.home.account, &error);
        }
        for (role, trust) in &account.trust {
            let subjects = account.subjects(trust);
            let named = subjects.iter().filter_map(|subject| account_of_subject(subject));
            let others: Vec<String> = subjects
                .iter()
                .filter(|subject| account_of_subject(subject).is_none())
                .cloned()
                .collect();
            found.take_trusted(role, named.collect(), &others);
        }
        accounts.push(account);
    }
    accounts
}

async fn look_at(home: Home) -> (SeenAccount, Vec<AwsError>) {
    let mut account = SeenAccount {
        provider: Err(Unseen::because("its account cannot be looked at")),
        aws: None,
        trust: BTreeMap::new(),
        home,
    };
    let Ok(connect) = aws::connect() else {
        return (account, Vec::new());
    };
    let aws = match connect.connect(&account.home.connection()).await {
        Ok(aws) => aws,
        Err(error) => return (account, vec![error]),
    };
    let mut errors = Vec::new();
    if let Some(arn) = account.home.provider_arn() {
        account.provider = evidence::provider(&aws, &arn).await;
        let trust = &mut account.trust;
        let listing = aws.roles_under("/", |role| {
            if role.trust_policy.contains(&arn) {
                trust.insert(role.arn, role.trust_policy);
            }
        });
        errors.extend(listing.await.err());
    }
    account.aws = Some(aws);
    (account, errors)
}
