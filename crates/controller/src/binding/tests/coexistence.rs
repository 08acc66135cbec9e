//! Roles that somebody else keeps, or offers.

use irsa_core::naming::{Owner, Tags};

use super::*;

const THEIRS: &str = "terraform-app";

fn their_arn() -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{THEIRS}")
}

fn existing() -> IamRoleBinding {
    binding_with(|binding| {
        binding["spec"]["existingRole"] = json!({ "arn": their_arn() });
        binding["spec"].as_object_mut().unwrap().remove("policies");
    })
}

fn trust(subject: &str) -> String {
    let issuer = "b.s3.eu-central-1.amazonaws.com";
    json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity",
        "Principal": {"Federated": format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{issuer}")},
        "Condition": {"StringLike": {format!("{issuer}:sub"): subject}},
    }]})
    .to_string()
}

/// The bench with somebody else's role that trusts like this.
fn bench_with(subject: &str) -> Bench {
    let bench = Bench::new();
    bench.kubernetes.put_account("app");
    bench.aws.put_foreign(THEIRS, Tags::new());
    bench
        .aws
        .tamper(THEIRS, |stored| stored.role.trust_policy = trust(subject));
    bench
}

#[tokio::test]
async fn somebody_elses_role_is_checked_annotated_and_never_written() {
    let bench = bench_with("system:serviceaccount:ns:*");
    let before = bench.aws.get(THEIRS);
    let mut binding = existing();
    bench.succeed(&mut binding).await;
    assert_eq!(bench.aws.take_calls(), ["GetRole"]);
    let account = bench.kubernetes.account("app").unwrap();
    assert_eq!(
        account["metadata"]["annotations"]["eks.amazonaws.com/role-arn"],
        json!(their_arn())
    );
    let status = binding.status.as_ref().unwrap();
    assert_eq!(status.role_arn, Some(their_arn()));
    assert_eq!(status.subjects, ["system:serviceaccount:ns:app"]);
    assert_eq!(status.role_name, None, "it is not one that we made");

    bench.kubernetes.take_writes();
    bench.succeed(&mut binding).await;
    assert_eq!(bench.kubernetes.take_writes(), Vec::<String>::new());
    bench.cleanup(&binding).await.unwrap();
    assert_eq!(bench.aws.get(THEIRS), before);
    let account = bench.kubernetes.account("app").unwrap();
    assert_eq!(
        account["metadata"]["annotations"].get("eks.amazonaws.com/role-arn"),
        None
    );
}

#[tokio::test]
async fn what_is_wrong_with_somebody_elses_role_is_named() {
    let bench = bench_with("system:serviceaccount:other:app");
    let mut binding = existing();
    let refuses = "does not let system:serviceaccount:ns:app in";
    bench.end(&mut binding, Reason::RoleMismatch, refuses).await;
    bench.aws.tamper(THEIRS, |stored| stored.role.trust_policy = trust("*"));
    bench
        .end(&mut binding, Reason::RoleMismatch, "lets every ServiceAccount")
        .await;
    assert_eq!(
        bench.kubernetes.take_writes(),
        Vec::<String>::new(),
        "nobody gets a role that does not work"
    );

    edit(&mut binding, |spec| {
        spec["existingRole"]["arn"] = json!(format!("arn:aws:iam::{ACCOUNT}:role/x/{THEIRS}"));
    });
    bench.end(&mut binding, Reason::RoleMismatch, &their_arn()).await;
    edit(&mut binding, |spec| {
        spec["existingRole"]["arn"] = json!(format!("arn:aws:iam::{ACCOUNT}:role/gone"));
    });
    bench.end(&mut binding, Reason::RoleMismatch, "does not exist").await;
    edit(&mut binding, |spec| {
        spec["existingRole"]["arn"] = json!("arn:aws:iam::999999999999:role/app");
    });
    bench
        .end(&mut binding, Reason::InvalidSpec, "must be a role of account")
        .await;
}

#[tokio::test]
async fn somebody_elses_role_is_used_only_where_the_guard_rails_allow_it_and_counts_for_nobody() {
    let mut bench = bench_with("system:serviceaccount:ns:*");
    let mut binding = existing();
    bench.federate(|federation| federation["spec"]["bindings"]["maxRolesPerNamespace"] = json!(1));
    bench.kubernetes.put_account("other");
    let older = binding_with(|binding| {
        binding["metadata"]["name"] = json!("older");
        binding["metadata"]["creationTimestamp"] = json!("2025-01-01T00:00:00Z");
        binding["spec"]["serviceAccounts"] = json!([{"name": "other"}]);
    });
    bench.bindings.apply_watcher_event(&Event::Apply(decoded(&older)));
    bench.succeed(&mut binding).await;

    edit(&mut binding, |spec| spec["audiences"] = json!(["vault"]));
    bench.end(&mut binding, Reason::InvalidSpec, "vault is not among").await;
    bench.federate(|federation| {
        federation["spec"]["bindings"]["allowedNamespaces"]["selector"]["matchLabels"]["team"] = json!("b");
    });
    edit(&mut binding, |spec| spec["audiences"] = json!([]));
    bench
        .end(&mut binding, Reason::NamespaceNotAllowed, "namespace ns")
        .await;
}

#[tokio::test]
async fn an_offered_role_is_taken_over_with_what_the_guard_rails_allow() {
    let bench = Bench::new();
    bench.kubernetes.put_account("app");
    let owner = Owner {
        cluster: "5b1c".to_owned(),
        federation: "default".to_owned(),
        namespace: "ns".to_owned(),
        name: "app".to_owned(),
    };
    let offer = Tags::from([("irsa-anywhere.dev/adopt".to_owned(), owner.adoption())]);
    bench.aws.put_foreign(ROLE, offer.clone());
    bench.aws.tamper(ROLE, |stored| {
        stored
            .attached
            .insert("arn:aws:iam::aws:policy/AdministratorAccess".to_owned());
    });
    let mut binding = binding();
    bench
        .end(
            &mut binding,
            Reason::ForeignRole,
            &format!("adopt={}", owner.adoption()),
        )
        .await;

    edit(&mut binding, |spec| {
        spec["role"] = json!({"adopt": "IfTagged"});
        spec["policies"]["exclusive"] = json!(false);
    });
    bench
        .end(&mut binding, Reason::PolicyNotAllowed, "AdministratorAccess")
        .await;
    assert_eq!(
        bench.aws.get(ROLE).unwrap().role.tags,
        offer,
        "nothing of it was touched"
    );

    edit(&mut binding, |spec| spec["policies"]["exclusive"] = json!(true));
    bench.succeed(&mut binding).await;
    let taken = bench.aws.get(ROLE).unwrap();
    assert!(owner.owns(&taken.role.tags) && !taken.role.tags.contains_key("irsa-anywhere.dev/adopt"));
    assert_eq!(taken.role.permissions_boundary.as_deref(), Some(BOUNDARY));
    assert!(!taken.attached.iter().any(|arn| arn.contains("Administrator")));
    bench.aws.take_calls();
    bench.succeed(&mut binding).await;
    assert!(
        bench
            .aws
            .take_calls()
            .iter()
            .all(|call| call.starts_with("Get") || call.starts_with("List"))
    );
    bench.cleanup(&binding).await.unwrap();
    assert!(bench.aws.get(ROLE).is_none(), "it was ours");
}

#[tokio::test]
async fn a_service_account_that_another_binding_has_with_the_same_role_is_left_to_it() {
    let mut bench = bench_with("system:serviceaccount:ns:*");
    let mut annotates = existing();
    bench.succeed(&mut annotates).await;
    bench.bindings.apply_watcher_event(&Event::Apply(decoded(&annotates)));
    let mut looks_on = binding_with(|binding| {
        binding["metadata"]["name"] = json!("looks-on");
        binding["spec"]["existingRole"] = json!({ "arn": their_arn() });
        binding["spec"]["serviceAccountMode"] = json!("None");
        binding["spec"].as_object_mut().unwrap().remove("policies");
    });
    bench.kubernetes.take_writes();
    for _ in 0..3 {
        bench.succeed(&mut looks_on).await;
    }
    bench.cleanup(&looks_on).await.unwrap();
    assert_eq!(bench.kubernetes.take_writes(), Vec::<String>::new());
    assert!(
        bench.controller.memory.account_changed("ns", "app", None),
        "still looked after"
    );
}

#[tokio::test]
async fn who_is_let_go_while_the_role_changes_does_not_keep_the_one_before() {
    let bench = bench_with("system:serviceaccount:ns:*");
    bench.kubernetes.put_account("job");
    let mut binding = existing();
    edit(&mut binding, |spec| {
        spec["serviceAccounts"] = json!([{"name": "app"}, {"name": "job"}]);
    });
    bench.succeed(&mut binding).await;
    bench.aws.put_foreign("another", Tags::new());
    bench.aws.tamper("another", |stored| {
        stored.role.trust_policy = trust("system:serviceaccount:ns:*");
    });
    edit(&mut binding, |spec| {
        spec["existingRole"]["arn"] = json!(format!("arn:aws:iam::{ACCOUNT}:role/another"));
        spec["serviceAccounts"] = json!([{"name": "app"}]);
    });
    bench.succeed(&mut binding).await;
    let job = bench.kubernetes.account("job").unwrap();
    assert_eq!(job["metadata"]["annotations"], json!({}), "{job:#}");
}
