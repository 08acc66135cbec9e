//! The pod as it is: whether it was injected, and which credentials its containers take.
//!
//! Sources for the order in which SDKs ask: their own documentation of the default provider chain. With a profile named, botocore 1.44.5 and
//! the Go SDK (config 1.33.18) were seen to take the web identity all the same; of others it is not known here.

use super::{
    check::CheckResult,
    evidence::{ContainerFacts, Expectation, Fact, LeftOut, PodFacts, Unseen, Variable},
    role::is_session_name,
};
use crate::{
    text::{listed, shown},
    vocabulary::{EKS_SKIP_CONTAINERS, EKS_SKIP_POD, INJECT_LABEL},
};

pub(super) const ROLE: &str = "AWS_ROLE_ARN";
pub(super) const TOKEN_FILE: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";
pub(super) const SESSION: &str = "AWS_ROLE_SESSION_NAME";
pub(super) const REGIONS: [&str; 2] = ["AWS_REGION", "AWS_DEFAULT_REGION"];
/// Every SDK takes static keys of the environment before a web identity.
pub(super) const STATIC_KEY: &str = "AWS_ACCESS_KEY_ID";
/// What leads some SDKs to other credentials before a web identity, and others not: an old name of the key, and files (JavaScript and Rust, by
/// their documentation).
pub(super) const PROFILES: [&str; 5] = [
    "AWS_ACCESS_KEY",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_CONFIG_FILE",
];
/// Names that are shown of a list of containers.
const SHOWN: usize = 4;
const RESTART: &str =
    "Delete the pod, or restart its workload (kubectl rollout restart): pods are injected when they are created.";

impl ContainerFacts {
    fn has(&self, variable: &str) -> bool {
        match self.variables.get(variable) {
            None => false,
            Some(Variable::Value(text)) => !text.is_empty(),
            Some(Variable::Hidden | Variable::Elsewhere) => true,
        }
    }

    /// Whether something that is not seen may set the variable.
    fn may_have(&self, variable: &str) -> bool {
        self.env_from.iter().any(|prefix| variable.starts_with(prefix.as_str()))
    }

    /// Whether it asks for a web identity.
    fn is_injected(&self) -> bool {
        self.has(ROLE) && self.has(TOKEN_FILE)
    }
}

impl PodFacts {
    /// The containers that injection is to reach.
    fn meant(&self) -> impl Iterator<Item = &ContainerFacts> {
        self.containers.iter().filter(|container| !container.skipped)
    }

    /// Those of them that ask for a web identity.
    fn asking(&self) -> impl Iterator<Item = &ContainerFacts> {
        self.meant().filter(|container| container.is_injected())
    }

    /// The session name that a container asks for: one that STS does not take, if there is such, or else the first.
    ///
    /// # Errors
    /// It comes from where nobody looks.
    pub fn session_name(&self) -> Fact<Option<String>> {
        let mut first = None;
        for container in self.asking() {
            match container.variables.get(SESSION) {
                Some(Variable::Value(name)) if !name.is_empty() && !is_session_name(name) => {
                    return Ok(Some(name.clone()));
                }
                Some(Variable::Value(name)) if !name.is_empty() => {
                    first.get_or_insert_with(|| name.clone());
                }
                Some(Variable::Hidden | Variable::Elsewhere) => {
                    return Err(Unseen::because(format!(
                        "{SESSION} of {} comes from elsewhere",
                        names([container])
                    )));
                }
                _ => {}
            }
        }
        Ok(first)
    }

    /// The audience of the token that a container of the pod shows, if it is one of these.
    pub fn shown_audience<'a>(&'a self, mut of: impl Iterator<Item = &'a str>) -> Option<&'a str> {
        let mut shown = self
            .asking()
            .filter_map(|container| match container.variables.get(TOKEN_FILE)? {
                Variable::Value(file) => container.token_files.get(&spelled(file)),
                Variable::Hidden | Variable::Elsewhere => None,
            });
        let shown = shown.next()?;
        of.find(|audience| *audience == shown.audience)
    }
}

fn names<'a>(containers: impl IntoIterator<Item = &'a ContainerFacts>) -> String {
    listed(containers.into_iter().map(|container| shown(&container.name)), SHOWN)
}

pub(super) fn injected(pod: &PodFacts) -> Fact<CheckResult> {
    if pod.meant().next().is_none() {
        return Ok(CheckResult::fail(
            format!("The pod's annotation {EKS_SKIP_CONTAINERS} names all of its containers."),
            "Take the containers that need AWS out of the annotation, and create the pod again.",
        ));
    }
    if pod.asking().next().is_some() {
        return Ok(CheckResult::pass(format!(
            "{} is told its role and where its token is.",
            names(pod.asking())
        )));
    }
    if let Some((container, variable)) = half_set(pod) {
        return Ok(CheckResult::fail(
            format!(
                "{} sets {variable} itself, so injection leaves it alone, and the other of the two is missing.",
                names([container])
            ),
            format!(
                "Take {variable} out of the container's env (injection then gives it both), or set {ROLE} and {TOKEN_FILE}."
            ),
        ));
    }
    let hidden: Vec<&ContainerFacts> = pod.meant().filter(|container| container.may_have(ROLE)).collect();
    if !hidden.is_empty() {
        return Err(Unseen::because(format!(
            "the envFrom of {} may set {ROLE}",
            names(hidden)
        )));
    }
    if let Some(why) = kept_out(pod.left_out.clone()?) {
        return Ok(why);
    }
    let Some(role) = pod.account_role.clone()? else {
        return Ok(CheckResult::fail(
            "The pod was not given a role, because its ServiceAccount has none to give.",
            "See the binding's condition ServiceAccountsSynced, and the ServiceAccount's annotations; then restart the pod.",
        ));
    };
    if let Err(why) = pod.carrier.clone()? {
        return Ok(CheckResult::fail(
            format!("The pod was not given a role, because nothing injects pods in this cluster: {why}"),
            "Install config/with-policy or config/with-webhook, or set injection.carrier of the chart; then restart the pod.",
        ));
    }
    if let (Some(created), Some(changed)) = (pod.created, pod.account_changed)
        && created < changed
    {
        return Ok(CheckResult::fail(
            format!(
                "The pod is older than what its ServiceAccount gives to pods, the role {}: that was last changed after the pod was created.",
                shown(&role)
            ),
            RESTART,
        ));
    }
    Ok(CheckResult::fail(
        "The pod was not given a role, and its ServiceAccount has one to give.",
        "Restart the pod: it was created while the webhook could not be reached, or before admission knew of the ServiceAccount's role. \
         Where a container mounts something of its own at the token's place, free the path (docs/injection.md).",
    ))
}

/// A container that has one of the two variables alone, and which.
fn half_set(pod: &PodFacts) -> Option<(&ContainerFacts, &'static str)> {
    pod.meant()
        .find_map(|container| match (container.has(ROLE), container.has(TOKEN_FILE)) {
            (true, false) => Some((container, ROLE)),
            (false, true) => Some((container, TOKEN_FILE)),
            _ => None,
        })
}

/// What somebody has asked for.
fn kept_out(left_out: Option<LeftOut>) -> Option<CheckResult> {
    Some(match left_out? {
        LeftOut::PodLabel => CheckResult::fail(
            format!("The pod was not given a role, because it has the label {EKS_SKIP_POD}."),
            "Take the label out of the pod's template; a new pod then gets role and token.",
        ),
        LeftOut::NamespaceLabel => CheckResult::fail(
            format!("The pod was not given a role, because its namespace has the label {INJECT_LABEL}=false."),
            "Take the label off the namespace, and restart the pod.",
        ),
    })
}

pub(super) fn left_out_containers(pod: &PodFacts, expected: &Expectation) -> CheckResult {
    let is_other = |container: &&ContainerFacts| match container.variables.get(ROLE) {
        Some(Variable::Value(arn)) => *arn != expected.role_arn || !container.is_injected(),
        _ => !container.is_injected(),
    };
    let others: Vec<&ContainerFacts> = pod.meant().filter(is_other).collect();
    if others.is_empty() || pod.asking().next().is_none() {
        return CheckResult::pass("Every container that injection is to reach has the role, or none has.");
    }
    CheckResult::fail(
        format!(
            "These containers have no role, or another one than the binding's: {}.",
            names(others)
        ),
        "If one of them needs it: a container that mounts something of its own where the token belongs, or that sets one of the two \
         variables itself, is left alone, and so is one that was added after injection.",
    )
}

pub(super) fn own_credentials(pod: &PodFacts) -> Fact<CheckResult> {
    let found: Vec<&ContainerFacts> = pod.asking().filter(|container| container.has(STATIC_KEY)).collect();
    if !found.is_empty() {
        return Ok(CheckResult::fail(
            format!(
                "{STATIC_KEY} of {} comes before the role: SDKs do not look at the token then.",
                names(found)
            ),
            format!("Take {STATIC_KEY} out of the container's env (and of what its envFrom names)."),
        ));
    }
    let hidden: Vec<&ContainerFacts> = pod
        .asking()
        .filter(|container| container.may_have(STATIC_KEY))
        .collect();
    if !hidden.is_empty() {
        return Err(Unseen::because(format!(
            "the envFrom of {} may set {STATIC_KEY}, which would come before the role; see env | grep ^AWS_ in the container",
            names(hidden)
        )));
    }
    for variable in PROFILES {
        let found: Vec<&ContainerFacts> = pod.asking().filter(|container| container.has(variable)).collect();
        if !found.is_empty() {
            return Err(Unseen::because(format!(
                "{variable} of {} leads some SDKs to other credentials before the role, and others not",
                names(found)
            )));
        }
    }
    Ok(CheckResult::pass(
        "No container that has a role has other credentials in its environment.",
    ))
}

pub(super) fn role(pod: &PodFacts, expected: &Expectation) -> Fact<CheckResult> {
    let mut hidden = Vec::new();
    let mut other = None;
    let mut asks = false;
    for container in pod.asking() {
        match container.variables.get(ROLE) {
            Some(Variable::Value(arn)) if *arn == expected.role_arn => asks = true,
            Some(Variable::Value(arn)) => other = other.or(Some((container, arn))),
            _ => hidden.push(container),
        }
    }
    match (asks, other) {
        (true, _) => Ok(CheckResult::pass(format!(
            "The pod asks for {}.",
            shown(&expected.role_arn)
        ))),
        (false, Some((container, arn))) => Ok(CheckResult::fail(
            format!(
                "{} asks for {}, and the binding's role is {}.",
                shown(&container.name),
                shown(arn),
                shown(&expected.role_arn)
            ),
            "A container's own AWS_ROLE_ARN wins over ours: take it out of the container's env. If the binding's role has changed since, \
             restart the pod.",
        )),
        (false, None) if hidden.is_empty() => Err(Unseen::because("no container asks for a role")),
        (false, None) => Err(Unseen::because(format!(
            "{ROLE} of {} comes from elsewhere",
            names(hidden)
        ))),
    }
}

pub(super) fn token_file(pod: &PodFacts, expected: &Expectation) -> Fact<CheckResult> {
    let mut hidden = Vec::new();
    let mut found = None;
    for container in pod.asking() {
        let Some(Variable::Value(file)) = container.variables.get(TOKEN_FILE) else {
            hidden.push(container);
            continue;
        };
        let name = shown(&container.name);
        let token = container.token_files.get(&spelled(file));
        let is_bound = |audience: &str| expected.audiences.iter().any(|bound| bound.as_str() == audience);
        match token {
            Some(token) if !is_bound(&token.audience) => {
                return Ok(CheckResult::fail(
                    format!(
                        "The token in {} of {name} is for {}, and the binding's audience is {}.",
                        shown(file),
                        shown(&token.audience),
                        listed(expected.audiences.iter(), SHOWN)
                    ),
                    "Set the audience of the volume's serviceAccountToken to the binding's, or leave volume and variables to injection.",
                ));
            }
            Some(token) if !token.renewed => {
                return Ok(CheckResult::fail(
                    format!(
                        "The token in {} of {name} is mounted by subPath, so the kubelet never renews it.",
                        shown(file)
                    ),
                    "Mount the whole volume, without subPath.",
                ));
            }
            Some(token) => found = Some(&token.audience),
            None => {
                return Ok(CheckResult::fail(
                    format!(
                        "{TOKEN_FILE} of {name} is {}, and no token is mounted there.",
                        shown(file)
                    ),
                    "A container's own variable wins over ours: take it out, or mount a projected serviceAccountToken there.",
                ));
            }
        }
    }
    match (found, hidden.is_empty()) {
        (Some(audience), true) => Ok(CheckResult::pass(format!(
            "The token file is mounted, for {}.",
            shown(audience)
        ))),
        (None, true) => Err(Unseen::because("no container has a token file")),
        (_, false) => Err(Unseen::because(format!(
            "{TOKEN_FILE} of {} comes from elsewhere",
            names(hidden)
        ))),
    }
}

/// A path as those of mounts are spelled here: without a drive, with slashes, none at its end.
pub(super) fn spelled(file: &str) -> String {
    let file = file.replace('\\', "/");
    let file = match file.split_once(':') {
        Some((drive, rest)) if drive.len() == 1 => rest.to_owned(),
        _ => file,
    };
    file.trim_end_matches('/').to_owned()
}

pub(super) fn region(pod: &PodFacts) -> Fact<CheckResult> {
    let has_none = |container: &&ContainerFacts| REGIONS.iter().all(|name| !container.has(name));
    let without: Vec<&ContainerFacts> = pod.asking().filter(has_none).collect();
    let hides = |container: &&ContainerFacts| REGIONS.iter().any(|name| container.may_have(name));
    let (hidden, bare): (Vec<&ContainerFacts>, Vec<&ContainerFacts>) = without.into_iter().partition(hides);
    if !bare.is_empty() {
        return Ok(CheckResult::fail(
            format!(
                "{} has no region: half of all clients then fail outside AWS, and some ask for nothing and send no signature.",
                names(bare)
            ),
            "Set pods.region of the federation or of the binding (None injects none) and restart the pod, or set AWS_REGION and \
             AWS_DEFAULT_REGION in the container.",
        ));
    }
    if hidden.is_empty() {
        Ok(CheckResult::pass("Each container that has a role has a region."))
    } else {
        Err(Unseen::because(format!(
            "the envFrom of {} may set a region",
            names(hidden)
        )))
    }
}
