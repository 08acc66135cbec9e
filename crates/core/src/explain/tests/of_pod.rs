//! The pod: injected or not, and whose credentials its containers take.

use jiff::Timestamp;

use super::{
    super::{Check, CheckResult, ContainerFacts, Unseen, Variable},
    Case, Scene, explain,
    scene::{NOW, TOKEN_FILE},
    try_each,
};

fn strip(scene: &mut Scene) {
    scene.container().variables.clear();
}

fn set(scene: &mut Scene, name: &str, value: &str) {
    let value = Variable::Value(value.to_owned());
    scene.container().variables.insert(name.to_owned(), value);
}

pub(super) const CASES: &[Case] = &[
    (
        |scene| {
            strip(scene);
            scene.pod().skipped_by = Some("eks.amazonaws.com/skip-pod-identity-webhook".to_owned());
        },
        Check::PodInjected,
        "has the label eks.amazonaws.com/skip-pod-identity-webhook",
    ),
    (
        |scene| {
            strip(scene);
            scene.pod().account_role = None;
        },
        Check::PodInjected,
        "its ServiceAccount has none",
    ),
    (
        |scene| {
            strip(scene);
            scene.pod().created = Timestamp::from_second(NOW - 7000).ok();
        },
        Check::PodInjected,
        "older than its ServiceAccount's role",
    ),
    (
        |scene| {
            strip(scene);
            scene.pod().carrier = Some(Err(Unseen::because("there is no policy and no webhook")));
        },
        Check::PodInjected,
        "nothing injects pods in this cluster: there is no policy and no webhook.",
    ),
    (strip, Check::PodInjected, "and its ServiceAccount has one"),
    (
        |scene| {
            let bare = ContainerFacts {
                name: "proxy".to_owned(),
                ..ContainerFacts::default()
            };
            scene.pod().containers.push(bare);
        },
        Check::PodInjected,
        "given no role: proxy",
    ),
    (
        |scene| scene.container().skipped = true,
        Check::PodInjected,
        "names all of its containers",
    ),
    (
        |scene| set(scene, "AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
        Check::OwnCredentials,
        "AWS_ACCESS_KEY_ID of app",
    ),
    (
        |scene| {
            let elsewhere = Variable::Elsewhere;
            scene
                .container()
                .variables
                .insert("AWS_ACCESS_KEY_ID".to_owned(), elsewhere);
        },
        Check::OwnCredentials,
        "AWS_ACCESS_KEY_ID of app",
    ),
    (
        |scene| set(scene, "AWS_PROFILE", "prod"),
        Check::OwnCredentials,
        "AWS_PROFILE of app",
    ),
    (
        |scene| set(scene, "AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/mine"),
        Check::PodRole,
        "app asks for arn:aws:iam::123456789012:role/mine",
    ),
    (
        |scene| {
            set(
                scene,
                "AWS_WEB_IDENTITY_TOKEN_FILE",
                "/var/run/secrets/kubernetes.io/serviceaccount/token",
            );
        },
        Check::TokenFile,
        "no token is mounted there",
    ),
    (
        |scene| {
            let files = &mut scene.container().token_files;
            files.insert(TOKEN_FILE.to_owned(), "vault".to_owned());
        },
        Check::TokenFile,
        "is for vault",
    ),
    (
        |scene| {
            let variables = &mut scene.container().variables;
            variables.retain(|name, _| !name.ends_with("REGION"));
        },
        Check::PodRegion,
        "app has no region",
    ),
];

#[test]
fn each_fault_of_the_pod_is_named() {
    try_each(CASES);
}

fn verdict(break_it: fn(&mut Scene), check: Check) -> CheckResult {
    let mut scene = Scene::sound();
    break_it(&mut scene);
    explain(&scene.evidence()).result(check).cloned().unwrap()
}

#[test]
fn what_a_secret_may_hold_is_unknown() {
    let elsewhere = |scene: &mut Scene| {
        for name in ["AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"] {
            scene.container().variables.insert(name.to_owned(), Variable::Elsewhere);
        }
    };
    for check in [Check::PodRole, Check::TokenFile] {
        assert!(matches!(verdict(elsewhere, check), CheckResult::Unknown(why) if why.contains("of app")));
    }
    assert!(verdict(elsewhere, Check::PodInjected).is_pass());
    let sourced = |scene: &mut Scene| {
        scene.container().env_from = true;
        scene.container().variables.retain(|name, _| !name.ends_with("REGION"));
    };
    for check in [Check::OwnCredentials, Check::PodRegion] {
        assert!(matches!(verdict(sourced, check), CheckResult::Unknown(why) if why.contains("envFrom of app")));
    }
}

#[test]
fn a_path_of_windows_is_that_of_its_mount() {
    let windows = |scene: &mut Scene| {
        set(
            scene,
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            r"C:\var\run\secrets\eks.amazonaws.com\serviceaccount\token",
        );
    };
    assert!(verdict(windows, Check::TokenFile).is_pass());
}

#[test]
fn a_container_that_the_annotation_names_may_go_without() {
    let skipped = |scene: &mut Scene| {
        let bare = ContainerFacts {
            name: "proxy".to_owned(),
            skipped: true,
            ..ContainerFacts::default()
        };
        scene.pod().containers.push(bare);
    };
    for check in [Check::PodInjected, Check::PodRole, Check::TokenFile, Check::PodRegion] {
        assert!(verdict(skipped, check).is_pass(), "{check}");
    }
}

#[test]
fn an_empty_variable_is_none() {
    assert!(verdict(|scene| set(scene, "AWS_ACCESS_KEY_ID", ""), Check::OwnCredentials).is_pass());
    assert!(verdict(|scene| set(scene, "AWS_ROLE_ARN", ""), Check::PodInjected).is_fail());
}
