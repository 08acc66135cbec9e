//! What a trust policy says to the tokens of one issuer for one audience.

use super::input::AuditedFederation;
use crate::{
    like::like,
    trust::{Admittance, Claims, ReadPolicy, STRANGER, other_stranger, pinned_subjects},
};

/// A way into a role: an issuer's tokens for one audience.
pub(super) struct Door<'a> {
    /// The role's trust policy as IAM returns it, and read.
    pub(super) trust: &'a str,
    pub(super) policy: &'a ReadPolicy,
    pub(super) federation: &'a AuditedFederation,
    pub(super) audience: &'a str,
}

impl Door<'_> {
    fn claims<'s>(&'s self, subject: &'s str) -> Claims<'s> {
        Claims {
            provider: &self.federation.provider,
            issuer: &self.federation.issuer,
            subject,
            audience: self.audience,
        }
    }

    /// Whether it takes this subject.
    pub(super) fn takes(&self, subject: &str) -> Admittance {
        self.policy.admits(&self.claims(subject))
    }

    /// Whether it takes somebody whom nobody binds or names.
    pub(super) fn takes_strangers(&self) -> Admittance {
        let stranger = other_stranger(self.trust);
        let (one, other) = (self.takes(STRANGER), self.takes(&stranger));
        let let_in = match (one, other) {
            (Admittance::No, Admittance::No) => return Admittance::No,
            (Admittance::No, _) => stranger.as_str(),
            (_, Admittance::No) => STRANGER,
            _ => return one.max(other),
        };
        // One that gets in by a pattern of its own namespace stands for that alone.
        if self.pinned().iter().any(|pattern| like(pattern, let_in)) {
            return Admittance::No;
        }
        one.max(other)
    }

    /// The values of `sub` that its policy names, patterns too.
    pub(super) fn pinned(&self) -> Vec<String> {
        pinned_subjects(self.trust, &self.claims(STRANGER))
    }

    /// Whether it takes a ServiceAccount that fits this pattern.
    pub(super) fn takes_like(&self, pattern: &str) -> Admittance {
        let filled = |with: &str| pattern.replace('*', with).replace('?', "x");
        // Where a star stands for a namespace and a name at once, it takes a colon to be a subject.
        let fitting = ["x", "x:x", ""].map(|with| self.takes(&filled(with)));
        fitting.into_iter().max().unwrap_or(Admittance::No)
    }
}
