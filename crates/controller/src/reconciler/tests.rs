//! Passes over a binding by a kind that does nothing but take its time.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use irsa_api::{IamRoleBinding, IamRoleBindingStatus};
use irsa_aws::Load;
use irsa_core::{outcome::Outcome, vocabulary::Reason};
use irsa_pipeline::{
    object::Managed,
    report::{Cleanup, Report},
};
use kube::runtime::{
    reflector::{Store, store, store::Writer},
    watcher::Event,
};
use serde_json::{Value, json};
use tokio::{
    task::JoinHandle,
    time::{sleep, timeout},
};

use super::{Driver, Reconciler, reconcile, recorder::Recorder};
use crate::{
    leadership::OnlyReplica,
    watch::{Decoded, RunEnded, Trigger, run},
};

const STATUS: &str = "PATCH /apis/irsa-anywhere.dev/v1alpha1/namespaces/team/iamrolebindings/app/status";

struct Patient {
    driver: Driver<OnlyReplica>,
    store: Store<Decoded<IamRoleBinding>>,
    /// How long the work takes.
    takes: Duration,
    /// Generations that were worked on.
    applied: Mutex<Vec<i64>>,
}

impl Reconciler for Patient {
    type Kind = IamRoleBinding;
    type Leadership = OnlyReplica;

    fn driver(&self) -> &Driver<OnlyReplica> {
        &self.driver
    }

    fn store(&self) -> &Store<Decoded<IamRoleBinding>> {
        &self.store
    }

    fn interval(&self, _: &IamRoleBinding) -> Duration {
        Duration::from_mins(10)
    }

    async fn apply(&self, binding: &IamRoleBinding) -> Report<IamRoleBindingStatus> {
        self.applied.lock().unwrap().push(binding.generation());
        sleep(self.takes).await;
        Report::new(Outcome::new(Reason::Succeeded, "done"), IamRoleBindingStatus::default())
    }

    async fn cleanup(&self, _: &IamRoleBinding) -> Cleanup<IamRoleBindingStatus> {
        Cleanup::Finished
    }

    fn has_released(&self, _: &IamRoleBinding) -> bool {
        false
    }

    async fn abandon(&self, _: &IamRoleBinding, _: &Outcome) {}
}

fn object(generation: i64) -> Value {
    json!({
        "apiVersion": "irsa-anywhere.dev/v1alpha1", "kind": "IamRoleBinding",
        "metadata": {"name": "app", "namespace": "team", "uid": "u-1", "resourceVersion": generation.to_string(),
                     "generation": generation, "finalizers": [IamRoleBinding::FINALIZER]},
        "spec": {"serviceAccounts": [{"name": "app"}]},
    })
}

fn binding(object: &Value) -> Decoded<IamRoleBinding> {
    Decoded::of(serde_json::from_value(object.clone()).unwrap())
}

/// A kind whose work takes so long, where calls to AWS have this load; with the binding that a pass is made over.
struct Bench {
    recorder: Recorder,
    reconciler: Arc<Patient>,
    writer: Writer<Decoded<IamRoleBinding>>,
}

impl Bench {
    fn new(takes: Duration, load: &Arc<Mutex<Load>>) -> Self {
        let recorder = Recorder::answering(200, object(1));
        let (store, mut writer) = store();
        writer.apply_watcher_event(&Event::Apply(binding(&object(1))));
        let load = Arc::clone(load);
        let reconciler = Arc::new(Patient {
            driver: recorder.driver().with_load(move || *load.lock().unwrap()),
            store,
            takes,
            applied: Mutex::default(),
        });
        Self {
            recorder,
            reconciler,
            writer,
        }
    }

    async fn pass(&self, seen: &Value) {
        reconcile(Arc::new(binding(seen)), Arc::clone(&self.reconciler))
            .await
            .unwrap();
    }

    /// The statuses that were written since the last time.
    fn statuses(&self) -> Vec<Value> {
        let requests = self.recorder.take().into_iter();
        let statuses = requests.filter(|(request, _)| request == STATUS);
        statuses.map(|(_, mut patch)| patch[1]["value"].take()).collect()
    }

    fn applied(&self) -> Vec<i64> {
        std::mem::take(&mut self.reconciler.applied.lock().unwrap())
    }
}

fn reasons(statuses: &[Value]) -> Vec<&str> {
    let conditions = statuses.iter().filter_map(|status| status["conditions"].as_array());
    let ready = conditions.flatten().filter(|condition| condition["type"] == "Ready");
    ready.filter_map(|ready| ready["reason"].as_str()).collect()
}

#[tokio::test(start_paused = true)]
async fn work_that_is_soon_done_writes_one_status_and_work_that_is_not_says_first_that_it_has_begun() {
    for (takes, expected) in [
        (1_900, ["Succeeded"].as_slice()),
        (2_100, ["Progressing", "Succeeded"].as_slice()),
    ] {
        let mut bench = Bench::new(Duration::from_millis(takes), &Arc::default());
        bench.pass(&object(1)).await;
        let mut written = bench.statuses();
        assert_eq!(reasons(&written), expected, "{takes} ms");

        let mut seen = object(1);
        seen["status"] = written.pop().unwrap();
        bench.writer.apply_watcher_event(&Event::Apply(binding(&seen)));
        bench.pass(&seen).await;
        assert_eq!(bench.statuses(), [] as [Value; 0], "nothing has changed");
        assert_eq!(bench.applied(), [1, 1]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_pass_that_has_waited_for_its_turn_makes_true_what_is_wanted_by_then() {
    let load = Arc::new(Mutex::new(Load {
        per_second: 1.0,
        waiting: 1,
        under_way: 0,
    }));
    let mut bench = Bench::new(Duration::ZERO, &load);
    let reconciler = Arc::clone(&bench.reconciler);
    let under_way = futures::future::join_all((0..8).map(|_| reconciler.driver.turns.begin())).await;

    let (seen, edited) = (object(1), object(2));
    let edit = async {
        sleep(Duration::from_secs(3)).await;
        bench.writer.apply_watcher_event(&Event::Apply(binding(&edited)));
        drop(under_way);
    };
    let pass = reconcile(Arc::new(binding(&seen)), Arc::clone(&reconciler));
    let (ended, ()) = tokio::join!(pass, edit);
    ended.unwrap();
    assert_eq!(bench.applied(), [2]);

    bench.statuses();
    let under_way = futures::future::join_all((0..8).map(|_| reconciler.driver.turns.begin())).await;
    let delete = async {
        sleep(Duration::from_secs(3)).await;
        bench.writer.apply_watcher_event(&Event::Delete(binding(&edited)));
        drop(under_way);
    };
    let pass = reconcile(Arc::new(binding(&edited)), Arc::clone(&reconciler));
    let (ended, ()) = tokio::join!(pass, delete);
    ended.unwrap();
    assert_eq!(bench.applied(), [] as [i64; 0], "it is gone");
    assert_eq!(bench.statuses(), [] as [Value; 0]);
}

#[tokio::test(start_paused = true)]
async fn when_the_process_ends_a_pass_that_waits_for_its_turn_is_left_to_the_next() {
    let load = Arc::new(Mutex::new(Load {
        per_second: 1.0,
        waiting: 1,
        under_way: 0,
    }));
    let mut bench = Bench::new(Duration::ZERO, &load);
    for event in [Event::Init, Event::InitApply(binding(&object(1))), Event::InitDone] {
        bench.writer.apply_watcher_event(&event);
    }
    let reconciler = Arc::clone(&bench.reconciler);
    let _under_way = futures::future::join_all((0..8).map(|_| reconciler.driver.turns.begin())).await;
    let (trigger, asked) = Trigger::over(bench.reconciler.store.clone());
    trigger.wake(&binding(&object(1)));
    let stop = sleep(Duration::from_secs(3));
    let running = run(&trigger, asked, Arc::clone(&bench.reconciler), 4, stop, || true);
    let ended = timeout(Duration::from_secs(30), running).await;
    ended.expect("it waits for a turn that never comes");
    assert_eq!(bench.applied(), [] as [i64; 0]);
}

/// A controller of so many objects that have come, which may end while it is `quiet`, and the trigger that asks it for passes.
fn many(
    bench: &mut Bench,
    count: usize,
    quiet: &Arc<AtomicBool>,
) -> (
    Trigger<IamRoleBinding>,
    Vec<Decoded<IamRoleBinding>>,
    JoinHandle<RunEnded>,
) {
    let many: Vec<_> = (0..count).map(|number| named(&format!("app-{number}"), 1)).collect();
    let (trigger, asked) = Trigger::over(bench.reconciler.store.clone());
    for event in [Event::Init, Event::InitDone]
        .into_iter()
        .chain(many.iter().cloned().map(Event::Apply))
    {
        bench.writer.apply_watcher_event(&event);
        trigger.follow(&event);
    }
    let (runs_for, reconciler, quiet) = (trigger.clone(), Arc::clone(&bench.reconciler), Arc::clone(quiet));
    let stop = sleep(Duration::from_hours(1));
    let quiet = move || quiet.load(Ordering::Relaxed);
    let running = tokio::spawn(async move { run(&runs_for, asked, reconciler, 4, stop, quiet).await });
    (trigger, many, running)
}

fn named(name: &str, generation: i64) -> Decoded<IamRoleBinding> {
    let mut object = object(generation);
    object["metadata"]["name"] = name.into();
    binding(&object)
}

fn delete(bench: &mut Bench, objects: &[Decoded<IamRoleBinding>]) {
    for object in objects {
        bench.writer.apply_watcher_event(&Event::Delete(object.clone()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_controller_ends_when_all_of_many_are_gone_and_with_one_left_when_it_is_told_to() {
    let cases = [
        (128, 128, RunEnded::AllGone),
        (128, 127, RunEnded::Stopped),
        (127, 127, RunEnded::Stopped),
    ];
    for (count, gone, ends) in cases {
        let mut bench = Bench::new(Duration::ZERO, &Arc::default());
        let (trigger, many, running) = many(&mut bench, count, &Arc::new(true.into()));
        sleep(Duration::from_secs(1)).await;
        trigger.wake(&many[0]);
        // All come and go between two looks.
        sleep(Duration::from_secs(40)).await;
        assert_eq!(bench.applied(), [1]);
        delete(&mut bench, &many[..gone]);
        sleep(Duration::from_mins(2)).await;
        assert_eq!(
            running.is_finished(),
            ends == RunEnded::AllGone,
            "{gone} of {count} gone"
        );
        let ended = timeout(Duration::from_hours(2), running).await;
        assert_eq!(ended.expect("it does not stop").unwrap(), ends);
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_controller_to_end_while_others_are_at_work_or_a_pass_of_its_own_hangs() {
    for (is_quiet, hangs) in [(false, 0), (true, 50)] {
        let mut bench = Bench::new(Duration::from_secs(hangs), &Arc::default());
        let quiet = Arc::new(AtomicBool::new(is_quiet));
        let (trigger, many, running) = many(&mut bench, 300, &quiet);
        sleep(Duration::from_secs(30)).await;
        trigger.wake(&many[0]);
        sleep(Duration::from_secs(1)).await;
        delete(&mut bench, &many);
        // After the look.
        sleep(Duration::from_secs(34)).await;
        assert_eq!(bench.applied(), [1]);
        bench.writer.apply_watcher_event(&Event::Apply(named("late", 7)));
        trigger.wake(&named("late", 7));
        sleep(Duration::from_secs(1)).await;
        assert_eq!(bench.applied(), [7]);
        delete(&mut bench, &[named("late", 7)]);
        quiet.store(true, Ordering::Relaxed);
        let ended = timeout(Duration::from_mins(4), running).await;
        assert_eq!(ended.expect("it does not end").unwrap(), RunEnded::AllGone);
    }
}
