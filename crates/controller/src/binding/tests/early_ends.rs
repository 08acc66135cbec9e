//! Every early end of a pass: what each aspect says afterwards is of this pass, and of no other; and what the Kubernetes API
//! answers is told in its words.

use std::{error::Error as _, time::Duration};

use irsa_aws::Kind;
use irsa_core::outcome::Others;

use super::*;
use crate::instances::InstanceVerdict;

/// What a condition says that no pass of these tests writes.
const BEFORE: &str = "said by an earlier pass";

/// As an earlier pass may have left it: every aspect good, or every one bad, each in that pass's words.
fn as_before(binding: &mut IamRoleBinding, good: bool) {
    for condition in &mut binding.status.as_mut().unwrap().conditions {
        if condition.type_ == "Ready" {
            continue;
        }
        condition.message = BEFORE.to_owned();
        condition.status = if good { "True" } else { "False" }.to_owned();
        condition.reason = if good { "Succeeded" } else { "AccessDenied" }.to_owned();
    }
}

fn condition<'a>(binding: &'a IamRoleBinding, kind: &str) -> (&'a str, &'a str, &'a str) {
    let conditions = binding.conditions();
    let found = conditions.iter().find(|condition| condition.type_ == kind).unwrap();
    (&found.status, &found.reason, &found.message)
}

async fn ends_early(bench: &Bench, binding: &IamRoleBinding, why: &str) -> IamRoleBinding {
    let mut last = binding.clone();
    for good in [true, false] {
        let mut binding = binding.clone();
        as_before(&mut binding, good);
        let outcome = bench.pass(&mut binding).await;
        assert_ne!(outcome.reason, Reason::Succeeded, "{why}");
        assert_eq!(outcome.others, Others::NotChecked, "{why}");
        for condition in binding.conditions() {
            assert_ne!(condition.message, BEFORE, "{why}: {condition:?}");
        }
        last = binding;
    }
    last
}

/// A world in which a binding is ready and a new process looks at it.
async fn ready() -> (Bench, IamRoleBinding) {
    let bench = Bench::new();
    bench.kubernetes.put_account("app");
    let mut binding = binding();
    bench.succeed(&mut binding).await;
    (bench.restarted(), binding)
}

const KINDS: [Kind; 7] = [
    Kind::AccessDenied,
    Kind::Throttled,
    Kind::Unavailable,
    Kind::NoCredentials,
    Kind::LimitExceeded,
    Kind::NotFound,
    Kind::MalformedPolicy,
];

/// What becomes different before a pass.
type Change = fn(&Bench, &mut IamRoleBinding);

#[tokio::test]
async fn whichever_call_to_aws_fails_no_aspect_keeps_what_an_earlier_pass_said() {
    let calls: [(&str, Change); 8] = [
        ("Connect", |_, _| ()),
        ("GetRole", |_, binding| edit(binding, |_| ())),
        ("UntagRole", |bench, _| {
            bench.aws.tamper(ROLE, |role| {
                drop(role.role.tags.insert("theirs".to_owned(), "x".to_owned()));
            });
        }),
        ("TagRole", |bench, _| {
            bench.aws.tamper(ROLE, |role| drop(role.role.tags.remove("team")));
        }),
        ("UpdateAssumeRolePolicy", |bench, _| {
            bench.aws.tamper(ROLE, |role| role.role.trust_policy = "{}".to_owned());
        }),
        ("AttachRolePolicy", |bench, _| {
            bench.aws.tamper(ROLE, |role| role.attached.clear());
        }),
        ("PutRolePolicy", |bench, _| {
            bench.aws.tamper(ROLE, |role| role.inline.clear());
        }),
        ("DetachRolePolicy", |bench, _| {
            bench.aws.tamper(ROLE, |role| {
                role.attached.extend(["arn:aws:iam::aws:policy/Theirs".to_owned()]);
            });
        }),
    ];
    for (call, change) in calls {
        for kind in KINDS {
            let (bench, mut binding) = ready().await;
            change(&bench, &mut binding);
            bench.aws.fail(call, kind);
            // Listings would answer for the role.
            binding.metadata.annotations =
                Some([("irsa-anywhere.dev/reconcile-requested-at".to_owned(), "now".to_owned())].into());
            let binding = ends_early(&bench, &binding, &format!("{call} {kind:?}")).await;
            // What does not depend on a refused step goes on, and may be so; said to be so is only what was looked at and is.
            let looked = !["Connect", "GetRole"].contains(&call);
            let role = bench.aws.get(ROLE).unwrap();
            let has_them = looked && (role.attached.len(), role.inline.len()) == (1, 1);
            let policies = condition(&binding, "PoliciesSynced");
            assert!(policies.0 != "True" || has_them, "{call} {kind:?}: {policies:?}");
            if !call.ends_with("RolePolicy") || call == "UpdateAssumeRolePolicy" {
                let role = condition(&binding, "RoleSynced");
                assert_ne!(role.0, "True", "{call} {kind:?}: {role:?}");
            }
            assert_eq!(condition(&binding, "Admitted").0, "True", "{call} {kind:?}");
        }
    }
}

#[tokio::test]
async fn a_policy_that_is_not_attached_yet_is_not_said_to_be() {
    let (bench, mut binding) = ready().await;
    bench.aws.tamper(ROLE, |role| {
        drop(role.role.tags.insert("theirs".to_owned(), "x".to_owned()));
    });
    edit(&mut binding, |spec| {
        spec["policies"]["managed"] = json!(["AmazonS3ReadOnlyAccess", "ViewOnlyAccess"]);
    });
    bench.aws.fail("UntagRole", Kind::AccessDenied);
    bench.pass(&mut binding).await;
    let attached = bench.aws.get(ROLE).unwrap().attached.len();
    let (status, _, message) = condition(&binding, "PoliciesSynced");
    assert!(attached == 2 || status != "True", "{attached} attached, and: {message}");
}

#[tokio::test]
async fn whatever_the_cluster_or_the_spec_lacks_no_aspect_keeps_what_an_earlier_pass_said() {
    let worlds: [(&str, Change); 12] = [
        ("another federation", |_, binding| {
            edit(binding, |spec| spec["federationRef"] = json!({"name": "other"}));
        }),
        ("a policy that is not allowed", |_, binding| {
            edit(binding, |spec| {
                spec["policies"]["managed"] = json!(["AdministratorAccess"]);
            });
        }),
        ("a policy that is none", |_, binding| {
            edit(binding, |spec| {
                spec["policies"]["inline"][0]["document"] = json!({"x": 1});
            });
        }),
        ("an audience that is not the federation's", |_, binding| {
            edit(binding, |spec| spec["audiences"] = json!(["vault"]));
        }),
        ("a namespace that is not served any more", |bench, _| {
            bench.federate(|federation| {
                federation["spec"]["bindings"]["allowedNamespaces"]["selector"]["matchLabels"]["team"] = json!("b");
            });
        }),
        ("another account", |bench, _| {
            bench.federate(|federation| {
                federation["status"]["providerArn"] = json!("arn:aws:iam::999999999999:oidc-provider/b");
            });
        }),
        ("no ServiceAccount", |_, binding| {
            edit(binding, |spec| spec["serviceAccounts"] = json!([{"name": "nobody"}]));
        }),
        ("a Kubernetes API that does not answer", |bench, _| {
            bench.kubernetes.set_down(true);
        }),
        ("a role of somebody else's", |_, binding| {
            edit(binding, |spec| {
                spec["existingRole"] = json!({"arn": "arn:aws:iam::123456789012:role/theirs"});
                spec["policies"] = json!({});
            });
        }),
        ("a cluster that may be a copy", |bench, binding| {
            let verdict = InstanceVerdict::Doubtful {
                message: "This cluster may be a copy.".to_owned(),
                contender: "mark".to_owned(),
            };
            bench.controller.instances.conclude("default", verdict);
            edit(binding, |spec| spec["policies"]["managed"] = json!(["ViewOnlyAccess"]));
        }),
        ("a ServiceAccount with a role that somebody set", |bench, _| {
            let theirs = "arn:aws:iam::123456789012:role/by-hand";
            bench
                .kubernetes
                .annotate("app", "kubectl-annotate", "eks.amazonaws.com/role-arn", theirs);
        }),
        ("an AWS that does not answer", |bench, _| bench.aws.hang()),
    ];
    for (why, change) in worlds {
        let (mut bench, mut binding) = ready().await;
        bench.controller.driver.deadline = Duration::from_millis(200);
        change(&bench, &mut binding);
        ends_early(&bench, &binding, why).await;
    }
}

#[tokio::test]
async fn a_deletion_that_comes_to_no_end_vouches_for_nothing() {
    let worlds: [(&str, Reason, Change); 3] = [
        ("a call that is refused", Reason::AccessDenied, |bench, _| {
            bench.aws.fail("DeleteRole", Kind::AccessDenied);
        }),
        (
            "a federation that is not there",
            Reason::FederationNotFound,
            |_, binding| {
                edit(binding, |spec| spec["federationRef"] = json!({"name": "other"}));
            },
        ),
        ("an AWS that does not answer", Reason::AwsUnavailable, |bench, _| {
            bench.aws.hang();
        }),
    ];
    for (why, reason, change) in worlds {
        let (mut bench, mut binding) = ready().await;
        bench.controller.driver.deadline = Duration::from_millis(200);
        change(&bench, &mut binding);
        for good in [true, false] {
            as_before(&mut binding, good);
            let outcome = bench.cleanup(&binding).await.unwrap_err();
            assert_eq!(outcome.reason, reason, "{why}: {}", outcome.message);
            for condition in concluded(&binding, &outcome, Timestamp::now()) {
                assert_ne!(condition.message, BEFORE, "{why}: {condition:?}");
            }
        }
    }
}

const POLICY: &str = "serviceaccounts \"app\" is forbidden: ValidatingAdmissionPolicy 'no-automount' with binding \
                      'no-automount' denied request: ServiceAccounts must set automountServiceAccountToken: false";

#[tokio::test]
async fn a_rule_of_the_cluster_is_told_in_its_words_in_the_condition_and_in_full_in_the_log() {
    for (code, reason) in [(422, "Invalid"), (403, "Forbidden")] {
        for mode in ["Annotate", "Create"] {
            let bench = Bench::new();
            if mode == "Annotate" {
                bench.kubernetes.put_account("app");
            }
            bench.kubernetes.refuse(Some((code, reason, POLICY)));
            let mut binding = binding_with(|binding| binding["spec"]["serviceAccountMode"] = json!(mode));
            let report = bench.controller.apply(&binding).await;
            assert!(
                irsa_pipeline::stage::chain(report.source.unwrap().as_ref()).contains(POLICY),
                "{code} {mode}"
            );
            bench.end(&mut binding, Reason::AdmissionDenied, "no-automount").await;
            let (status, reason, message) = condition(&binding, "ServiceAccountsSynced");
            assert_eq!((status, reason), ("False", "AdmissionDenied"));
            assert!(
                message.contains("\"ServiceAccounts must set automountServiceAccountToken: false\""),
                "{message}"
            );
            let before = binding.status.clone();
            bench.pass(&mut binding).await;
            assert_eq!(binding.status, before);
        }
    }
}

#[tokio::test]
async fn a_halt_shows_its_source_to_whoever_walks_the_chain() {
    let failure = irsa_pipeline::step_error::StepError::new(ConditionType::RoleSynced, Reason::AccessDenied, "no.");
    assert!(failure.source().is_none());
    assert_eq!(
        irsa_pipeline::stage::chain(&failure.because(NotLeader)),
        format!("no.: {NotLeader}")
    );
}
