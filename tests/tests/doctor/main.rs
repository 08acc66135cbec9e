//! `kubectl irsa doctor` on a real API server and the double: what is broken by hand is named first.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test"
)]

mod audit;
mod bootstrap;
mod breakages;
mod commands;
mod import;
mod plan;
mod rights;

use irsa_testkit::{aws::Credentials, controlplane::SigningKey};
use irsa_tests::{
    admin,
    world::{ACCOUNT, REGION, World},
};
use serde_json::Value;

/// A cluster in which all is well: the samples are applied and Ready, and the operator is gone, so that nobody mends what is broken.
struct Scene {
    world: World,
    root: Credentials,
    /// The name of an injected pod.
    pod: String,
}

impl Scene {
    async fn start() -> Self {
        let world = World::as_shipped(SigningKey::generate_rsa().unwrap()).await.unwrap();
        let root = world.aws.account(ACCOUNT).root_credentials();
        let pod = world.injected_pod("default", "app").await.unwrap();
        Self {
            pod: name(&pod),
            world,
            root,
        }
    }

    async fn iam(&self) -> aws_sdk_iam::Client {
        aws_sdk_iam::Client::new(&admin::root(&self.world.aws, ACCOUNT, REGION).await.unwrap())
    }

    /// The name of a binding's role, and its trust policy.
    async fn trust(&self, binding: &str) -> (String, String) {
        let found = self
            .world
            .get("iamrolebinding", "default", binding)
            .await
            .unwrap()
            .unwrap();
        let role = found["status"]["roleName"].as_str().unwrap().to_owned();
        let shown = self.iam().await.get_role().role_name(&role).send().await.unwrap();
        let document = shown.role.unwrap().assume_role_policy_document.unwrap();
        let trust = percent_encoding::percent_decode_str(&document).decode_utf8().unwrap();
        (role, trust.into_owned())
    }

    /// The diagnosis of an object, and what the command ended with.
    async fn doctor(&self, target: &[&str]) -> (Value, i32) {
        let arguments = [&["doctor"], target, &["-o", "json"]].concat();
        let output = self.world.irsa(&arguments, Some(&self.root)).await.unwrap();
        let diagnosis = serde_json::from_str(&output.out);
        (
            diagnosis.unwrap_or_else(|error| panic!("{error}: {output:?}")),
            output.code,
        )
    }

    /// The first cause that is named for a pod, and the sentence.
    async fn cause_in_words(&self, pod: &str) -> (String, String) {
        let (diagnosis, code) = self.doctor(&["pod", pod]).await;
        let cause = diagnosis["cause"]["check"].as_str();
        let cause = cause.unwrap_or_else(|| panic!("no cause: {diagnosis:#}")).to_owned();
        assert_eq!(code, 3, "{diagnosis:#}");
        assert!(diagnosis["cause"]["fix"].is_string() && diagnosis["verdict"] == "CauseFound");
        (cause, diagnosis["cause"]["message"].as_str().unwrap().to_owned())
    }

    /// The first cause that is named for a pod.
    async fn cause(&self, pod: &str) -> String {
        self.cause_in_words(pod).await.0
    }

    /// Nothing is wrong.
    async fn is_well(&self) {
        let (diagnosis, code) = self.doctor(&["pod", &self.pod]).await;
        let open: Vec<&Value> = diagnosis["checks"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|check| check["result"] != "Pass")
            .collect();
        assert!(open.is_empty(), "{open:#?}");
        assert_eq!((&diagnosis["verdict"], code), (&Value::from("Good"), 0));
        assert!(diagnosis["sts"]["accepted"].is_string(), "{diagnosis:#}");
    }
}

fn name(object: &Value) -> String {
    object["metadata"]["name"].as_str().unwrap().to_owned()
}
