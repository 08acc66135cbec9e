//! What is added to a pod.

use std::borrow::Cow;

use super::{
    container::{InjectedContainer, TOKEN, target},
    patch::{Entry, List, PatchOperation, Token, append, prepend},
    pod::{ContainerView, PodView},
    settings::InjectionSettings,
};

/// Names of our volume: the AWS webhook's, and another where a pod has something else of that name.
const VOLUME_NAMES: [&str; 2] = ["aws-iam-token", "irsa-anywhere-token"];
/// Of one container.
const MOST_VARIABLES: usize = 7;
/// Characters that a session name may have (STS `AssumeRoleWithWebIdentity`).
const SESSION_NAME: std::ops::RangeInclusive<usize> = 2..=64;

/// What is added to a pod of a ServiceAccount with these settings, when the pod is created.
///
/// **Guarantees.** A valid pod stays valid, and nothing in it changes. Each container has an identity that works, or gets neither
/// role nor token file. A pod that was given everything gets nothing more.
pub fn inject<'a>(pod: &'a PodView<'a>, settings: &'a InjectionSettings) -> Vec<PatchOperation<'a>> {
    let mut patch = Vec::new();
    if pod.is_skipped() {
        return patch;
    }
    let tokens = pod.token_files(settings.audience());
    // The first name that no other volume has, or that a volume has which is as ours would be.
    let volume = VOLUME_NAMES
        .into_iter()
        .find(|name| !pod.volumes().iter().any(|volume| volume.name == *name) || tokens.get(name) == Some(&TOKEN));
    let skipped = pod.skipped_containers();
    let lists = [
        ("containers", &pod.spec.containers),
        ("initContainers", &pod.spec.init_containers),
    ];
    let targets: Vec<(&str, usize, InjectedContainer<'_>)> = lists
        .into_iter()
        .flat_map(|(list, containers)| {
            let numbered = containers.iter().flatten().enumerate();
            numbered.map(move |(index, container)| (list, index, container))
        })
        .filter(|(_, _, container)| !skipped.contains(container.name.as_str()))
        .filter_map(|(list, index, container)| {
            let target = target(container, &tokens, volume.is_some(), pod.is_windows())?;
            Some((list, index, target))
        })
        .collect();
    if let Some(name) = volume
        && targets.iter().any(|(_, _, target)| target.mount.is_some())
        && !pod.volumes().iter().any(|volume| volume.name == name)
    {
        add_volume(pod, name, settings, &mut patch);
    }
    for (containers, index, target) in targets {
        let mount = target.mount.zip(volume).map(|(mount_path, name)| Entry::Mount {
            name,
            read_only: true,
            mount_path,
        });
        let [mounts, env] = ["volumeMounts", "env"].map(|list| List::OfContainer(containers, index, list));
        let [has_mounts, has_env] = [target.container.volume_mounts.is_some(), target.container.env.is_some()];
        append(mounts, has_mounts, mount.into_iter().collect(), &mut patch);
        append(env, has_env, variables(pod, target, settings), &mut patch);
    }
    patch
}

/// First in the list, as the AWS webhook does.
fn add_volume<'a>(
    pod: &PodView<'_>,
    name: &'static str,
    settings: &'a InjectionSettings,
    patch: &mut Vec<PatchOperation<'a>>,
) {
    let token = Token {
        audience: settings.audience(),
        expiration_seconds: settings.expiration(pod.wanted_expiration()),
        path: TOKEN,
    };
    let has_volumes = pod.spec.volumes.is_some();
    prepend(List::Volumes, has_volumes, Entry::volume(name, token), patch);
}

/// At the end of the container's list, so that no `$(NAME)` in its own variables changes its meaning; what it sets itself wins.
fn variables<'a>(pod: &PodView<'_>, target: InjectedContainer<'a>, settings: &'a InjectionSettings) -> Vec<Entry<'a>> {
    let container: &ContainerView<'_> = target.container;
    let mut variables = Vec::with_capacity(MOST_VARIABLES);
    let mut set = |name: &'static str, value: Cow<'a, str>| {
        if !container.sets(name) {
            variables.push(Entry::variable(name, value));
        }
    };
    if settings.regional_sts {
        set("AWS_STS_REGIONAL_ENDPOINTS", "regional".into());
    }
    if let Some(region) = settings.region.as_deref().filter(|_| !container.may_have_region()) {
        set("AWS_DEFAULT_REGION", region.into());
        set("AWS_REGION", region.into());
    }
    if let Some(file) = target.token_file {
        set("AWS_ROLE_ARN", Cow::Borrowed(&settings.role_arn));
        let file = if pod.is_windows() {
            windows_path(&file).into()
        } else {
            file
        };
        set("AWS_WEB_IDENTITY_TOKEN_FILE", file);
        let session = "AWS_ROLE_SESSION_NAME";
        if settings.session_of_pod && !container.sets(session) {
            variables.push(Entry::field(session, session_field(pod)));
        }
    }
    let no_metadata = "AWS_EC2_METADATA_DISABLED";
    if settings.no_instance_metadata && !container.sets(no_metadata) {
        variables.push(Entry::variable(no_metadata, "true"));
    }
    variables
}

/// A name that the API server makes of `generateName` is not known yet, and has 6 to 63 characters; the UID has 36.
fn session_field(pod: &PodView<'_>) -> &'static str {
    match pod.metadata.name.as_deref() {
        None | Some("") => "metadata.name",
        Some(name) if SESSION_NAME.contains(&name.chars().count()) => "metadata.name",
        Some(_) => "metadata.uid",
    }
}

/// As Windows writes it.
fn windows_path(file: &str) -> String {
    let drive = if file.starts_with(['/', '\\']) { "C:" } else { "" };
    format!("{drive}{}", file.replace('/', "\\"))
}
