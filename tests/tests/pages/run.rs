//! Each block that says so is run: first what a new user does, from an empty cluster and an account without a bucket to a pod with its role;
//! then, on what that has made, all the others.

use irsa_testkit::controlplane::SigningKey;
use irsa_tests::{
    shell_blocks::{self, Block, SCENES, Says, Setting},
    world::{Operator, World},
};

use super::shell::Shell;

/// The issuer of the pages.
const ISSUER: &str = "https://acme-irsa.s3.eu-central-1.amazonaws.com/clusters/prod";

fn blocks_of(scene: &str) -> Vec<Block> {
    let mut blocks = shell_blocks::all().unwrap();
    blocks.retain(|block| matches!(&block.says, Says::Run { scene: of, .. } if of == scene));
    assert!(!blocks.is_empty(), "no block is of the scene {scene}");
    blocks
}

/// A cluster with nothing of ours in it, whose API server signs as the issuer of the pages.
async fn empty() -> (World, Shell) {
    let world = World::start_empty_signing_as(ISSUER, SigningKey::generate_ec_p256().unwrap())
        .await
        .unwrap();
    let shell = Shell::of(&world).unwrap();
    (world, shell)
}

#[tokio::test]
async fn every_block_that_needs_an_empty_cluster_works_in_one() {
    for block in blocks_of("alone") {
        let (world, shell) = empty().await;
        // The page says that the namespace is there.
        if block.code.contains("create secret") {
            let made = "apply --server-side -k config/with-policy";
            shell.run(&typed(&format!("kubectl {made}"))).await.unwrap();
        }
        shell.run(&block).await.unwrap();
        world.cluster.stop().await;
    }
}

/// A line of our own, as if it were a page's.
fn typed(command: &str) -> Block {
    let page = format!("<!-- run: ready -->\n```sh\n{command}\n```\n");
    shell_blocks::of("the test itself", &page).remove(0)
}

#[tokio::test]
async fn a_new_user_gets_by_the_pages_alone_to_a_pod_with_a_role_and_every_other_block_works_then() {
    let (mut world, shell) = empty().await;
    shell
        .run(&typed("aws s3api delete-bucket --bucket acme-irsa"))
        .await
        .unwrap();
    for block in shell_blocks::all().unwrap() {
        if let Says::Save(name) = &block.says {
            shell.save(name, &block.code);
        }
    }
    for (scene, _) in SCENES.iter().filter(|(_, setting)| *setting == Setting::Shared) {
        if *scene == "ready" {
            // Somebody else's part of gitops.md.
            let argo = "kubectl create namespace argocd; kubectl -n argocd create configmap argocd-cm";
            shell.run(&typed(argo)).await.unwrap();
        }
        for block in blocks_of(scene) {
            if let Ok(operator) = world.operator() {
                shell.save("operator.log", &operator.log());
            }
            if let Err(problem) = shell.run(&block).await {
                panic!("{problem}\n{}", log_of(&world));
            }
            // What a node would do with the Deployment that is there now.
            if *scene == "install" {
                let json = [("LOG_FORMAT", "json"), ("LOG_FILTER", "info,irsa_aws=debug")];
                world.start_operator_as_shipped_in(&json).await.unwrap();
            }
        }
    }
}

fn log_of(world: &World) -> String {
    world.operator().map(Operator::log_tail).unwrap_or_default()
}
