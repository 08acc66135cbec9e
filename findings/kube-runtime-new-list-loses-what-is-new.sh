#!/usr/bin/env bash
# kube-runtime: an object that a controller first meets in a second list is dropped, when the list has more than one page.
#
# A watch that fell too far behind lists anew. Each object of the list asks for a reconciliation as soon as it is read; the store that
# reconciliations take their objects from has the list only when all of it is read. At the first list the controller waits for that; at
# every later one it does not. What was created meanwhile and is on the first page is looked up in the old store, "not found in local
# store", and never again: it waits for its next change. An object that was changed meanwhile is reconciled as it was before. A page is 500
# objects, and between two of them is a round trip.
#
# Builds kube-runtime (lib/kube-runtime.bash). The events are those of a watcher, told by hand. Exit 0:
# behaves as described. Exit 1: it does not any more, and says what it saw.
set -euo pipefail
. "$(dirname "$0")/lib/kube-runtime.bash"

run_rust >"$directory/seen" <<'RUST'
use std::{collections::BTreeSet, convert::Infallible, sync::{Arc, Mutex}, time::Duration};

use futures::{StreamExt, stream};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    ResourceExt,
    runtime::{Controller, WatchStreamExt, controller::Action, reflector, watcher::Event},
};
use tokio::time::{sleep, timeout};

fn object(name: &str) -> ConfigMap {
    let mut object = ConfigMap::default();
    object.metadata.name = Some(name.to_owned());
    object.metadata.namespace = Some("ns".to_owned());
    object
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let (store, writer) = reflector::store::<ConfigMap>();
    // Event, and how long after the one before: a list of one page, and later one of two.
    let told = [
        (Event::Init, 0),
        (Event::InitApply(object("old")), 0),
        (Event::InitDone, 0),
        (Event::Init, 500),
        (Event::InitApply(object("created-meanwhile")), 0),
        (Event::InitApply(object("old")), 200),
        (Event::InitDone, 0),
    ];
    let told = stream::iter(told).then(|(event, after)| async move {
        sleep(Duration::from_millis(after)).await;
        Ok(event)
    });
    let shown = told.chain(stream::pending()).reflect(writer).applied_objects();
    let reconciled: Arc<Mutex<BTreeSet<String>>> = Arc::default();
    let not_found = Mutex::new(0);
    let running = Controller::for_stream(shown.boxed(), store.clone())
        .run(
            |object: Arc<ConfigMap>, reconciled: Arc<Mutex<BTreeSet<String>>>| async move {
                reconciled.lock().unwrap().insert(object.name_any());
                Ok::<_, Infallible>(Action::await_change())
            },
            |_, _, _| Action::await_change(),
            Arc::clone(&reconciled),
        )
        .for_each(|result| {
            if let Err(error) = result {
                *not_found.lock().unwrap() += usize::from(error.to_string().contains("not found in local store"));
            }
            std::future::ready(())
        });
    let _ = timeout(Duration::from_secs(5), running).await;
    println!(
        "in the store: {}; reconciled: {}; not found: {}",
        store.len(),
        reconciled.lock().unwrap().iter().cloned().collect::<Vec<_>>().join(" "),
        not_found.lock().unwrap()
    );
}
RUST
seen=$(cat "$directory/seen")
echo "kube-runtime $kube, a second list with one more object on the first of two pages; $seen"
if [ "$seen" = "in the store: 2; reconciled: old; not found: 1" ]; then
  echo "as described: the object is in the store, and was never reconciled"
else
  echo "kube-runtime behaves differently now" >&2
  exit 1
fi
