//! What can happen to the operator's world.

use proptest::prelude::*;

use crate::wishes::{BindingWish, SLOTS};

/// One thing that happens. After each a little time passes.
#[derive(Debug, Clone)]
pub(crate) enum Action {
    /// An administrator makes the federation, or changes one thing of it.
    Federation(FederationEdit),
    /// An administrator deletes it.
    DeleteFederation,
    /// A tenant makes this binding, or makes it this.
    Binding(usize, BindingWish),
    /// A tenant changes one thing of one of those that there are.
    EditBinding(usize, BindingEdit),
    /// A tenant deletes one of them, and may ask for force.
    DeleteBinding { number: usize, force: bool },
    /// Somebody makes or deletes a ServiceAccount, or puts an annotation on it.
    Account {
        namespace: usize,
        account: usize,
        edit: AccountEdit,
    },
    /// An administrator labels a namespace as a tenant's, or takes the label off.
    Label { namespace: usize, tenant: bool },
    /// The API servers sign with another key from now on.
    Rotate(usize),
    /// Somebody else in the AWS account, about the role of one of them.
    Role(usize, RoleEdit),
    /// The same about the provider.
    Provider(ProviderEdit),
    /// The same about what is in the bucket.
    Bucket(BucketEdit),
    /// Calls to AWS go wrong.
    Fault {
        calls: &'static str,
        skip: usize,
        times: usize,
        kind: FaultKind,
    },
    /// Calls to the Kubernetes API go wrong.
    ApiFault {
        skip: usize,
        times: usize,
        kind: ApiFaultKind,
    },
    /// All watches end, as when an API server restarts.
    EndWatches,
    /// From now on IAM's reads show the account as it was so many seconds ago.
    Lag(u32),
    /// From now on IAM and STS let so few calls through, or all.
    Throttle(bool),
    /// The operator is killed and started again.
    Restart,
    /// The operator is killed at its n-th call from now on, to AWS or to Kubernetes, and started again.
    Stop { aws: bool, calls: usize, effect: bool },
    /// Time passes, in seconds.
    Wait(u32),
}

#[derive(Debug, Clone)]
pub(crate) enum FederationEdit {
    Create,
    SecondAudience(bool),
    Team(u8),
    OnlyTenants(bool),
    Policies(u8),
    Boundary(u8),
    Inline(bool),
    AllowRetain(bool),
    MaxRoles(u8),
    ShortCache(bool),
    Retain(bool),
    Suspend(bool),
}

#[derive(Debug, Clone)]
pub(crate) enum BindingEdit {
    Accounts(u8),
    Managed(u8),
    Inline(u8),
    SecondAudience(bool),
    LongSession(bool),
    NoAnnotations(bool),
    Retain(bool),
    Suspend(bool),
}

#[derive(Debug, Clone)]
pub(crate) enum AccountEdit {
    Make,
    Delete,
    Annotate(bool),
}

#[derive(Debug, Clone)]
pub(crate) enum RoleEdit {
    /// Anybody may assume it.
    OpenTrust,
    /// The issuer's `sub` is not pinned any more.
    UnpinTrust,
    /// Another ServiceAccount may assume it too.
    WidenTrust,
    StripTags,
    OwnTag,
    AttachAdministrator,
    DetachAll,
    PutInline,
    SwapBoundary,
    DropBoundary,
    Describe,
    Delete,
    /// Deleted, and made anew by somebody else.
    Replace,
    /// A role of somebody else whose name is nearly the same.
    MakeNeighbour,
}

#[derive(Debug, Clone)]
pub(crate) enum ProviderEdit {
    AddClientId,
    RemoveClientId,
    StripTags,
    OwnTag,
    Delete,
    Replace,
    MakeNeighbour,
}

#[derive(Debug, Clone)]
pub(crate) enum BucketEdit {
    Overwrite { jwks: bool },
    Delete { jwks: bool },
    RemoveStatement,
    WidenStatement,
    AddStatement,
    AddObject,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum FaultKind {
    Throttled,
    Failed,
    FailedAfter,
    Refused,
    Slow,
    Hang,
    HangAfter,
    Cut,
    CutAfter,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum ApiFaultKind {
    Failed,
    FailedAfter,
    Conflict,
    Hang,
    HangAfter,
}

fn federation_edit() -> impl Strategy<Value = FederationEdit> {
    use FederationEdit::{
        AllowRetain, Boundary, Create, Inline, MaxRoles, OnlyTenants, Policies, Retain, SecondAudience, ShortCache,
        Suspend, Team,
    };
    prop_oneof![
        4 => Just(Create),
        1 => any::<bool>().prop_map(SecondAudience),
        1 => (0..3_u8).prop_map(Team),
        2 => any::<bool>().prop_map(OnlyTenants),
        2 => (0..8_u8).prop_map(Policies),
        2 => (0..3_u8).prop_map(Boundary),
        1 => any::<bool>().prop_map(Inline),
        1 => any::<bool>().prop_map(AllowRetain),
        1 => (1..3_u8).prop_map(MaxRoles),
        1 => any::<bool>().prop_map(ShortCache),
        1 => any::<bool>().prop_map(Retain),
        1 => any::<bool>().prop_map(Suspend),
    ]
}

fn binding_edit() -> impl Strategy<Value = BindingEdit> {
    use BindingEdit::{Accounts, Inline, LongSession, Managed, NoAnnotations, Retain, SecondAudience, Suspend};
    prop_oneof![
        3 => (1..8_u8).prop_map(Accounts),
        3 => (0..8_u8).prop_map(Managed),
        2 => (0..3_u8).prop_map(Inline),
        1 => any::<bool>().prop_map(SecondAudience),
        1 => any::<bool>().prop_map(LongSession),
        1 => any::<bool>().prop_map(NoAnnotations),
        1 => any::<bool>().prop_map(Retain),
        1 => any::<bool>().prop_map(Suspend),
    ]
}

fn binding_wish() -> impl Strategy<Value = BindingWish> {
    (1..8_u8, 0..8_u8, 0..3_u8, prop::bool::weighted(0.2)).prop_map(|(accounts, managed, inline, retain)| BindingWish {
        accounts,
        managed,
        inline,
        retain,
        ..BindingWish::default()
    })
}

fn role_edit() -> impl Strategy<Value = RoleEdit> {
    use RoleEdit::{
        AttachAdministrator, Delete, Describe, DetachAll, DropBoundary, MakeNeighbour, OpenTrust, OwnTag, PutInline,
        Replace, StripTags, SwapBoundary, UnpinTrust, WidenTrust,
    };
    prop_oneof![
        Just(OpenTrust),
        Just(UnpinTrust),
        Just(WidenTrust),
        Just(StripTags),
        Just(OwnTag),
        Just(AttachAdministrator),
        Just(DetachAll),
        Just(PutInline),
        Just(SwapBoundary),
        Just(DropBoundary),
        Just(Describe),
        Just(Delete),
        Just(Replace),
        Just(MakeNeighbour),
    ]
}

fn provider_edit() -> impl Strategy<Value = ProviderEdit> {
    use ProviderEdit::{AddClientId, Delete, MakeNeighbour, OwnTag, RemoveClientId, Replace, StripTags};
    prop_oneof![
        2 => Just(AddClientId),
        2 => Just(RemoveClientId),
        1 => Just(StripTags),
        2 => Just(OwnTag),
        2 => Just(Delete),
        1 => Just(Replace),
        2 => Just(MakeNeighbour),
    ]
}

fn bucket_edit() -> impl Strategy<Value = BucketEdit> {
    prop_oneof![
        any::<bool>().prop_map(|jwks| BucketEdit::Overwrite { jwks }),
        any::<bool>().prop_map(|jwks| BucketEdit::Delete { jwks }),
        Just(BucketEdit::RemoveStatement),
        Just(BucketEdit::WidenStatement),
        Just(BucketEdit::AddStatement),
        Just(BucketEdit::AddObject),
    ]
}

fn fault() -> impl Strategy<Value = Action> {
    use FaultKind::{Cut, CutAfter, Failed, FailedAfter, Hang, HangAfter, Refused, Slow, Throttled};
    let calls = prop::sample::select(vec![
        "*",
        "iam:*",
        "s3:*",
        "iam:Create*",
        "iam:Delete*",
        "iam:Update*",
        "iam:Get*",
        "s3:Put*",
    ]);
    let kind = prop::sample::select(vec![
        Throttled,
        Failed,
        FailedAfter,
        Refused,
        Slow,
        Hang,
        HangAfter,
        Cut,
        CutAfter,
    ]);
    (calls, 0..6_usize, 1..7_usize, kind).prop_map(|(calls, skip, times, kind)| Action::Fault {
        calls,
        skip,
        times,
        kind,
    })
}

fn api_fault() -> impl Strategy<Value = Action> {
    use ApiFaultKind::{Conflict, Failed, FailedAfter, Hang, HangAfter};
    let kind = prop::sample::select(vec![Failed, FailedAfter, Conflict, Hang, HangAfter]);
    (0..5_usize, 1..5_usize, kind).prop_map(|(skip, times, kind)| Action::ApiFault { skip, times, kind })
}

/// Anything.
pub(crate) fn action() -> impl Strategy<Value = Action> {
    let slot = 0..SLOTS;
    let account = prop_oneof![
        3 => Just(AccountEdit::Make),
        1 => Just(AccountEdit::Delete),
        2 => any::<bool>().prop_map(AccountEdit::Annotate),
    ];
    prop_oneof![
        8 => federation_edit().prop_map(Action::Federation),
        2 => Just(Action::DeleteFederation),
        7 => (slot.clone(), binding_wish()).prop_map(|(slot, wish)| Action::Binding(slot, wish)),
        7 => (slot.clone(), binding_edit()).prop_map(|(slot, edit)| Action::EditBinding(slot, edit)),
        3 => (slot.clone(), prop::bool::weighted(0.3)).prop_map(|(number, force)| Action::DeleteBinding { number, force }),
        2 => (0..2_usize, 0..3_usize, account)
            .prop_map(|(namespace, account, edit)| Action::Account { namespace, account, edit }),
        2 => (0..2_usize, any::<bool>()).prop_map(|(namespace, tenant)| Action::Label { namespace, tenant }),
        1 => (0..3_usize).prop_map(Action::Rotate),
        9 => (slot, role_edit()).prop_map(|(slot, edit)| Action::Role(slot, edit)),
        5 => provider_edit().prop_map(Action::Provider),
        5 => bucket_edit().prop_map(Action::Bucket),
        7 => fault(),
        3 => api_fault(),
        1 => Just(Action::EndWatches),
        3 => prop::sample::select(vec![0, 0, 5, 60]).prop_map(Action::Lag),
        1 => any::<bool>().prop_map(Action::Throttle),
        2 => Just(Action::Restart),
        6 => (prop::bool::weighted(0.7), 0..9_usize, any::<bool>())
            .prop_map(|(aws, calls, effect)| Action::Stop { aws, calls, effect }),
        6 => prop::sample::select(vec![0, 1, 5, 20, 61, 130, 700, 1_900]).prop_map(Action::Wait),
    ]
}

/// A history: mostly a federation and a binding come first, as little happens without.
pub(crate) fn history() -> impl Strategy<Value = Vec<Action>> {
    let start = prop_oneof![
        4 => (0..SLOTS, binding_wish()).prop_map(|(slot, wish)| vec![
            Action::Federation(FederationEdit::Create),
            Action::Binding(slot, wish),
        ]),
        4 => (0..SLOTS, binding_wish()).prop_map(|(slot, wish)| vec![
            Action::Federation(FederationEdit::Create),
            Action::Binding(slot, wish),
            Action::Wait(20),
        ]),
        1 => Just(Vec::new()),
    ];
    (start, prop::collection::vec(action(), 2..22)).prop_map(|(mut start, rest)| {
        start.extend(rest);
        start
    })
}
