#!/usr/bin/env bash
# kube-runtime: of several tasks that wait for one reflector store to be ready, one is woken, and the others wait for ever.
#
# `Store::wait_until_ready` may be called as often as one likes, and once the store is ready each call returns. But calls that wait at the
# same time share the receiver of a one-shot channel, which remembers one waker: that of the task that polled last. The others are woken by
# nothing, not even later. Two controllers that wait for a store they share before they start are the obvious use; one of them never
# starts, without an error, and it is chance which. Waiters of one task (`join!`) hide it, because that task polls them all.
#
# Builds kube-runtime (lib/kube-runtime.bash). Exit 0: behaves as described. Exit 1: it does not any
# more, and says what it saw.
set -euo pipefail
. "$(dirname "$0")/lib/kube-runtime.bash"

run_rust >"$directory/seen" <<'RUST'
use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::runtime::{reflector, watcher::Event};
use tokio::time::sleep;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let (store, mut writer) = reflector::store::<ConfigMap>();
    let mut waiters = Vec::new();
    for _ in 0..3 {
        let store = store.clone();
        waiters.push(tokio::spawn(async move { store.wait_until_ready().await }));
        sleep(Duration::from_millis(50)).await;
    }
    for event in [Event::Init, Event::InitDone] {
        writer.apply_watcher_event(&event);
    }
    sleep(Duration::from_secs(2)).await;
    let woken: Vec<bool> = waiters.iter().map(|waiter| waiter.is_finished()).collect();
    let later = tokio::time::timeout(Duration::from_secs(1), store.wait_until_ready()).await.is_ok();
    println!("woken: {woken:?}; who asks later need not wait: {later}");
}
RUST
seen=$(cat "$directory/seen")
echo "kube-runtime $kube, three tasks wait for one store, which then becomes ready; $seen"
if [ "$seen" = "woken: [false, false, true]; who asks later need not wait: true" ]; then
  echo "as described: only the one that asked last is woken"
else
  echo "kube-runtime behaves differently now" >&2
  exit 1
fi
