//! Real AWS clients as pods of a cluster outside AWS: each gets the environment that admission gave to a pod, the token where the pod
//! has it, and a network in which only AWS's host names lead anywhere. Slow, as their packages must be installed first:
//! `make clients`.
//!
//! What is asserted is what a pod is promised: every client lists the bucket, signed, as the bound role, under the pod's name, by the
//! region's own STS. What the same clients do with role and token file alone is run and printed beside it: `docs/clients.md`.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test"
)]

mod pod;

use irsa_testkit::{aws::Mark, controlplane::SigningKey};
use irsa_tests::world::{ACCOUNT, DATA_BUCKET, REGION, World};

use self::pod::{Client, Pod, clients};

/// What AWS saw of a client's run.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    /// The host names at which a token was traded for credentials.
    sts: Vec<String>,
    /// Who listed the bucket; `None` without a signature.
    callers: Vec<Option<String>>,
}

fn seen(world: &World, since: Mark) -> Seen {
    let mut seen = Seen {
        sts: Vec::new(),
        callers: Vec::new(),
    };
    for entry in world.aws.since(since) {
        match entry.operation.as_str() {
            "sts:AssumeRoleWithWebIdentity" if !seen.sts.contains(&entry.host) => seen.sts.push(entry.host),
            "s3:ListBucket" if !seen.callers.contains(&entry.caller) => seen.callers.push(entry.caller),
            _ => {}
        }
    }
    seen
}

fn row(client: &Client, environment: &str, outcome: &Result<String, String>, seen: &Seen) {
    let said = match outcome {
        Ok(keys) => format!("lists {keys}"),
        Err(complaint) => {
            let telling = |line: &&str| {
                let frame = line.trim_start().starts_with("at ");
                !frame && (line.contains("rror: ") || line.contains("rror ") || line.contains("AccessDenied"))
            };
            let line = complaint.lines().find(telling).or(complaint.lines().last());
            line.unwrap_or_default().trim().chars().take(240).collect()
        }
    };
    println!("| {} | {environment} | {said} | {} |", client.name, seen.sts.join(", "));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_client_lists_a_bucket_with_what_a_pod_is_given_and_nothing_else() {
    let world = World::with_samples(SigningKey::generate_rsa().unwrap()).await.unwrap();
    let identity = world.pod_identity("default", "app").await.unwrap();
    let pod = Pod::of(&world, &identity);
    let (_, role) = identity.role_arn.rsplit_once('/').unwrap();
    let session = format!("arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{}", pod.name);
    let bare: Vec<_> = pod
        .environment
        .iter()
        .filter(|(name, _)| ["AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"].contains(&name.as_str()))
        .cloned()
        .collect();
    println!("| client | environment | outcome | STS |\n|---|---|---|---|");
    let stranger = world
        .cluster
        .token("default", "default", &identity.audience, 600)
        .await
        .unwrap();
    let of_a_stranger = identity.showing(&stranger).unwrap();
    let stranger = Pod::of(&world, &of_a_stranger);
    let mut disappointed = Vec::new();
    for client in clients() {
        let mark = world.aws.mark();
        let outcome = pod.run(&client, &bare, DATA_BUCKET);
        row(&client, "role and token file", &outcome, &seen(&world, mark));

        let mark = world.aws.mark();
        let outcome = pod.run(&client, &pod.environment, DATA_BUCKET);
        let seen = seen(&world, mark);
        row(&client, "as injected", &outcome, &seen);
        let promised = Seen {
            sts: vec![format!("sts.{REGION}.amazonaws.com")],
            callers: vec![Some(session.clone())],
        };
        if outcome.as_deref() != Ok(r#"["hello.txt"]"#) || seen != promised {
            disappointed.push(format!("{}: {outcome:?}, {seen:?}", client.name));
        }

        let mark = world.aws.mark();
        let outcome = stranger.run(&client, &stranger.environment, DATA_BUCKET);
        let seen = self::seen(&world, mark);
        row(&client, "as injected, refused by STS", &outcome, &seen);
        let asked = seen.sts == promised.sts;
        if !asked || outcome.is_ok() || seen.callers.iter().any(Option::is_some) {
            disappointed.push(format!("{}, a stranger: {outcome:?}, {seen:?}", client.name));
        }
    }
    assert!(disappointed.is_empty(), "{}", disappointed.join("\n\n"));
}

/// The network of a pod is what makes the test above mean something: what is not AWS cannot be reached from it.
#[tokio::test(flavor = "multi_thread")]
async fn a_pod_of_these_tests_has_no_other_network() {
    let world = World::with_samples(SigningKey::generate_rsa().unwrap()).await.unwrap();
    let identity = world.pod_identity("default", "app").await.unwrap();
    let pod = Pod::of(&world, &identity);
    let reach = |host: &str, port: &str| {
        let program = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=5); print('reached')";
        pod.python(&["-c", program, host, port])
    };
    assert_eq!(
        reach(&format!("sts.{REGION}.amazonaws.com"), "443").as_deref(),
        Ok("reached")
    );
    for (host, port) in [
        ("169.254.169.254", "80"),
        ("127.0.0.1", world.aws.proxy_url().rsplit(':').next().unwrap()),
    ] {
        assert!(reach(host, port).is_err(), "{host}:{port} was reached");
    }
}
