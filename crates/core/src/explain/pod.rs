//! The pod as it is: whether it was injected, and which credentials its containers take.
//!
//! Sources for the order in which SDKs ask: their own documentation of the default provider chain; what the project tried is in
//! `docs/clients.md`.

use super::{
    check::CheckResult,
    evidence::{ContainerFacts, Expectation, Fact, PodFacts, Unseen, Variable},
};
use crate::text::{listed, shown};

const ROLE: &str = "AWS_ROLE_ARN";
const TOKEN_FILE: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";
/// Every SDK takes static keys of the environment before a web identity.
const STATIC_KEY: &str = "AWS_ACCESS_KEY_ID";
/// With a profile named, boto3 and the Go SDK do not look at the web identity of the environment (their sources).
const PROFILE: &str = "AWS_PROFILE";
const REGIONS: [&str; 2] = ["AWS_REGION", "AWS_DEFAULT_REGION"];
/// Names that are shown of a list of containers.
const SHOWN: usize = 4;
const RESTART: &str =
    "Delete the pod, or restart its workload (kubectl rollout restart): pods are injected when they are created.";

impl ContainerFacts {
    fn has(&self, variable: &str) -> bool {
        !matches!(self.variables.get(variable), None | Some(Variable::Value(_)))
            || matches!(self.variables.get(variable), Some(Variable::Value(text)) if !text.is_empty())
    }

    /// Whether it asks for a web identity.
    fn is_injected(&self) -> bool {
        self.has(ROLE) && self.has(TOKEN_FILE)
    }
}

/// The containers that injection is to reach.
fn meant(pod: &PodFacts) -> impl Iterator<Item = &ContainerFacts> {
    pod.containers.iter().filter(|container| !container.skipped)
}

fn names<'a>(containers: impl IntoIterator<Item = &'a ContainerFacts>) -> String {
    listed(containers.into_iter().map(|container| shown(&container.name)), SHOWN)
}

pub(super) fn injected(pod: &PodFacts) -> CheckResult {
    let without: Vec<&ContainerFacts> = meant(pod).filter(|container| !container.is_injected()).collect();
    if meant(pod).next().is_none() {
        CheckResult::fail(
            "The pod's annotation eks.amazonaws.com/skip-containers names all of its containers.",
            "Take the containers that need AWS out of the annotation, and create the pod again.",
        )
    } else if without.is_empty() {
        CheckResult::pass("Each container has AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE.")
    } else {
        left_out(pod).unwrap_or_else(|| left_alone(pod, &without))
    }
}

/// What keeps injection from the whole pod.
fn left_out(pod: &PodFacts) -> Option<CheckResult> {
    if let Some(label) = &pod.skipped_by {
        return Some(CheckResult::fail(
            format!(
                "The pod was not given a role, because it has the label {}.",
                shown(label)
            ),
            "Take the label out of the pod's template; a new pod then gets role and token.",
        ));
    }
    let Some(role) = &pod.account_role else {
        return Some(CheckResult::fail(
            "The pod was not given a role, because its ServiceAccount has none.",
            "Name the ServiceAccount in an IamRoleBinding of its namespace, and see its condition ServiceAccountsSynced; then restart the \
             pod.",
        ));
    };
    if let (Some(created), Some(since)) = (pod.created, pod.account_since)
        && created < since
    {
        return Some(CheckResult::fail(
            format!(
                "The pod is older than its ServiceAccount's role {}: it was created before the binding.",
                shown(role)
            ),
            RESTART,
        ));
    }
    match &pod.carrier {
        Some(Err(why)) => Some(CheckResult::fail(
            format!("The pod was not given a role, because nothing injects pods in this cluster: {why}."),
            "Install config/with-policy or config/with-webhook, or set injection.carrier of the chart; then restart the pod.",
        )),
        _ => None,
    }
}

/// Why these containers have no role, as far as the pod alone tells.
fn left_alone(pod: &PodFacts, without: &[&ContainerFacts]) -> CheckResult {
    if without.len() < meant(pod).count() {
        CheckResult::fail(
            format!(
                "These containers were given no role: {}.",
                names(without.iter().copied())
            ),
            "A container that mounts something of its own where the token belongs, or that sets one of the two variables itself, is left \
             alone: set both or neither, and free the path.",
        )
    } else {
        CheckResult::fail(
            "The pod was not given a role, and its ServiceAccount has one.",
            "Restart the pod: it was created while the webhook could not be reached, or in a namespace that is left out \
             (docs/injection.md).",
        )
    }
}

pub(super) fn own_credentials(pod: &PodFacts) -> Fact<CheckResult> {
    for variable in [STATIC_KEY, PROFILE] {
        let found: Vec<&ContainerFacts> = pod
            .containers
            .iter()
            .filter(|container| container.has(variable))
            .collect();
        if !found.is_empty() {
            return Ok(CheckResult::fail(
                format!(
                    "{} of {} comes before the role: SDKs do not look at the token then.",
                    variable,
                    names(found)
                ),
                format!("Take {variable} out of the container's env (and of what its envFrom names)."),
            ));
        }
    }
    let unseen: Vec<&ContainerFacts> = pod.containers.iter().filter(|container| container.env_from).collect();
    if unseen.is_empty() {
        Ok(CheckResult::pass(
            "No container has other credentials in its environment.",
        ))
    } else {
        Err(Unseen::because(format!(
            "the envFrom of {} may set {STATIC_KEY}, which would come before the role; see env | grep ^AWS_ in the container",
            names(unseen)
        )))
    }
}

pub(super) fn role(pod: &PodFacts, expected: &Expectation) -> Fact<CheckResult> {
    let mut hidden = Vec::new();
    let mut asking = 0;
    for container in meant(pod) {
        match container.variables.get(ROLE) {
            Some(Variable::Value(arn)) if *arn == expected.role_arn => asking += 1,
            Some(Variable::Value(arn)) => {
                return Ok(CheckResult::fail(
                    format!(
                        "{} asks for {}, and the binding's role is {}.",
                        shown(&container.name),
                        shown(arn),
                        shown(&expected.role_arn)
                    ),
                    "A container's own AWS_ROLE_ARN wins over ours: take it out of the container's env. If the binding's role has \
                     changed since, restart the pod.",
                ));
            }
            Some(Variable::Elsewhere) => hidden.push(container),
            None => {}
        }
    }
    if !hidden.is_empty() {
        return Err(Unseen::because(format!(
            "{ROLE} of {} comes from a Secret or ConfigMap",
            names(hidden)
        )));
    }
    if asking == 0 {
        return Err(Unseen::because("no container asks for a role"));
    }
    Ok(CheckResult::pass(format!(
        "The containers ask for {}.",
        shown(&expected.role_arn)
    )))
}

pub(super) fn token_file(pod: &PodFacts, expected: &Expectation) -> Fact<CheckResult> {
    let mut hidden = Vec::new();
    let mut found = 0;
    for container in meant(pod) {
        let file = match container.variables.get(TOKEN_FILE) {
            Some(Variable::Value(file)) => file,
            Some(Variable::Elsewhere) => {
                hidden.push(container);
                continue;
            }
            None => continue,
        };
        let name = shown(&container.name);
        match container.token_files.get(&spelled(file)) {
            Some(audience) if audience == expected.audience.as_str() => found += 1,
            Some(audience) => {
                return Ok(CheckResult::fail(
                    format!(
                        "The token in {} of {name} is for {}, and the binding's audience is {}.",
                        shown(file),
                        shown(audience),
                        expected.audience
                    ),
                    "Set the audience of the volume's serviceAccountToken to the binding's, or leave volume and variables to injection.",
                ));
            }
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
    if !hidden.is_empty() {
        return Err(Unseen::because(format!(
            "{TOKEN_FILE} of {} comes from a Secret or ConfigMap",
            names(hidden)
        )));
    }
    if found == 0 {
        return Err(Unseen::because("no container has a token file"));
    }
    Ok(CheckResult::pass(format!(
        "The token file is mounted, for {}.",
        expected.audience
    )))
}

/// A path as mounts are spelled: without a drive, with slashes.
fn spelled(file: &str) -> String {
    let file = file.replace('\\', "/");
    match file.split_once(':') {
        Some((drive, rest)) if drive.len() == 1 => rest.to_owned(),
        _ => file,
    }
}

pub(super) fn region(pod: &PodFacts) -> Fact<CheckResult> {
    let has_none = |container: &&ContainerFacts| REGIONS.iter().all(|name| !container.has(name));
    let without: Vec<&ContainerFacts> = meant(pod).filter(has_none).collect();
    let hidden: Vec<&ContainerFacts> = without.iter().copied().filter(|container| container.env_from).collect();
    Ok(if without.is_empty() {
        CheckResult::pass("Each container has a region.")
    } else if hidden.len() == without.len() {
        return Err(Unseen::because(format!(
            "the envFrom of {} may set a region",
            names(hidden)
        )));
    } else {
        CheckResult::fail(
            format!(
                "{} has no region: half of all clients then fail outside AWS, and some ask for nothing and send no signature.",
                names(without)
            ),
            "Set pods.region of the federation or of the binding (None injects none) and restart the pod, or set AWS_REGION and \
             AWS_DEFAULT_REGION in the container.",
        )
    })
}
