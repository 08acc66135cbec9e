//! How a history ends.

use std::{sync::atomic::Ordering, time::Duration};

use irsa_testkit::aws::{Access, Mark, Service};
use jiff::SignedDuration;
use tokio::time::sleep;

use crate::{
    actions::{BucketEdit, ProviderEdit},
    expectations::End,
    others,
    view::{View, document_keys, is_our_object, is_our_provider, is_our_role},
    wishes::{ACCOUNT, FEDERATION, SLOTS, binding_path, provider_arn, role_name},
    world::World,
};

/// Until everything must be as it was asked for, once nothing goes wrong any more: the longest backoff, a pass's deadline
/// and an interval, and then some.
const TO_SETTLE: Duration = Duration::from_mins(30);
/// Two intervals.
const STEADY: Duration = Duration::from_mins(25);

impl World {
    /// Nothing goes wrong any more: everything becomes as asked for, and stays.
    ///
    /// # Errors
    /// What does not.
    pub(crate) async fn end(&mut self) -> Result<(), String> {
        let aws = self.outside.aws.clone();
        aws.clear_faults();
        for service in [Service::Iam, Service::Sts] {
            aws.set_throttle(service, None);
        }
        aws.account(ACCOUNT).set_consistency_delay(SignedDuration::ZERO);
        self.trouble(0, 0, None);
        sleep(TO_SETTLE).await;
        self.check_end("in the end")?;
        if self.make_room() {
            self.noticed();
            sleep(TO_SETTLE).await;
            self.check_end("with everything resumed and nothing foreign in the way")?;
        }
        self.check_steady("in a steady state").await?;
        self.restart().await;
        self.check_steady("after a restart").await
    }

    /// Resumes what is suspended, and takes what is foreign out of the operator's way. Says whether there was anything.
    fn make_room(&mut self) -> bool {
        let aws = self.outside.aws.clone();
        let view = View::of(&aws);
        let mut changed = false;
        for role in (0..SLOTS).map(role_name) {
            if view.roles.get(&role).is_some_and(|role| !is_our_role(role)) {
                others::delete_role(&aws.account(ACCOUNT), &role);
                changed = true;
            }
        }
        if view
            .providers
            .get(&provider_arn())
            .is_some_and(|found| !is_our_provider(&provider_arn(), found))
        {
            others::edit_provider(&aws, &ProviderEdit::Delete);
            changed = true;
        }
        for (jwks, key) in document_keys().into_iter().enumerate() {
            if view
                .objects
                .get(&key)
                .is_some_and(|(_, metadata)| !is_our_object(&key, metadata))
            {
                others::edit_bucket(&aws, &BucketEdit::Delete { jwks: jwks == 0 });
                changed = true;
            }
        }
        if let Some(mut wish) = self.federation.clone().filter(|wish| wish.suspend) {
            wish.suspend = false;
            self.outside.api.put(FEDERATION, wish.object());
            self.federation = Some(wish);
            changed = true;
        }
        for slot in 0..SLOTS {
            if let Some(mut wish) = self.bindings[slot].clone().filter(|wish| wish.suspend) {
                wish.suspend = false;
                self.put_binding(slot, wish);
                changed = true;
            }
        }
        changed
    }

    /// Whether no binding waits for a proof or goes without.
    fn is_all_proven(&self) -> bool {
        (0..SLOTS).filter(|slot| self.bindings[*slot].is_some()).all(|slot| {
            let binding = self.outside.api.get(&binding_path(slot)).unwrap_or_default();
            let mut conditions = binding["status"]["conditions"].as_array().into_iter().flatten();
            conditions.any(|condition| condition["type"] == "Verified" && condition["status"] == "True")
        })
    }

    fn check_end(&self, when: &str) -> Result<(), String> {
        self.check_violations()?;
        let served = self.outside.served.lock().unwrap().clone();
        let end = End {
            view: View::of(&self.outside.aws),
            api: &self.outside.api,
            federation: self.federation.as_ref(),
            bindings: &self.bindings,
            tenants: self.tenants,
            served: &served,
            ever_served: &self.ever_served,
            left: &self.left,
        };
        let problems = end.problems();
        if problems.is_empty() {
            Ok(())
        } else {
            Err(format!("{when}: {}", problems.join("\n")))
        }
    }

    /// Nothing is written any more, and everything stays as it is.
    async fn check_steady(&self, when: &str) -> Result<(), String> {
        let mark: Mark = self.outside.aws.mark();
        let tokens = self.outside.tokens.load(Ordering::Relaxed);
        self.outside.api.take_writes();
        sleep(STEADY).await;
        let calls = self.outside.aws.since(mark);
        let mut writes: Vec<String> = calls
            .iter()
            .filter(|call| call.access == Access::Write)
            .map(|call| format!("{} of {}", call.operation, call.resource))
            .collect();
        writes.extend(
            self.outside
                .api
                .take_writes()
                .iter()
                .map(|write| format!("{} {}", write.method, write.path)),
        );
        if !writes.is_empty() {
            return Err(format!("{when} it writes: {writes:#?}"));
        }
        let shown = calls
            .iter()
            .filter(|call| call.operation == "sts:AssumeRoleWithWebIdentity");
        let asked = self.outside.tokens.load(Ordering::Relaxed) - tokens;
        if self.is_all_proven() && shown.count() + asked > 0 {
            return Err(format!(
                "{when} it proves again what has not changed: it asked for {asked} tokens"
            ));
        }
        if calls.is_empty() && self.federation.is_some() {
            return Err(format!("{when} it looks at nothing"));
        }
        self.check_end(when)
    }
}
