//! A binding that is gone leaves nothing behind in the process.

use std::time::Duration;

use irsa_core::plan::binding::{AccountTemplate, DesiredAccount, PodSettings};
use irsa_pipeline::object::ObjectKey;
use kube::runtime::watcher::Event;
use tokio::sync::Semaphore;

use super::*;

/// A binding whose role was changed and repaired, and whose ServiceAccount is expected to be something.
async fn well_known(bench: &Bench) -> IamRoleBinding {
    bench.kubernetes.put_account("app");
    bench.federate(|federation| federation["spec"]["bindings"]["allowRetain"] = json!(true));
    let mut binding = binding();
    bench.succeed(&mut binding).await;
    bench.shown().await;
    bench.aws.tamper("p-ns.app", |stored| stored.attached.clear());
    bench.succeed(&mut binding).await;
    bench.shown().await;
    let memory = &bench.controller.memory;
    assert!(memory.applied(&ObjectKey::of(&binding)).is_some());
    assert!(memory.account_changed("ns", "app", None));
    binding
}

/// The watch shows that it is gone.
async fn goes(bench: &Bench, binding: &IamRoleBinding) {
    let driver = &bench.controller.driver;
    driver.records().with(&ObjectKey::of(binding), |record| {
        record.last_success.found_good(driver.now());
    });
    bench.controller.clean_up_after(binding, &Semaphore::new(1)).await;
    assert_eq!(bench.controller.memory.len(), 0);
    assert_eq!(driver.records().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_remembered_of_a_binding_that_was_let_go_whatever_it_leaves_behind() {
    for policy in [irsa_api::DeletionPolicy::Delete, irsa_api::DeletionPolicy::Retain] {
        let bench = Bench::new();
        let mut binding = well_known(&bench).await;
        binding.spec.deletion_policy = policy;
        assert_eq!(bench.cleanup(&binding).await, Ok(()));
        assert!(bench.controller.memory.is_released(&ObjectKey::of(&binding)));
        goes(&bench, &binding).await;
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_remembered_of_a_binding_that_was_given_up_or_went_by_itself() {
    for forced in [true, false] {
        let bench = Bench::new();
        let mut binding = well_known(&bench).await;
        if forced {
            bench.controller.federations.forget("default");
            let force = ("irsa-anywhere.dev/force-delete".to_owned(), String::new());
            binding.metadata.annotations = Some([force].into());
            assert_eq!(bench.cleanup(&binding).await, Ok(()));
            goes(&bench, &binding).await;
        } else {
            bench.aws.fail("GetRole", irsa_aws::Kind::Unavailable);
            let until_it_works = async {
                tokio::time::sleep(Duration::from_mins(1)).await;
                bench.aws.recover();
            };
            tokio::join!(goes(&bench, &binding), until_it_works);
            assert!(bench.aws.get("p-ns.app").is_none());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_another_binding_expects_of_a_service_account_outlives_the_one_that_is_gone() {
    let mut bench = Bench::new();
    let mut binding = well_known(&bench).await;
    binding.spec.deletion_policy = irsa_api::DeletionPolicy::Retain;
    let mut anew = binding.clone();
    anew.metadata.uid = Some("b2".to_owned());
    bench.bindings.apply_watcher_event(&Event::Apply(decoded(&anew)));
    assert_eq!(bench.cleanup(&binding).await, Ok(()));
    bench.controller.clean_up_after(&binding, &Semaphore::new(1)).await;
    let memory = &bench.controller.memory;
    assert!(memory.account_changed("ns", "app", None), "still looked after");
    assert_eq!(memory.len(), 1);
}

#[test]
fn no_room_is_kept_for_what_is_gone() {
    let memory = BindingMemory::default();
    let names: Vec<String> = (0..2_000).map(|number| format!("app-{number}")).collect();
    let key = |name: &String| ObjectKey::new("ns", name, name);
    let desired = DesiredAccount {
        binding: "app".to_owned(),
        role_arn: "arn:aws:iam::111111111111:role/app".to_owned(),
        audience: "sts.amazonaws.com".to_owned(),
        pods: PodSettings::default(),
        create: false,
        template: AccountTemplate::default(),
        federations: std::sync::Arc::default(),
    };
    let looks = memory.look_at("ns", names.iter());
    for name in &names {
        memory.expect_account("ns", name, desired.clone());
        memory.count_takeover(name);
        memory.will_look(&key(name));
        memory.released(key(name));
    }
    assert!(memory.room() >= 5 * names.len());
    drop(looks);
    for name in &names {
        memory.release_account("ns", name);
        memory.account_gone(name);
        memory.forget(&key(name));
    }
    assert!(memory.len() == 0 && memory.room() < names.len(), "{}", memory.room());
}
