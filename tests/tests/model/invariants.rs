//! What must hold at every moment, checked on every call of the operator that took effect, at that moment.
//!
//! - Nothing foreign changes: roles, providers, objects and statements that do not carry our marks. What somebody put in
//!   the place of ours after the operator last read it is nobody's fault: IAM has no conditional writes.
//! - The operator writes no trust policy without both `sub` and `aud` pinned, but for the closed one.
//! - Roles and providers carry our tags from the call that makes them.
//! - The provider goes before the documents, and after the bindings' roles.
//! - No call of the operator gives a right to a subject that its binding never asked for under the guard-rails of that
//!   time, as far as the operator could know what the role was.

use std::collections::{BTreeMap, BTreeSet};

use irsa_testkit::{
    apiserver::MemoryApiServer,
    aws::{Access, Effect, InProcess, RoleState},
};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::{
    expectations::admitted,
    view::{
        View, document_keys, inline_right, is_our_object, is_our_provider, is_our_role, is_under_our_sid, rights_of,
        subjects,
    },
    wishes::{BindingWish, CLUSTER, FEDERATION, FederationWish, SLOTS, policy_arn, slot_name, slot_of},
};

/// A right of a subject within a boundary.
type Right = (String, String, Option<String>);

/// What the operator was last told of a role.
#[derive(Debug, Clone, Default)]
struct Told {
    ours: bool,
    id: String,
    subjects: BTreeSet<String>,
    boundary: Option<String>,
    rights: BTreeSet<String>,
}

fn held(role: &RoleState) -> BTreeSet<Right> {
    let rights = rights_of(role);
    let of = |subject: String| {
        let boundary = role.boundary.clone();
        rights
            .iter()
            .map(move |right| (subject.clone(), right.clone(), boundary.clone()))
            .collect::<Vec<_>>()
    };
    subjects(&role.trust).into_iter().flat_map(of).collect()
}

/// What everybody may have had a right to, what the operator was told, and what it did that it must not.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    view: View,
    allowed: Vec<BTreeSet<Right>>,
    boundaries: BTreeSet<Option<String>>,
    told: BTreeMap<String, Told>,
    provider_told_ours: bool,
    policy_told: Vec<Value>,
    /// What went wrong.
    pub(crate) violations: Vec<String>,
    /// Calls checked, so that nobody takes silence for a check.
    pub(crate) checked: usize,
}

impl Ledger {
    /// The world changed by somebody else's hand.
    pub(crate) fn look(&mut self, aws: &InProcess) {
        self.view = View::of(aws);
    }

    /// What Kubernetes asks for now.
    pub(crate) fn wished(
        &mut self,
        federation: Option<&FederationWish>,
        bindings: &[Option<BindingWish>],
        tenants: [bool; 2],
    ) {
        self.allowed.resize(SLOTS, BTreeSet::new());
        let Some(federation) = federation else { return };
        self.boundaries.insert(federation.boundary_arn());
        for (slot, wish) in bindings.iter().enumerate() {
            let Some(wish) = wish else { continue };
            let (namespace, _) = slot_name(slot);
            if !admitted(federation, wish, tenants[slot / 2]) {
                continue;
            }
            let managed = crate::wishes::chosen(wish.managed, &crate::wishes::POLICIES).map(policy_arn);
            let inline = (wish.inline > 0)
                .then(|| inline_right("own", &crate::wishes::inline_document(wish.inline).to_string()));
            let rights: Vec<String> = managed.chain(inline).collect();
            for account in wish.account_names() {
                let subject = format!("system:serviceaccount:{namespace}:{account} {}", wish.audience());
                let new = rights
                    .iter()
                    .map(|right| (subject.clone(), right.clone(), federation.boundary_arn()));
                self.allowed[slot].extend(new);
            }
        }
    }

    /// The operator made a call, and it took effect.
    pub(crate) fn happened(&mut self, aws: &InProcess, api: &MemoryApiServer, effect: &Effect<'_>) {
        if effect.caller.is_none_or(|caller| caller.ends_with(":root")) {
            return;
        }
        match effect.access {
            Access::Read => self.was_told(effect),
            Access::Write => {
                let now = View::of(aws);
                if let Ok(_done) = effect.outcome {
                    self.checked += 1;
                    let before = std::mem::replace(&mut self.view, now);
                    let after = self.view.clone();
                    self.check(api, effect, &before, &after);
                }
            }
        }
    }

    fn was_told(&mut self, effect: &Effect<'_>) {
        let Ok(body) = effect.outcome else { return };
        let body = String::from_utf8_lossy(body);
        match effect.operation {
            "iam:GetRole" => {
                let role = Told {
                    ours: has_our_tags(&body) && has_tag(&body, "namespace", None) && has_tag(&body, "name", None),
                    id: elements(&body, "RoleId").next().unwrap_or_default().to_owned(),
                    subjects: elements(&body, "AssumeRolePolicyDocument")
                        .map(|trust| percent_decode_str(trust).decode_utf8_lossy().into_owned())
                        .flat_map(|trust| subjects(&trust))
                        .collect(),
                    boundary: elements(&body, "PermissionsBoundaryArn").next().map(str::to_owned),
                    rights: BTreeSet::new(),
                };
                self.told.insert(effect.resource.to_owned(), role);
            }
            "iam:ListAttachedRolePolicies" => {
                let rights = elements(&body, "PolicyArn").map(str::to_owned);
                self.told
                    .entry(effect.resource.to_owned())
                    .or_default()
                    .rights
                    .extend(rights);
            }
            "iam:GetRolePolicy" => {
                let name = elements(&body, "PolicyName").next().unwrap_or_default();
                let text = elements(&body, "PolicyDocument").next().unwrap_or_default();
                let right = inline_right(name, &percent_decode_str(text).decode_utf8_lossy());
                self.told
                    .entry(effect.resource.to_owned())
                    .or_default()
                    .rights
                    .insert(right);
            }
            "iam:GetOpenIDConnectProvider" => self.provider_told_ours = has_our_tags(&body),
            "s3:GetBucketPolicy" => self.policy_told = self.view.statements.clone(),
            _ => {}
        }
    }

    fn violated(&mut self, effect: &Effect<'_>, what: &str) {
        self.violations
            .push(format!("{} of {}: {what}", effect.operation, effect.resource));
    }

    fn check(&mut self, api: &MemoryApiServer, effect: &Effect<'_>, before: &View, after: &View) {
        let names: BTreeSet<&String> = before.roles.keys().chain(after.roles.keys()).collect();
        for name in names {
            let (was, is) = (before.roles.get(name), after.roles.get(name));
            if was != is {
                self.check_role(effect, name, was, is);
            }
        }
        let arns: BTreeSet<&String> = before.providers.keys().chain(after.providers.keys()).collect();
        for arn in arns {
            let (was, is) = (before.providers.get(arn), after.providers.get(arn));
            if was == is {
                continue;
            }
            if was.is_some_and(|was| !is_our_provider(arn, was)) && !self.provider_told_ours {
                self.violated(effect, &format!("the foreign provider {arn} changed"));
            }
            if was.is_none() && is.is_some_and(|is| !is_our_provider(arn, is)) {
                self.violated(effect, "a provider without our tags was made");
            }
        }
        if effect.operation == "iam:DeleteOpenIDConnectProvider" {
            let bound = api.list("/apis/irsa-anywhere.dev/v1alpha1/iamrolebindings");
            if bound.iter().any(|binding| !binding["status"]["roleArn"].is_null()) {
                self.violated(effect, "the provider of bindings that have roles was deleted");
            }
        }
        self.check_objects(api, effect, before, after);
        let foreign = |statements: &[Value]| -> Vec<Value> {
            let foreign = statements.iter().filter(|statement| !is_under_our_sid(statement));
            foreign.cloned().collect()
        };
        if before.statements != after.statements && foreign(&self.policy_told) != foreign(&after.statements) {
            self.violated(effect, &format!("foreign statements changed: {:?}", after.statements));
        }
    }

    fn check_objects(&mut self, api: &MemoryApiServer, effect: &Effect<'_>, before: &View, after: &View) {
        let keys: BTreeSet<&String> = before.objects.keys().chain(after.objects.keys()).collect();
        for key in keys {
            let (was, is) = (before.objects.get(key), after.objects.get(key));
            if was == is {
                continue;
            }
            let ours = was.is_none_or(|(_, metadata)| is_our_object(key, metadata));
            let published = api
                .get(FEDERATION)
                .is_some_and(|federation| !federation["status"]["published"].is_null());
            let repaired = is.is_some() && published && document_keys().contains(key);
            if !ours && !repaired {
                self.violated(effect, &format!("the foreign object {key} changed"));
            }
            if is.is_some_and(|(_, metadata)| !is_our_object(key, metadata)) {
                self.violated(effect, &format!("{key} was written without our metadata"));
            }
            let registered = after
                .providers
                .iter()
                .any(|(arn, provider)| is_our_provider(arn, provider));
            if is.is_none() && registered {
                self.violated(effect, &format!("{key} was deleted while the provider was registered"));
            }
        }
    }

    fn check_role(&mut self, effect: &Effect<'_>, name: &str, was: Option<&RoleState>, is: Option<&RoleState>) {
        let told = self.told.get(name).cloned().unwrap_or_default();
        if let Some(was) = was.filter(|was| !is_our_role(was)) {
            // It was ours when the operator last looked: somebody put another in its place, or took the tags off, since.
            let since = told.ours;
            if !since {
                self.violated(effect, &format!("the foreign role {name} changed; it was {was:?}"));
            }
            return;
        }
        let Some(is) = is else {
            self.told.remove(name);
            return;
        };
        if was.is_none() && !is_our_role(is) {
            self.violated(effect, &format!("a role without our tags was made: {:?}", is.tags));
        }
        let open = subjects(&is.trust);
        if was.is_none_or(|was| was.trust != is.trust) && open.contains("anybody") {
            self.violated(
                effect,
                &format!("a trust policy that does not pin sub and aud was written: {}", is.trust),
            );
        }
        let known_boundary =
            was.is_none_or(|was| was.boundary == is.boundary) || self.boundaries.contains(&is.boundary);
        if !known_boundary {
            self.violated(effect, &format!("nobody asked for the boundary {:?}", is.boundary));
        }
        self.check_rights(effect, name, &told, was, is);
        let mine = self.told.entry(name.to_owned()).or_default();
        mine.ours = true;
        mine.id.clone_from(&is.id);
        if was.is_none_or(|was| was.trust != is.trust) {
            mine.subjects = open;
        }
        if was.is_none_or(|was| was.boundary != is.boundary) {
            mine.boundary.clone_from(&is.boundary);
        }
        let (had, has) = (was.map(rights_of).unwrap_or_default(), rights_of(is));
        mine.rights.retain(|right| has.contains(right) || !had.contains(right));
        mine.rights.extend(has.difference(&had).cloned());
    }

    fn check_rights(&mut self, effect: &Effect<'_>, name: &str, told: &Told, was: Option<&RoleState>, is: &RoleState) {
        let slot = slot_of(name).unwrap_or_default();
        let had = was.map(held).unwrap_or_default();
        let (old_rights, old_subjects) = (
            was.map(rights_of).unwrap_or_default(),
            was.map(|was| subjects(&was.trust)).unwrap_or_default(),
        );
        // A boundary only takes away from what there was without one.
        let had_it = |right: &Right| had.contains(right) || had.contains(&(right.0.clone(), right.1.clone(), None));
        let gained = held(is).into_iter().filter(|right| !had_it(right));
        // What the operator gave in this call it knows; of what was there before, only what it was told.
        let knew = |(subject, right, boundary): &Right| {
            (told.subjects.contains(subject) || !old_subjects.contains(subject))
                && (told.rights.contains(right) || !old_rights.contains(right))
                && (told.boundary == *boundary || was.is_none_or(|was| was.boundary != *boundary))
        };
        let asked = self.allowed.get(slot).cloned().unwrap_or_default();
        let allowed =
            |right: &Right| asked.contains(right) || asked.contains(&(right.0.clone(), right.1.clone(), None));
        let wide: Vec<Right> = gained.filter(|right| knew(right) && !allowed(right)).collect();
        if !wide.is_empty() {
            self.violated(effect, &format!("rights that nobody ever asked for: {wide:?}"));
        }
    }
}

fn elements<'a>(body: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let mut rest = body;
    std::iter::from_fn(move || {
        let (_, after) = rest.split_once(&open)?;
        let (text, after) = after.split_once(&close)?;
        rest = after;
        Some(text)
    })
}

fn has_tag(body: &str, name: &str, value: Option<&str>) -> bool {
    let key = format!("<Key>irsa-anywhere.dev/{name}</Key>");
    value.map_or_else(
        || body.contains(&key),
        |value| {
            let mut tags = body.split(&key).skip(1);
            tags.any(|rest| rest.trim_start().starts_with(&format!("<Value>{value}</Value>")))
        },
    )
}

fn has_our_tags(body: &str) -> bool {
    has_tag(body, "cluster", Some(CLUSTER)) && has_tag(body, "federation", Some("default"))
}
