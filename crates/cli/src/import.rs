//! `import`: what a cluster has already, as manifests of ours, and what applying them would change. Read only.

mod account;
mod federation;
mod found;
mod guarded;
mod home;
mod manifest;
mod options;
mod report;

use futures::{StreamExt as _, stream};
use irsa_api::{IamRoleBinding, OidcFederation};
use irsa_core::import::{Candidate, candidates};
use irsa_pipeline::binding::observe::role::IamRole;
use serde_json::Value;

use self::{
    account::SeenAccount,
    found::Found,
    manifest::Wanted,
    report::{ImportedBinding, ImportedFederation},
};
pub(crate) use self::{options::ImportOptions, report::ImportReport};
use crate::{
    aws,
    cluster::Cluster,
    failure::Failure,
    plan::{self, Live, Offer},
};

/// Roles that are looked at together.
const AT_A_TIME: usize = 16;

/// Looks at the cluster, and at the accounts of the roles that it finds.
///
/// # Errors
/// Federations and bindings cannot be read and no federation is named, or the one that is named is not there.
pub(crate) async fn import(cluster: &Cluster, options: &ImportOptions) -> Result<ImportReport, Failure> {
    let mut found = Found::default();
    let live = match plan::live(cluster).await {
        Ok(live) => Some(live),
        Err(why) if options.federation.is_some() => {
            found.unseen.push(format!(
                "What is bound already and what applying this changes is not known: {why}."
            ));
            None
        }
        Err(why) => return Err(format!("{why}; with --federation bindings are written all the same").into()),
    };
    found.look(cluster, live.as_ref(), options.namespace.as_deref()).await;
    let homes = home::homes(live.as_ref(), &mut found, options).await?;
    let accounts = account::look(homes, &mut found).await;
    let candidates = candidates(&found.input);
    let mut wanted = Vec::new();
    for candidate in &candidates {
        match accounts.iter().find(|account| account.has(&candidate.role)) {
            Some(account) => wanted.push((candidate, account)),
            None => found.pass_over(candidate),
        }
    }
    let wanted = wanted.into_iter().map(async |(candidate, account)| Wanted {
        adopted: adopted(candidate, &candidates, account, options).await,
        candidate,
        account,
    });
    let wanted: Vec<Wanted<'_>> = stream::iter(wanted).buffered(AT_A_TIME).collect().await;
    let wanted = guarded::guarded(wanted, &mut found);
    let mut federations = Vec::new();
    for account in &accounts {
        let of_account: Vec<&Wanted<'_>> = wanted.iter().filter(|one| one.account.is(account)).collect();
        if !of_account.is_empty() {
            federations.push(federation::federation(account, &of_account, &found));
        }
    }
    let registered: Vec<_> = federations
        .iter()
        .map(ImportedFederation::registered)
        .collect::<Result<_, _>>()?;
    let registered: Vec<_> = registered.into_iter().flatten().collect();
    Ok(ImportReport {
        bindings: planned(cluster, live, &registered, &wanted).await?,
        federations,
        passed_over: found.passed_over,
        unseen: found.unseen,
    })
}

/// Each binding, with what the operator would do for it, where that can be known.
async fn planned(
    cluster: &Cluster,
    live: Option<Live>,
    federations: &[OidcFederation],
    wanted: &[Wanted<'_>],
) -> Result<Vec<ImportedBinding>, Failure> {
    let connect = aws::connect()?;
    let manifests: Vec<Value> = wanted.iter().map(manifest::binding).collect();
    let bindings = manifests
        .iter()
        .cloned()
        .map(serde_json::from_value)
        .collect::<Result<Vec<_>, _>>()?;
    let bindings: Vec<IamRoleBinding> = bindings.into_iter().map(plan::new).collect();
    let live = live.map(|live| live.with(federations, &bindings));
    let plans = wanted
        .iter()
        .zip(&bindings)
        .zip(manifests)
        .map(async |((one, binding), manifest)| {
            let offer = if one.adopted.is_ok() {
                Offer::Imagined
            } else {
                Offer::AsTagged
            };
            let plan = match &live {
                Some(live) => Some(plan::imagined(cluster, &connect, live, binding, offer).await),
                None => None,
            };
            ImportedBinding {
                remarks: manifest::remarks(one),
                offer: live.as_ref().and_then(|live| one.offer(&live.cluster)),
                plan,
                manifest,
            }
        });
    Ok(stream::iter(plans).buffered(AT_A_TIME).collect().await)
}

/// The role as it is where it can become the operator's, or why it cannot; empty where that is not asked for.
async fn adopted(
    candidate: &Candidate,
    all: &[Candidate],
    account: &SeenAccount,
    options: &ImportOptions,
) -> Result<IamRole, String> {
    if !options.adopt {
        return Err(String::new());
    }
    let same = all.iter().filter(|other| other.role == candidate.role);
    if same.count() > 1 {
        return Err("several bindings would need it, and the operator makes each role for one".to_owned());
    }
    let found = account.role(&candidate.role).await?;
    let audience = candidate.audience.as_deref();
    let subject = |name: &String| format!("system:serviceaccount:{}:{name}", candidate.namespace);
    let is_shut_out = |name: &&String| !account.lets_in(&found.role.trust, &subject(name), audience);
    if let Some(name) = candidate.accounts.iter().find(is_shut_out) {
        // Whoever may annotate a ServiceAccount may name any role there.
        return Err(format!(
            "its trust policy does not let the ServiceAccount {name} in today, and an annotation is only a wish"
        ));
    }
    let unread = found
        .role
        .inline
        .iter()
        .find(|(_, document)| serde_json::from_str::<Value>(document).is_err());
    if let Some((name, _)) = unread {
        return Err(format!("its inline policy {name} cannot be read"));
    }
    if let Some(why) = manifest::too_much(&found.role) {
        return Err(why);
    }
    let subjects: Vec<String> = candidate.accounts.iter().map(subject).collect();
    let others = account.subjects(&found.role.trust).into_iter();
    let others: Vec<String> = others.filter(|other| !subjects.contains(other)).collect();
    if !others.is_empty() {
        return Err(format!(
            "its trust policy lets in {} as well, and the operator would shut out whom the binding does not name",
            others.join(", ")
        ));
    }
    Ok(found)
}
