//! The pod: injected or not, and whose credentials its containers take.

use jiff::Timestamp;

use super::{
    super::{Check, CheckResult, ContainerFacts, LeftOut, Unseen, Variable},
    Case, Scene, explain,
    scene::{NOW, TOKEN_FILE, token_file},
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
            scene.pod().left_out = Ok(Some(LeftOut::PodLabel));
        },
        Check::PodInjected,
        "has the label eks.amazonaws.com/skip-pod-identity-webhook",
    ),
    (
        |scene| {
            strip(scene);
            scene.pod().account_role = Ok(None);
        },
        Check::PodInjected,
        "its ServiceAccount has none to give",
    ),
    (
        |scene| {
            strip(scene);
            scene.pod().created = Timestamp::from_second(NOW - 7000).ok();
        },
        Check::PodInjected,
        "older than what its ServiceAccount gives to pods",
    ),
    (
        |scene| {
            strip(scene);
            scene.pod().carrier = Ok(Err("There is no policy and no webhook.".to_owned()));
        },
        Check::PodInjected,
        "nothing injects pods in this cluster: There is no policy and no webhook.",
    ),
    (
        |scene| {
            let variables = &mut scene.container().variables;
            variables.remove("AWS_WEB_IDENTITY_TOKEN_FILE");
        },
        Check::PodInjected,
        "app sets AWS_ROLE_ARN itself",
    ),
    (strip, Check::PodInjected, "and its ServiceAccount has one to give"),
    (
        |scene| {
            let bare = ContainerFacts {
                name: "proxy".to_owned(),
                ..ContainerFacts::default()
            };
            scene.pod().containers.push(bare);
        },
        Check::ContainersLeftOut,
        "another one than the binding's: proxy",
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
        |scene| {
            strip(scene);
            scene.pod().left_out = Ok(Some(LeftOut::NamespaceLabel));
        },
        Check::PodInjected,
        "its namespace has the label irsa-anywhere.dev/inject=false",
    ),
    (
        |scene| {
            let files = &mut scene.container().token_files;
            for file in files.values_mut() {
                file.renewed = false;
            }
        },
        Check::TokenFile,
        "mounted by subPath",
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
            files.insert(TOKEN_FILE.to_owned(), token_file("vault"));
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

fn result(break_it: fn(&mut Scene), check: Check) -> CheckResult {
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
        assert!(matches!(result(elsewhere, check), CheckResult::Unknown(why) if why.contains("of app")));
    }
    assert!(result(elsewhere, Check::PodInjected).is_pass());
    let sourced = |scene: &mut Scene| {
        scene.container().env_from = vec![String::new()];
        scene.container().variables.retain(|name, _| !name.ends_with("REGION"));
    };
    for check in [Check::OwnCredentials, Check::PodRegion] {
        assert!(matches!(result(sourced, check), CheckResult::Unknown(why) if why.contains("envFrom of app")));
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
    assert!(result(windows, Check::TokenFile).is_pass());
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
        assert!(result(skipped, check).is_pass(), "{check}");
    }
}

#[test]
fn an_empty_variable_is_none() {
    assert!(result(|scene| set(scene, "AWS_ACCESS_KEY_ID", ""), Check::OwnCredentials).is_pass());
    assert!(result(|scene| set(scene, "AWS_ROLE_ARN", ""), Check::PodInjected).is_fail());
}

#[test]
fn one_container_with_a_role_is_enough_and_its_own_business_is_the_others() {
    let sidecars = |scene: &mut Scene| {
        let mut backup = scene.container().clone();
        backup.name = "backup".to_owned();
        backup.variables.clear();
        let key = ("AWS_ACCESS_KEY_ID".to_owned(), Variable::Hidden);
        backup.variables.extend([key]);
        let mut other = scene.container().clone();
        other.name = "other".to_owned();
        let arn = Variable::Value("arn:aws:iam::123456789012:role/other".to_owned());
        other.variables.insert("AWS_ROLE_ARN".to_owned(), arn);
        scene.pod().containers.extend([backup, other]);
    };
    for check in [
        Check::PodInjected,
        Check::OwnCredentials,
        Check::PodRole,
        Check::TokenFile,
    ] {
        assert!(result(sidecars, check).is_pass(), "{check}");
    }
    assert!(result(sidecars, Check::ContainersLeftOut).is_fail());
}

#[test]
fn what_may_not_be_seen_or_may_be_set_elsewhere_is_no_cause() {
    let hidden: [fn(&mut Scene); 4] = [
        |scene| scene.pod().account_role = Err(Unseen::because("forbidden")),
        |scene| scene.pod().left_out = Err(Unseen::because("forbidden")),
        |scene| scene.pod().carrier = Err(Unseen::because("forbidden")),
        |scene| scene.container().env_from = vec!["AWS_".to_owned()],
    ];
    for hide in hidden {
        let mut scene = Scene::sound();
        strip(&mut scene);
        hide(&mut scene);
        let explanation = explain(&scene.evidence());
        assert!(
            matches!(explanation.result(Check::PodInjected), Some(CheckResult::Unknown(_))),
            "{explanation:#?}"
        );
        assert_eq!(explanation.cause(), None);
    }
    let harmless = |scene: &mut Scene| scene.container().env_from = vec!["DB_".to_owned()];
    assert!(result(harmless, Check::OwnCredentials).is_pass());
    let profile = |scene: &mut Scene| set(scene, "AWS_PROFILE", "prod");
    assert!(matches!(
        result(profile, Check::OwnCredentials),
        CheckResult::Unknown(_)
    ));
}

#[test]
fn a_session_name_that_sts_does_not_take_is_found_in_whichever_container() {
    let mut scene = Scene::sound();
    set(&mut scene, "AWS_ROLE_SESSION_NAME", "app");
    let mut second = scene.container().clone();
    second
        .variables
        .insert("AWS_ROLE_SESSION_NAME".to_owned(), Variable::Value("a/b".to_owned()));
    scene.pod().containers.push(second);
    assert_eq!(scene.pod().session_name(), Ok(Some("a/b".to_owned())));
    scene.pod().containers.truncate(1);
    assert_eq!(scene.pod().session_name(), Ok(Some("app".to_owned())));
    assert_eq!(
        scene.pod().shown_audience(["vault", "sts.amazonaws.com"].into_iter()),
        Some("sts.amazonaws.com")
    );
}
