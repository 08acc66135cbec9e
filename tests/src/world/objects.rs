//! Objects in the cluster: written with kubectl, read as JSON, waited for with a deadline.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{Problem, World};

/// Longest that anything may take to become so. Generous: it is only ever waited out when a test fails.
const DEADLINE: Duration = Duration::from_secs(90);

/// Whether a condition of this type has this status.
pub fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    object
        .pointer("/status/conditions")?
        .as_array()?
        .iter()
        .find(|condition| condition.get("type").and_then(Value::as_str) == Some(kind))
}

/// Whether the object is ready and the status speaks of its current generation.
pub fn is_ready(object: &Value) -> bool {
    let current = object.pointer("/status/observedGeneration") == object.pointer("/metadata/generation");
    let settled = condition(object, "Reconciling").is_none() && condition(object, "Stalled").is_none();
    current && settled && says(object, "Ready", "True")
}

/// Whether a condition has this status or this reason.
pub fn says(object: &Value, kind: &str, status_or_reason: &str) -> bool {
    condition(object, kind).is_some_and(|condition| {
        ["status", "reason"]
            .iter()
            .any(|field| condition.get(field).and_then(Value::as_str) == Some(status_or_reason))
    })
}

impl World {
    /// What kubectl prints, as the administrator.
    ///
    /// # Errors
    /// What kubectl complains of, when it does not end well.
    pub async fn kubectl(&self, arguments: &[&str]) -> Result<String, Problem> {
        let output = self.cluster.kubectl(arguments).await?;
        if output.success {
            return Ok(output.stdout);
        }
        Err(format!("kubectl {}: {}", arguments.join(" "), output.stderr.trim()).into())
    }

    /// An object as JSON; `None` when there is none. `kind` as kubectl takes it, with `-n NAMESPACE` where it has one.
    ///
    /// # Errors
    /// When kubectl fails for another reason than that there is none.
    pub async fn get(&self, kind: &str, namespace: &str, name: &str) -> Result<Option<Value>, Problem> {
        let arguments = ["get", kind, name, "-n", namespace, "-o", "json", "--ignore-not-found"];
        let output = self.kubectl(&arguments).await?;
        if output.trim().is_empty() {
            return Ok(None);
        }
        Ok(Some(serde_json::from_str(&output)?))
    }

    /// Waits until the object is as wanted, and returns it.
    ///
    /// # Errors
    /// After the deadline: what was wanted, the object as it is, the tail of the operator's log and of AWS's calls.
    pub async fn wait_for(
        &self,
        what: &str,
        (kind, namespace, name): (&str, &str, &str),
        wanted: impl Fn(&Value) -> bool,
    ) -> Result<Value, Problem> {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let found = self.get(kind, namespace, name).await?;
            match found {
                Some(object) if wanted(&object) => return Ok(object),
                found if Instant::now() > deadline => return Err(self.report(what, kind, name, found.as_ref()).into()),
                _ => sleep(Duration::from_millis(150)).await,
            }
        }
    }

    /// Waits until the object is gone.
    ///
    /// # Errors
    /// As for [`Self::wait_for`].
    pub async fn wait_until_gone(&self, (kind, namespace, name): (&str, &str, &str)) -> Result<(), Problem> {
        let deadline = Instant::now() + DEADLINE;
        while let Some(object) = self.get(kind, namespace, name).await? {
            if Instant::now() > deadline {
                return Err(self.report("it should be gone", kind, name, Some(&object)).into());
            }
            sleep(Duration::from_millis(150)).await;
        }
        Ok(())
    }

    /// Waits until something outside the cluster is so.
    ///
    /// # Errors
    /// As for [`Self::wait_for`].
    pub async fn wait_until(&self, what: &str, so: impl Fn(&Self) -> bool) -> Result<(), Problem> {
        let deadline = Instant::now() + DEADLINE;
        while !so(self) {
            if Instant::now() > deadline {
                return Err(self.report(what, "world", "", None).into());
            }
            sleep(Duration::from_millis(150)).await;
        }
        Ok(())
    }

    /// Has a federation tell of the first inventory of its roles, which is taken after it is ready and told by the pass that comes next.
    ///
    /// # Errors
    /// As for [`Self::wait_for`].
    pub async fn roles_inventoried(&self, federation: &str) -> Result<(), Problem> {
        let federation = ("oidcfederation", "default", federation);
        let deadline = Instant::now() + DEADLINE;
        for look in 0.. {
            self.request_pass(&[federation], &format!("inventory-{look}")).await?;
            let (kind, namespace, name) = federation;
            let found = self.get(kind, namespace, name).await?;
            if found
                .as_ref()
                .is_some_and(|found| says(found, "RolesInventoried", "True"))
            {
                break;
            }
            if Instant::now() > deadline {
                return Err(self
                    .report("an inventory of the roles", kind, name, found.as_ref())
                    .into());
            }
            sleep(Duration::from_secs(1)).await;
        }
        Ok(())
    }

    /// Waits for a federation to be ready.
    ///
    /// # Errors
    /// As for [`Self::wait_for`].
    pub async fn federation_ready(&self, name: &str) -> Result<Value, Problem> {
        self.wait_for("Ready=True", ("oidcfederation", "default", name), is_ready)
            .await
    }

    /// Waits for a binding to be ready.
    ///
    /// # Errors
    /// As for [`Self::wait_for`].
    pub async fn binding_ready(&self, namespace: &str, name: &str) -> Result<Value, Problem> {
        self.wait_for("Ready=True", ("iamrolebinding", namespace, name), is_ready)
            .await
    }

    /// Asks for a pass over each object (kind, namespace, name) with this value, and waits until each has had it.
    ///
    /// # Errors
    /// As for [`Self::wait_for`].
    pub async fn request_pass(&self, objects: &[(&str, &str, &str)], value: &str) -> Result<(), Problem> {
        let annotation = format!("irsa-anywhere.dev/reconcile-requested-at={value}");
        for (kind, namespace, name) in objects {
            self.kubectl(&["annotate", "--overwrite", kind, name, "-n", namespace, &annotation])
                .await?;
            let echo = |object: &Value| {
                object.pointer("/status/lastHandledReconcileAt").and_then(Value::as_str) == Some(value)
            };
            self.wait_for("the request to be handled", (kind, namespace, name), echo)
                .await?;
        }
        Ok(())
    }

    /// Has the policy of `config/verify` list these audiences, too.
    ///
    /// # Errors
    /// When it is not there or cannot be changed.
    pub async fn allow_tokens_for(&self, audiences: &[&str]) -> Result<(), Problem> {
        let (kind, name) = ("validatingadmissionpolicy", "irsa-anywhere-tokens");
        let policy = self.get(kind, "default", name).await?.ok_or("there is no policy")?;
        let listed: Vec<String> = std::iter::once("sts.amazonaws.com")
            .chain(audiences.iter().copied())
            .map(|audience| format!("'{audience}'"))
            .collect();
        let listed = format!("[{}]", listed.join(", "));
        let mut validations = policy.pointer("/spec/validations").cloned().unwrap_or_default();
        for validation in validations.as_array_mut().into_iter().flatten() {
            if let Some(expression) = validation.get_mut("expression") {
                *expression = expression
                    .as_str()
                    .unwrap_or_default()
                    .replace("['sts.amazonaws.com']", &listed)
                    .into();
            }
        }
        if !validations.to_string().contains(&listed) {
            return Err(format!("the policy {name} has no list of audiences that could be made longer").into());
        }
        let patch = json!({"spec": {"validations": validations}}).to_string();
        self.kubectl(&["patch", kind, name, "--type", "merge", "-p", &patch])
            .await?;
        Ok(())
    }

    pub(super) async fn wait_for_crds(&mut self) -> Result<(), Problem> {
        for name in ["oidcfederations.irsa-anywhere.dev", "iamrolebindings.irsa-anywhere.dev"] {
            let crd = ("customresourcedefinition", "default", name);
            self.wait_for("Established=True", crd, |crd| says(crd, "Established", "True"))
                .await?;
        }
        Ok(())
    }

    fn report(&self, what: &str, kind: &str, name: &str, object: Option<&Value>) -> String {
        let object = object.map_or_else(|| "there is none".to_owned(), |object| format!("{object:#}"));
        let log = self
            .operator()
            .map_or_else(|problem| problem.to_string(), super::Operator::log_tail);
        let calls: Vec<String> = self
            .aws
            .requests()
            .iter()
            .rev()
            .take(15)
            .map(|call| {
                format!(
                    "{} {} {:?} {:?}",
                    call.operation, call.resource, call.status, call.error
                )
            })
            .collect();
        format!(
            "{kind} {name}: waited for {what}\n{object}\n\noperator:\n{log}\n\nlast calls of AWS, newest first:\n{}",
            calls.join("\n")
        )
    }
}
