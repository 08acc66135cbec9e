//! Whatever pod comes: a valid one stays valid, whoever had an identity keeps it, and everybody else gets one that works
//! or nothing at all.

use futures::{StreamExt, stream};
use irsa_core::vocabulary::{EKS_ROLE_ARN, INJECT_LABEL, INJECT_LABEL_MANUAL};
use serde_json::{Value, json};

use crate::{
    bench::{Bench, REGION, ROLE_ARN, settings, variable, volume},
    filesystem::FileSystem,
    random::{Dice, annotations, pod},
};

const PODS: u64 = 160;
const AUDIENCE: &str = "sts.amazonaws.com";
const ARN: &str = "AWS_ROLE_ARN";
const FILE: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";

/// How it ended for the containers of a pod.
#[derive(Debug, Default, Clone, Copy)]
struct Tally {
    invalid: usize,
    kept: usize,
    given: usize,
    nothing: usize,
    left_out: usize,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_valid_pod_stays_valid_and_each_container_has_an_identity_that_works_or_nothing() {
    let bench = Bench::new("property").await;
    bench.bind("app", &settings()).await;
    bench.service_account("unbound", json!({}), json!({})).await;
    let tallies: Vec<Tally> = stream::iter(0..PODS)
        .map(|seed| judge(&bench, seed))
        .buffer_unordered(4)
        .collect()
        .await;
    let total = |of: fn(&Tally) -> usize| tallies.iter().map(of).sum::<usize>();
    // That the pods were worth it: all ends were met.
    assert!(total(|tally| tally.invalid) < tallies.len() / 3, "{tallies:?}");
    assert!(total(|tally| tally.given) > 60, "{tallies:?}");
    let ends: [fn(&Tally) -> usize; 3] = [|tally| tally.kept, |tally| tally.nothing, |tally| tally.left_out];
    for of in ends {
        assert!(total(of) >= 10, "{tallies:?}");
    }
}

const ACCOUNTS: u64 = 24;
const PODS_OF_AN_ACCOUNT: u64 = 6;

/// That the carriers agree is what each admission of the bench checks.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_service_accounts_and_pods_say_the_carriers_make_the_same_of_it() {
    let bench = Bench::new("agreement").await;
    let labels = json!({INJECT_LABEL: INJECT_LABEL_MANUAL});
    for account in 0..ACCOUNTS {
        let mut said = annotations(&mut Dice::new(account + 1_000));
        said[EKS_ROLE_ARN] = json!(ROLE_ARN);
        bench
            .service_account(&format!("app-{account}"), labels.clone(), said)
            .await;
    }
    // Known to admission later than all of them.
    bench.bind("last", &[]).await;
    let injected: Vec<bool> = stream::iter(0..ACCOUNTS * PODS_OF_AN_ACCOUNT)
        .map(async |seed| {
            let dice = &mut Dice::new(seed + 10_000);
            let mut asked = pod(dice);
            asked["spec"]["serviceAccountName"] = json!(format!("app-{}", seed % ACCOUNTS));
            asked["metadata"]["annotations"] = annotations(dice);
            let reply = bench.try_admit(&asked).await;
            reply.is_success() && volume(&reply.body).is_some()
        })
        .buffer_unordered(4)
        .collect()
        .await;
    let count = injected.iter().filter(|injected| **injected).count();
    assert!(
        count > injected.len() / 4,
        "{count} of {} are worth a comparison",
        injected.len()
    );
}

async fn judge(bench: &Bench, seed: u64) -> Tally {
    let asked = pod(&mut Dice::new(seed));
    let mut unbound = asked.clone();
    unbound["spec"]["serviceAccountName"] = json!("unbound");
    let before = bench.try_admit(&unbound).await;
    if !before.is_success() {
        return Tally {
            invalid: 1,
            ..Tally::default()
        };
    }
    let reply = bench.try_admit(&asked).await;
    assert!(
        reply.is_success(),
        "seed {seed} is refused: {}\n{asked:#}",
        reply.message()
    );
    let mut tally = Tally::default();
    for list in ["initContainers", "containers"] {
        let pairs = before.body["spec"][list]
            .as_array()
            .into_iter()
            .flatten()
            .zip(reply.body["spec"][list].as_array().into_iter().flatten());
        for (was, is) in pairs {
            let verdict = verdict(&before.body, was, &reply.body, is);
            let verdict = verdict.unwrap_or_else(|problem| {
                panic!(
                    "seed {seed}, {}: {problem}\nwas {was:#}\nis {is:#}\n{asked:#}",
                    is["name"]
                )
            });
            verdict.count(&mut tally);
        }
    }
    let mut again = asked.clone();
    again["spec"] = reply.body["spec"].clone();
    let twice = bench.admit(&again).await;
    assert_eq!(
        twice["spec"], reply.body["spec"],
        "seed {seed}: admitted again it changes"
    );
    tally
}

enum Verdict {
    /// It has its own idea of who it is.
    Kept,
    /// It was given a token.
    Given,
    /// Nothing was to be had.
    Nothing,
    /// It asked for nothing.
    LeftOut,
}

impl Verdict {
    fn count(self, tally: &mut Tally) {
        match self {
            Self::Kept => tally.kept += 1,
            Self::Given => tally.given += 1,
            Self::Nothing => tally.nothing += 1,
            Self::LeftOut => tally.left_out += 1,
        }
    }
}

fn items<'a>(container: &'a Value, key: &str) -> Vec<&'a Value> {
    let all = container[key].as_array().into_iter().flatten();
    // The API token's volume has a random name.
    all.filter(|item| !item["name"].as_str().unwrap().starts_with("kube-api-access-"))
        .collect()
}

/// What was added to a list that must otherwise be as it was.
fn added<'a>(was: &Value, is: &'a Value, key: &str) -> Result<Vec<&'a Value>, String> {
    let (was, is) = (items(was, key), items(is, key));
    let (start, rest) = is.split_at(was.len().min(is.len()));
    if start == was {
        Ok(rest.to_vec())
    } else {
        Err(format!("its own {key} changed"))
    }
}

fn names<'a>(variables: &[&'a Value]) -> Vec<&'a str> {
    variables
        .iter()
        .map(|variable| variable["name"].as_str().unwrap())
        .collect()
}

fn verdict(before: &Value, was: &Value, after: &Value, is: &Value) -> Result<Verdict, String> {
    let env = added(was, is, "env")?;
    let mounts = added(was, is, "volumeMounts")?;
    let given = names(&env);
    let own = names(&items(was, "env"));
    let system = FileSystem::of(after, is);
    if mounts.len() > 1 {
        return Err("more than one mount was added".to_owned());
    }
    if !mounts.is_empty() {
        let count = is["volumeMounts"].as_array().unwrap().len();
        // The API server appends the API token's mount before admission policies run.
        if system.collides(count - 1, is) {
            return Err("the mount is in the way of another, or another in its".to_owned());
        }
    }
    if let Some(twice) = given.iter().find(|name| own.contains(name)) {
        return Err(format!("{twice} was its own"));
    }
    if (env.is_empty() && mounts.is_empty())
        && before["metadata"]["annotations"]["eks.amazonaws.com/skip-containers"] == was["name"]
    {
        return Ok(Verdict::LeftOut);
    }
    settings_are_right(was, is, &given, &own)?;
    if own.contains(&ARN) || own.contains(&FILE) {
        let touched = given.contains(&ARN) || given.contains(&FILE) || given.contains(&"AWS_ROLE_SESSION_NAME");
        let file = variable(was, FILE).unwrap_or_default();
        let lost = FileSystem::of(before, was).has_token(&file, AUDIENCE) && !system.has_token(&file, AUDIENCE);
        return if touched || lost {
            Err("its own identity is not what it was".to_owned())
        } else {
            Ok(Verdict::Kept)
        };
    }
    if env.is_empty() && mounts.is_empty() {
        let plain = items(was, "volumeMounts").is_empty() && was.get("volumeDevices").is_none();
        let free = !names(&items(&before["spec"], "volumes")).contains(&"irsa-anywhere-token");
        return if plain && free {
            Err("nothing was in the way".to_owned())
        } else {
            Ok(Verdict::Nothing)
        };
    }
    let file = variable(is, FILE).unwrap_or_default();
    if variable(is, ARN).as_deref() != Some(ROLE_ARN) || !system.has_token(&file, AUDIENCE) {
        return Err(format!("{file} holds no token"));
    }
    if !mounts.is_empty()
        && items(was, "volumeMounts")
            .iter()
            .any(|mount| mount["mountPath"] == mounts[0]["mountPath"])
    {
        return Err("mounted twice at one place".to_owned());
    }
    session_is_named(after, is, &own)?;
    Ok(Verdict::Given)
}

fn settings_are_right(was: &Value, is: &Value, given: &[&str], own: &[&str]) -> Result<(), String> {
    let regions = ["AWS_REGION", "AWS_DEFAULT_REGION"];
    let new: Vec<_> = regions.iter().filter(|name| given.contains(name)).collect();
    let unseen = was["envFrom"].as_array().into_iter().flatten();
    let unseen = unseen.filter(|source| {
        regions
            .iter()
            .any(|name| name.starts_with(source["prefix"].as_str().unwrap_or_default()))
    });
    let expected = if given.is_empty() || unseen.count() > 0 || regions.iter().any(|name| own.contains(name)) {
        0
    } else {
        2
    };
    if new.len() != expected {
        return Err(format!("{} regions instead of {expected}", new.len()));
    }
    let right = |name: &str, value: &str| !given.contains(&name) || variable(is, name).as_deref() == Some(value);
    let all = right("AWS_REGION", REGION)
        && right("AWS_DEFAULT_REGION", REGION)
        && right("AWS_STS_REGIONAL_ENDPOINTS", "regional")
        && right("AWS_EC2_METADATA_DISABLED", "true");
    if all { Ok(()) } else { Err("a wrong value".to_owned()) }
}

fn session_is_named(pod: &Value, container: &Value, own: &[&str]) -> Result<(), String> {
    if own.contains(&"AWS_ROLE_SESSION_NAME") {
        return Ok(());
    }
    let name = pod["metadata"]["name"].as_str().unwrap();
    match variable(container, "AWS_ROLE_SESSION_NAME").as_deref() {
        Some("field:metadata.name") if (2..=64).contains(&name.len()) => Ok(()),
        Some("field:metadata.uid") if !(2..=64).contains(&name.len()) => Ok(()),
        other => Err(format!("the session of {name} is named by {other:?}")),
    }
}
