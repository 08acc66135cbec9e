//! Who waits for whom: nobody for somebody else's endpoint that hangs, and everybody in the account when AWS throttles one.

use std::time::Duration;

use irsa_testkit::aws::{AwsError, Fault, FaultRule};
use tokio::time::sleep;

use crate::{
    actions::{Action, BindingEdit, FederationEdit},
    in_virtual_time,
    wishes::{BindingWish, SLOTS, role_name},
    world::World,
};

/// A world with a federation that has been ready for long, and these bindings of it.
async fn world_with(slots: impl Iterator<Item = usize>) -> World {
    let mut world = World::new();
    world.perform(&Action::Federation(FederationEdit::Create)).await;
    sleep(Duration::from_mins(1)).await;
    for slot in slots {
        bind(&mut world, slot).await;
    }
    sleep(Duration::from_mins(1)).await;
    world
}

async fn bind(world: &mut World, slot: usize) {
    // No two of one namespace want the same ServiceAccount.
    let accounts = [1, 2][slot % 2];
    let wish = BindingWish {
        accounts,
        ..BindingWish::default()
    };
    world.perform(&Action::Binding(slot, wish)).await;
}

#[test]
fn a_hung_endpoint_holds_up_nobody_but_the_object_that_called_it() {
    in_virtual_time(async {
        let mut world = world_with(std::iter::empty()).await;
        world
            .aws()
            .add_fault(FaultRule::new("iam:*", usize::MAX, Fault::Hang).on(&role_name(0)));
        for slot in 0..SLOTS {
            bind(&mut world, slot).await;
        }
        sleep(Duration::from_secs(5)).await;
        let ready: Vec<bool> = (0..SLOTS).map(|slot| world.is_ready(slot)).collect();
        assert_eq!(ready, [false, true, true, true]);
        world.aws().clear_faults();
        sleep(Duration::from_mins(5)).await;
        assert!(world.is_ready(0), "and it gets over it");
    });
}

/// After a first refusal nothing goes for half a second. How the calls that waited share the tokens after that is chance.
const WHILE_ALL_WAIT: Duration = Duration::from_millis(400);

/// Calls to IAM about other roles than the first, soon after their bindings were edited, a moment after the first.
async fn calls_of_others(throttled: bool) -> usize {
    let mut world = world_with(0..SLOTS).await;
    if throttled {
        let refused = Fault::ErrorBefore(AwsError::new(400, "Throttling", "Rate exceeded"));
        world
            .aws()
            .add_fault(FaultRule::new("iam:*", 3, refused).on(&role_name(0)));
    }
    world.perform(&Action::EditBinding(0, BindingEdit::Managed(6))).await;
    sleep(Duration::from_millis(50)).await;
    let mark = world.aws().mark();
    for slot in 1..SLOTS {
        world.perform(&Action::EditBinding(slot, BindingEdit::Managed(6))).await;
    }
    sleep(WHILE_ALL_WAIT).await;
    let calls = world.aws().since(mark);
    calls
        .iter()
        .filter(|call| call.operation.starts_with("iam:") && call.resource != role_name(0))
        .count()
}

#[test]
fn throttling_of_one_object_slows_all_of_the_account() {
    let usual = in_virtual_time(calls_of_others(false));
    let slowed = in_virtual_time(calls_of_others(true));
    assert!(usual >= 15, "{usual}");
    assert_eq!(slowed, 0, "instead of {usual}");
}
