//! Histories that once went wrong, and some whose end is known.

use crate::{
    actions::{
        AccountEdit, Action, ApiFaultKind, BindingEdit, BucketEdit, FaultKind, FederationEdit, ProviderEdit, RoleEdit,
    },
    live,
    wishes::BindingWish,
};

fn lives(history: &[Action]) {
    if let Err(problem) = live(history) {
        panic!("{history:#?}\n{problem}");
    }
}

/// A federation and a binding, an hour old, and then this.
fn lives_once_settled(rest: Vec<Action>) {
    let inline = BindingWish {
        inline: 1,
        ..BindingWish::default()
    };
    let mut history = vec![
        Action::Federation(FederationEdit::Create),
        Action::Binding(0, inline),
        Action::Wait(3_600),
    ];
    history.extend(rest);
    lives(&history);
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
        Action::DeleteBinding {
            number: 0,
            force: false,
        },
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
        Action::DeleteBinding {
            number: 0,
            force: false,
        },
    ]);
    lives(&[
        Action::Lag(60),
        Action::Federation(FederationEdit::Create),
        Action::Wait(20),
        Action::Restart,
        Action::DeleteFederation,
    ]);
}

#[test]
fn what_lost_its_tags_or_is_somebody_elses_is_left_alone() {
    for edit in [RoleEdit::StripTags, RoleEdit::Replace] {
        lives_once_settled(vec![
            Action::Role(0, edit),
            Action::Wait(700),
            Action::EditBinding(0, BindingEdit::Managed(2)),
            Action::DeleteBinding {
                number: 0,
                force: false,
            },
        ]);
    }
    for edit in [ProviderEdit::StripTags, ProviderEdit::Replace] {
        lives_once_settled(vec![
            Action::Provider(edit),
            Action::Federation(FederationEdit::SecondAudience(true)),
            Action::Wait(700),
            Action::DeleteBinding {
                number: 0,
                force: false,
            },
            Action::DeleteFederation,
        ]);
    }
}

#[test]
fn neighbours_and_other_statements_and_objects_stay() {
    lives_once_settled(vec![
        Action::Role(0, RoleEdit::MakeNeighbour),
        Action::Provider(ProviderEdit::MakeNeighbour),
        Action::Bucket(BucketEdit::AddObject),
        Action::Bucket(BucketEdit::AddStatement),
        Action::Bucket(BucketEdit::WidenStatement),
        Action::Wait(700),
        Action::DeleteBinding {
            number: 0,
            force: false,
        },
        Action::DeleteFederation,
    ]);
}

#[test]
fn everything_that_drifts_is_put_back() {
    use RoleEdit::{
        AttachAdministrator, Delete, Describe, DetachAll, DropBoundary, OpenTrust, OwnTag, PutInline, SwapBoundary,
        UnpinTrust, WidenTrust,
    };
    let roles = [
        OpenTrust,
        UnpinTrust,
        WidenTrust,
        OwnTag,
        AttachAdministrator,
        DetachAll,
        PutInline,
        SwapBoundary,
        DropBoundary,
        Describe,
        Delete,
    ];
    lives_once_settled(roles.into_iter().map(|edit| Action::Role(0, edit)).collect());
    let overwritten = BucketEdit::Overwrite { jwks: true };
    lives_once_settled(vec![
        Action::Provider(ProviderEdit::AddClientId),
        Action::Provider(ProviderEdit::RemoveClientId),
        Action::Provider(ProviderEdit::OwnTag),
        Action::Bucket(overwritten),
        Action::Bucket(BucketEdit::Overwrite { jwks: false }),
        Action::Bucket(BucketEdit::RemoveStatement),
    ]);
    lives_once_settled(vec![
        Action::Provider(ProviderEdit::Delete),
        Action::Bucket(BucketEdit::Delete { jwks: true }),
        Action::Bucket(BucketEdit::Delete { jwks: false }),
    ]);
}

/// Rights and subjects are replaced in one edit: nobody may have the new rights under the old trust, or the other way
/// round, not even for one call.
#[test]
fn rights_and_subjects_that_are_replaced_together_never_meet() {
    let other = BindingWish {
        accounts: 2,
        inline: 2,
        managed: 2,
        ..BindingWish::default()
    };
    lives_once_settled(vec![
        Action::Binding(0, other),
        Action::Wait(60),
        Action::Federation(FederationEdit::Boundary(2)),
        Action::EditBinding(0, BindingEdit::Accounts(4)),
    ]);
}

#[test]
fn guard_rails_that_tighten_close_a_suspended_role_too() {
    for edit in [
        FederationEdit::Policies(0),
        FederationEdit::Inline(false),
        FederationEdit::Boundary(2),
    ] {
        lives_once_settled(vec![
            Action::EditBinding(0, BindingEdit::Suspend(true)),
            Action::Wait(60),
            Action::Federation(edit),
        ]);
    }
    lives_once_settled(vec![
        Action::Federation(FederationEdit::OnlyTenants(true)),
        Action::EditBinding(0, BindingEdit::Suspend(true)),
        Action::Label {
            namespace: 0,
            tenant: false,
        },
    ]);
}

/// What docs/tenants.md says of a change in AWS: it is found within one interval, "of suspended bindings too".
#[test]
fn a_suspended_role_that_somebody_else_makes_wider_is_closed_too() {
    let edits = [
        RoleEdit::AttachAdministrator,
        RoleEdit::OpenTrust,
        RoleEdit::UnpinTrust,
        RoleEdit::WidenTrust,
        RoleEdit::SwapBoundary,
        RoleEdit::DropBoundary,
    ];
    for edit in edits {
        lives_once_settled(vec![
            Action::Federation(FederationEdit::Boundary(1)),
            Action::Wait(3_600),
            Action::EditBinding(0, BindingEdit::Suspend(true)),
            Action::Wait(60),
            Action::Role(0, edit),
        ]);
    }
}

/// Somebody had given the role more rights, and held them back by a boundary.
#[test]
fn a_boundary_that_is_put_back_lets_nothing_through_that_must_go() {
    lives_once_settled(vec![
        Action::Fault {
            calls: "*",
            skip: 0,
            times: 1,
            kind: FaultKind::Slow,
        },
        Action::Role(0, RoleEdit::AttachAdministrator),
        Action::Role(0, RoleEdit::SwapBoundary),
        Action::Restart,
    ]);
}

/// IAM showed the role as it was before its last change, and nobody looked at it again.
#[test]
fn a_suspended_role_that_iam_does_not_show_yet_is_closed_too() {
    lives(&[
        Action::Federation(FederationEdit::Create),
        Action::Wait(20),
        Action::Binding(0, BindingWish::default()),
        Action::Lag(5),
        Action::EditBinding(0, BindingEdit::Suspend(true)),
        Action::Federation(FederationEdit::Policies(0)),
    ]);
}

/// The condition spoke of the missing account, so the conflict of the other was told by every pass.
#[test]
fn a_conflict_behind_another_trouble_is_not_told_for_ever() {
    let both = BindingWish {
        accounts: 3,
        ..BindingWish::default()
    };
    lives(&[
        Action::Federation(FederationEdit::Create),
        Action::Binding(0, both),
        Action::Account {
            namespace: 0,
            account: 1,
            edit: AccountEdit::Annotate(true),
        },
        Action::Account {
            namespace: 0,
            account: 0,
            edit: AccountEdit::Delete,
        },
    ]);
}

/// One refusal of a listing was believed for an hour, though IAM takes a while to show what it grants; only a restart asked again.
#[test]
fn a_listing_that_was_refused_once_is_asked_for_the_next_time() {
    for calls in ["*", "iam:Get*"] {
        let refused = Action::Fault {
            calls,
            skip: 0,
            times: 1,
            kind: FaultKind::Refused,
        };
        lives(&[
            Action::Federation(FederationEdit::Create),
            Action::Binding(0, BindingWish::default()),
            refused,
            Action::Wait(5),
        ]);
    }
}

/// The role of a binding that is gone takes up the room that another one waits for.
#[test]
fn a_role_that_was_left_behind_counts_against_the_namespace() {
    let wish = |retain| BindingWish {
        accounts: 1,
        managed: 0,
        inline: 0,
        second_audience: false,
        long_session: false,
        no_annotations: false,
        retain,
        suspend: false,
    };
    lives(&[
        Action::Federation(FederationEdit::Create),
        Action::Binding(1, wish(true)),
        Action::Wait(20),
        Action::Federation(FederationEdit::MaxRoles(1)),
        Action::Binding(0, wish(false)),
        Action::DeleteBinding {
            number: 1,
            force: false,
        },
    ]);
}

fn plain() -> BindingWish {
    BindingWish {
        managed: 0,
        ..BindingWish::default()
    }
}

#[test]
fn a_provider_that_somebody_tags_while_iam_lags_does_not_outlive_its_documents() {
    lives(&[
        Action::Federation(FederationEdit::Create),
        Action::Binding(0, plain()),
        Action::Wait(20),
        Action::DeleteBinding {
            number: 0,
            force: false,
        },
        Action::ApiFault {
            skip: 0,
            times: 3,
            kind: ApiFaultKind::Failed,
        },
        Action::DeleteFederation,
        Action::Provider(ProviderEdit::OwnTag),
        Action::Lag(60),
        Action::Wait(61),
    ]);
}

#[test]
fn a_role_that_was_made_again_after_a_cut_is_removed_with_its_binding() {
    lives(&[
        Action::Federation(FederationEdit::Create),
        Action::Binding(0, plain()),
        Action::Restart,
        Action::Fault {
            calls: "iam:*",
            skip: 5,
            times: 5,
            kind: FaultKind::CutAfter,
        },
        Action::Wait(130),
        Action::DeleteFederation,
        Action::DeleteBinding {
            number: 0,
            force: false,
        },
        Action::Lag(60),
        Action::Rotate(2),
        Action::Account {
            namespace: 1,
            account: 0,
            edit: AccountEdit::Delete,
        },
        Action::Fault {
            calls: "iam:*",
            skip: 1,
            times: 2,
            kind: FaultKind::Throttled,
        },
    ]);
}

/// Both changed while a pass waited for AWS: the old text came within the new boundary, for one call.
#[test]
fn an_inline_policy_and_a_boundary_that_are_replaced_together_never_meet() {
    lives_once_settled(vec![
        Action::Fault {
            calls: "iam:*",
            skip: 0,
            times: 1,
            kind: FaultKind::Hang,
        },
        Action::EditBinding(0, BindingEdit::LongSession(true)),
        Action::EditBinding(0, BindingEdit::Inline(2)),
        Action::Federation(FederationEdit::Boundary(2)),
        Action::Wait(61),
    ]);
}
