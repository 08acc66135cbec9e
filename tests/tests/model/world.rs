//! A world, what happens in it, and how it ends.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, atomic::Ordering},
    time::Duration,
};

use irsa_testkit::{
    apiserver::MemoryApiServer,
    aws::{
        AwsError, Fault, FaultRule, InProcess, Service, Throttle,
        s3::{BucketOptions, PublicAccessBlock},
    },
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{
    actions::{AccountEdit, Action, ApiFaultKind, FaultKind},
    expectations::Left,
    invariants::Ledger,
    operator::{Operator, Outside, Trouble},
    others, tokens,
    users::{change_binding, put_account},
    wishes::{
        ACCOUNT, ACCOUNTS, BUCKET, BindingWish, FederationWish, NAMESPACES, OPERATOR_NAMESPACE, REGION, SLOTS,
        account_path, binding_path, namespace_path,
    },
};

/// After every action: long enough for a pass that nothing holds up.
const A_MOMENT: Duration = Duration::from_secs(1);
/// Longest that a call to be killed at is waited for: the next check of an unchanged world has been by then.
const UNTIL_A_CALL: u32 = 760;

/// What a history cost, to see that something was tested.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Stats {
    pub(crate) calls: usize,
    pub(crate) writes_checked: usize,
    pub(crate) kills_at_calls: usize,
}

pub(crate) struct World {
    pub(crate) outside: Outside,
    operator: Option<Operator>,
    ledger: Arc<Mutex<Ledger>>,
    pub(crate) federation: Option<FederationWish>,
    pub(crate) bindings: Vec<Option<BindingWish>>,
    pub(crate) tenants: [bool; 2],
    pub(crate) ever_served: BTreeSet<String>,
    pub(crate) left: Left,
    kills_at_calls: usize,
}

impl World {
    /// Two namespaces with their ServiceAccounts, a bucket, things of other people, and the operator.
    pub(crate) fn new() -> Self {
        let aws = InProcess::new(Timestamp::from_second(1_767_225_600).unwrap());
        let clock = aws.clone();
        let api = MemoryApiServer::new(move || clock.clock().now());
        for kind in ["oidcfederations", "iamrolebindings"] {
            api.default_status(
                &format!("apis/irsa-anywhere.dev/v1alpha1/{kind}"),
                json!({"observedGeneration": -1}),
            );
        }
        for namespace in NAMESPACES {
            let labels = json!({"tenant": "yes"});
            let metadata = json!({"name": namespace, "labels": labels});
            api.put(
                &namespace_path(namespace),
                json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}),
            );
            for account in ACCOUNTS {
                put_account(&api, namespace, account);
            }
        }
        api.put(&account_path(OPERATOR_NAMESPACE, tokens::CANARY), tokens::canary());
        let account = aws.account(ACCOUNT);
        let open = BucketOptions::in_region(REGION).with_public_access_block(Some(PublicAccessBlock::ACLS_ONLY));
        account.create_bucket(BUCKET, open);
        let all = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]});
        let credentials = account.create_user("irsa-anywhere", &all.to_string()).unwrap();
        let ledger = Arc::new(Mutex::new(Ledger::default()));
        let (watching, its_aws, its_api) = (Arc::clone(&ledger), aws.clone(), api.clone());
        aws.watch(move |effect| watching.lock().unwrap().happened(&its_aws, &its_api, effect));
        let outside = Outside {
            aws,
            api,
            credentials,
            trouble: Arc::default(),
            served: Arc::new(Mutex::new("k0".to_owned())),
            calls: Arc::default(),
            tokens: Arc::default(),
        };
        let operator = Operator::start(&outside);
        Self {
            outside,
            operator: Some(operator),
            ledger,
            federation: None,
            bindings: vec![None; SLOTS],
            tenants: [true; 2],
            ever_served: BTreeSet::from(["k0".to_owned()]),
            left: Left::default(),
            kills_at_calls: 0,
        }
    }

    /// Lives through it all, and to a good end.
    ///
    /// # Errors
    /// What went wrong.
    pub(crate) async fn live(mut self, history: &[Action]) -> Result<Stats, String> {
        self.noticed();
        for (number, action) in history.iter().enumerate() {
            self.perform(action).await;
            self.noticed();
            sleep(A_MOMENT).await;
            self.check_violations()
                .map_err(|violated| format!("after action {number}, {action:?}: {violated}"))?;
        }
        self.end().await?;
        Ok(Stats {
            calls: self.outside.calls.load(Ordering::Relaxed),
            writes_checked: self.ledger.lock().unwrap().checked,
            kills_at_calls: self.kills_at_calls,
        })
    }

    pub(crate) fn check_violations(&self) -> Result<(), String> {
        let ledger = self.ledger.lock().unwrap();
        if ledger.violations.is_empty() {
            Ok(())
        } else {
            Err(ledger.violations.join("\n"))
        }
    }

    /// The ledger learns what people did.
    pub(crate) fn noticed(&self) {
        let mut ledger = self.ledger.lock().unwrap();
        ledger.look(&self.outside.aws);
        ledger.wished(self.federation.as_ref(), &self.bindings, self.tenants);
    }

    /// The AWS of this world.
    pub(crate) fn aws(&self) -> &InProcess {
        &self.outside.aws
    }

    /// Whether the binding of this slot is ready.
    pub(crate) fn is_ready(&self, slot: usize) -> bool {
        let binding = self.outside.api.get(&binding_path(slot)).unwrap_or_default();
        let mut conditions = binding["status"]["conditions"].as_array().into_iter().flatten();
        conditions.any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
    }

    pub(crate) async fn perform(&mut self, action: &Action) {
        let aws = self.outside.aws.clone();
        match action {
            Action::Federation(edit) => self.edit_federation(edit),
            Action::DeleteFederation => self.delete_federation(),
            Action::Binding(slot, wish) => self.put_binding(*slot, wish.clone()),
            Action::EditBinding(number, edit) => {
                let slot = self.one_of_those_there(*number);
                if let Some(mut wish) = self.bindings[slot].clone() {
                    change_binding(&mut wish, edit);
                    self.put_binding(slot, wish);
                }
            }
            Action::DeleteBinding { number, force } => self.delete_binding(self.one_of_those_there(*number), *force),
            Action::Account {
                namespace,
                account,
                edit,
            } => {
                let (namespace, account) = (NAMESPACES[*namespace], ACCOUNTS[*account]);
                let path = account_path(namespace, account);
                let annotate = |value| {
                    self.outside
                        .api
                        .annotate(&path, "helm", "eks.amazonaws.com/role-arn", value);
                };
                match edit {
                    AccountEdit::Make => put_account(&self.outside.api, namespace, account),
                    AccountEdit::Delete => self.outside.api.delete(&path),
                    AccountEdit::Annotate(true) => annotate(Some("arn:somebody-else")),
                    AccountEdit::Annotate(false) => annotate(None),
                }
            }
            Action::Label { namespace, tenant } => {
                self.tenants[*namespace] = *tenant;
                let value = if *tenant { json!("yes") } else { Value::Null };
                let metadata = json!({"name": NAMESPACES[*namespace], "labels": {"tenant": value}});
                self.outside
                    .api
                    .put(&namespace_path(NAMESPACES[*namespace]), json!({"metadata": metadata}));
            }
            Action::Rotate(number) => {
                let kid = format!("k{number}");
                self.ever_served.insert(kid.clone());
                *self.outside.served.lock().unwrap() = kid;
            }
            Action::Role(number, edit) => others::edit_role(&aws, self.one_of_those_there(*number), edit),
            Action::Provider(edit) => others::edit_provider(&aws, edit),
            Action::Bucket(edit) => others::edit_bucket(&aws, edit),
            Action::Fault {
                calls,
                skip,
                times,
                kind,
            } => {
                aws.add_fault(FaultRule::new(calls, *times, fault(*kind)).after(*skip));
            }
            Action::ApiFault { skip, times, kind } => self.trouble(*skip, *times, Some(*kind)),
            Action::EndWatches => self.outside.api.end_watches(),
            Action::Lag(seconds) => {
                aws.account(ACCOUNT)
                    .set_consistency_delay(SignedDuration::from_secs(i64::from(*seconds)));
            }
            Action::Throttle(on) => {
                let throttle = on.then_some(Throttle {
                    per_second: 1.0,
                    burst: 3.0,
                });
                for service in [Service::Iam, Service::Sts] {
                    aws.set_throttle(service, throttle);
                }
            }
            Action::Restart => self.restart().await,
            Action::Stop { aws, calls, effect } => self.stop_at_call(*aws, *calls, *effect).await,
            Action::Wait(seconds) => sleep(Duration::from_secs(u64::from(*seconds))).await,
        }
    }

    /// The slot of one of the bindings that exist, as most that happens to others is of no consequence.
    fn one_of_those_there(&self, number: usize) -> usize {
        let there: Vec<usize> = (0..SLOTS).filter(|slot| self.bindings[*slot].is_some()).collect();
        there.get(number % there.len().max(1)).copied().unwrap_or(number)
    }

    pub(crate) fn trouble(&self, skip: usize, times: usize, kind: Option<ApiFaultKind>) {
        *self.outside.trouble.lock().unwrap() = Trouble {
            skip,
            times,
            kind,
            hung: 0,
        };
    }

    pub(crate) async fn restart(&mut self) {
        if let Some(operator) = self.operator.take() {
            operator.kill().await;
        }
        self.operator = Some(Operator::start(&self.outside));
    }

    async fn stop_at_call(&mut self, at_aws: bool, calls: usize, effect: bool) {
        let mark = self.outside.aws.mark();
        if at_aws {
            let fault = if effect { Fault::HangAfter } else { Fault::Hang };
            self.outside
                .aws
                .add_fault(FaultRule::new("*", usize::MAX, fault).after(calls));
        } else {
            let kind = if effect {
                ApiFaultKind::HangAfter
            } else {
                ApiFaultKind::Hang
            };
            self.trouble(calls, usize::MAX, Some(kind));
        }
        for _ in 0..UNTIL_A_CALL {
            sleep(A_MOMENT).await;
            let hangs = self.outside.trouble.lock().unwrap().hung > 0
                || self.outside.aws.since(mark).iter().any(|entry| entry.status.is_none());
            if hangs {
                self.kills_at_calls += 1;
                break;
            }
        }
        if let Some(operator) = self.operator.take() {
            operator.kill().await;
        }
        self.outside.aws.clear_faults();
        self.trouble(0, 0, None);
        self.operator = Some(Operator::start(&self.outside));
    }
}

fn fault(kind: FaultKind) -> Fault {
    let error = |status, code: &str| AwsError::new(status, code, "provoked by a test");
    match kind {
        FaultKind::Throttled => Fault::ErrorBefore(error(400, "Throttling")),
        FaultKind::Failed => Fault::ErrorBefore(error(500, "ServiceFailure")),
        FaultKind::FailedAfter => Fault::ErrorAfter(error(500, "ServiceFailure")),
        FaultKind::Refused => Fault::ErrorBefore(error(403, "AccessDenied")),
        FaultKind::Slow => Fault::Delay(Duration::from_secs(12)),
        FaultKind::Hang => Fault::Hang,
        FaultKind::HangAfter => Fault::HangAfter,
        FaultKind::Cut => Fault::CutBefore,
        FaultKind::CutAfter => Fault::CutAfter,
    }
}
