//! Histories that once went wrong, and some whose end is known.

use crate::{
    actions::{Action, FederationEdit},
    live,
    wishes::BindingWish,
};

fn lives(history: &[Action]) {
    if let Err(problem) = live(history) {
        panic!("{history:#?}\n{problem}");
    }
}

#[test]
fn a_federation_and_a_binding_are_made_changed_by_nobody_and_deleted() {
    lives(&[
        Action::Federation(FederationEdit::Create),
        Action::Binding(0, BindingWish::default()),
        Action::Wait(700),
    ]);
    lives(&[
        Action::Federation(FederationEdit::Create),
        Action::Binding(0, BindingWish::default()),
        Action::Wait(20),
        Action::DeleteFederation,
        Action::Wait(20),
        Action::DeleteBinding { slot: 0, force: false },
    ]);
}

/// IAM does not show yet what was made a moment ago: it is not gone, and must not be left behind.
#[test]
fn what_iam_does_not_show_yet_is_removed_too() {
    lives(&[
        Action::Federation(FederationEdit::Create),
        Action::Binding(0, BindingWish::default()),
        Action::Wait(20),
        Action::Lag(60),
        Action::DeleteBinding { slot: 0, force: false },
    ]);
    lives(&[
        Action::Lag(60),
        Action::Federation(FederationEdit::Create),
        Action::Wait(20),
        Action::Restart,
        Action::DeleteFederation,
    ]);
}
