//! `bootstrap`: an issuer that AWS knows before there is a cluster, and its hand-over to the operator of the cluster.
//!
//! What is published is what the operator would publish for the same `OidcFederation`, by its own plan, and carries marks of an owner of
//! its own. A hand-over adds the mark by which the operator takes things over; nothing is out of reach meanwhile.

mod hand_over;
mod report;

use std::{fs, path::Path};

use irsa_api::OidcFederation;
use irsa_aws::{CallerIdentity as _, Connect as _, PublicRead, PublicReader as _, SdkConnect};
use irsa_core::{
    history::KeyRecord,
    jwks::{self, JwksError, KeySet, PemError},
    plan::federation::{DesiredFederation, FederationPlan, FederationRefusal, FederationStep},
};
use irsa_pipeline::{
    federation::{
        execute::{Done, Executor},
        observe::{aws::read, cluster::StoredRecord, facts::PublishFacts},
        plan::desired,
        validate::validate,
    },
    permit::OnlyReplica,
    spec::{location::Location, target::PublishTarget},
};
use kube::ResourceExt;

pub(crate) use self::hand_over::hand_over;
use self::report::BootstrapReport;
use crate::{aws, failure::Failure, manifests};

/// Whose things are that no cluster has yet, where a cluster has the UID of its kube-system.
const OWNER: &str = "bootstrap";

/// Prints, or publishes.
///
/// # Errors
/// The file has no federation that publishes to S3, a key is none, or something there is somebody else's.
pub(crate) async fn bootstrap(
    file: &Path,
    keys: &[std::path::PathBuf],
    publish: bool,
) -> Result<BootstrapReport, Failure> {
    let federation = federation(file)?;
    let location = validate(&federation, OWNER)?.location;
    let keys = keys.iter().map(|file| key(file)).collect::<Result<Vec<_>, _>>()?;
    let keys = KeySet::of(keys)?;
    let mut report = BootstrapReport::of(&federation, &location, &keys);
    if publish {
        let connect = aws::connect()?;
        report.made = Some(Box::pin(published(&connect, &federation, &location, &keys)).await?);
        report.unreadable = unreadable(&connect, &report).await;
    }
    Ok(report)
}

/// The one federation of a file.
fn federation(file: &Path) -> Result<OidcFederation, Failure> {
    let found = manifests::objects(file, "default")?.federations;
    let [federation] = found.try_into().map_err(|found: Vec<OidcFederation>| {
        format!(
            "{} has {} OidcFederations in it, and bootstrap is for one",
            file.display(),
            found.len()
        )
    })?;
    Ok(federation)
}

fn key(file: &Path) -> Result<jwks::PublicKey, Failure> {
    let pem = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    jwks::from_pem(&pem).map_err(|error| {
        let file = file.display();
        if error == PemError::Private {
            return format!(
                "{file} is a private key, which stays where it is: give the public one, openssl pkey -in {file} -pubout"
            )
            .into();
        }
        format!("{file} {error}").into()
    })
}

/// A key that is published may sign already: without it AWS would refuse the tokens of a cluster that is there.
fn check_none_lost(published: &[u8], keys: &KeySet) -> Result<(), Failure> {
    let published = match jwks::parse(published) {
        Ok(published) => published,
        Err(JwksError::Empty) => return Ok(()),
        Err(error) => {
            return Err(format!(
                "the key set that is published under this issuer cannot be read ({error}), so nobody knows whose keys would go: delete it \
                 if nobody needs it"
            )
            .into());
        }
    };
    let given = |lost: &&jwks::PublicKey| !keys.keys().iter().any(|key| key.thumbprint() == lost.thumbprint());
    match published.keys().iter().find(given) {
        Some(lost) => Err(format!(
            "the key {} is published under this issuer and is not among --key: a cluster may sign with it. Give it as another --key, or \
             delete the key set if it is of no use to anybody",
            lost.kid()
        )
        .into()),
        None => Ok(()),
    }
}

/// What was done, in words; nothing where it was done before.
async fn published(
    connect: &SdkConnect,
    federation: &OidcFederation,
    location: &Location,
    keys: &KeySet,
) -> Result<Vec<String>, Failure> {
    if let PublishTarget::External = location.target {
        let name = federation.name_any();
        return Err(format!("OidcFederation {name} has spec.publish.external: whoever that is publishes what is printed without --publish").into());
    }
    let aws = connect.connect(&location.connection).await?;
    let facts = PublishFacts::of(location, None, false);
    let found = read(&aws, location, facts).await?;
    if let Some(document) = &found.jwks {
        check_none_lost(&document.bytes, keys)?;
    }
    let record = KeyRecord::new(OWNER).to_json();
    let wanted = desired(location, federation, aws.caller(), keys, record, None)?;
    let plan = FederationPlan::apply(&wanted, &found, None).map_err(|refusal| refused(&refusal, &wanted))?;
    let saves = |step: &FederationStep| matches!(step, FederationStep::SaveRecord { .. });
    let steps: Vec<FederationStep> = plan.steps.into_iter().filter(|step| !saves(step)).collect();
    let executor = Executor {
        aws: &aws,
        leadership: &OnlyReplica,
        records: None,
        stored: &StoredRecord::default(),
        location,
    };
    let mut done = Done::default();
    let ended = executor.execute(&steps, &mut done).await;
    let made = report::in_words(&done.steps);
    ended.map_err(|failure| {
        if made.is_empty() {
            return failure.message;
        }
        format!(
            "{} Done before that: {}. Once that is mended, run it again.",
            failure.message,
            made.join("; ")
        )
    })?;
    Ok(made)
}

/// Something there is somebody else's: what the operator would advise is of no use without one.
fn refused(refusal: &FederationRefusal, wanted: &DesiredFederation) -> String {
    match refusal {
        FederationRefusal::ForeignDocuments(_) => {
            "there are documents under this issuer that bootstrap did not write; choose an issuer with another path, or delete them if \
             nobody needs them"
                .to_owned()
        }
        FederationRefusal::Statement(error) => format!("{error}; remove it, or choose an issuer with another path"),
        FederationRefusal::ForeignProvider { .. } => format!(
            "the IAM OIDC provider {} is there already, and bootstrap did not make it; delete it if nobody needs it, or set \
             spec.provider.management: Existing",
            wanted.provider.arn
        ),
    }
}

/// Why nobody gets what was published.
async fn unreadable(connect: &SdkConnect, report: &BootstrapReport) -> Option<String> {
    let public = connect.public_reader();
    for document in [&report.discovery, &report.keys] {
        let url = &document.url;
        match public.read(url, None).await {
            Ok(PublicRead::Document(found)) if found.bytes == document.text.as_bytes() => {}
            Ok(_) => return Some(format!("{url} has something else")),
            Err(error) => return Some(format!("{url} cannot be read: {error}")),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "-----BEGIN PUBLIC KEY-----\n\
        MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEPg+3CjVR/UqeKD96uPZ/QGQO2gYX\n\
        cbVserrmtTEV7DJB3M2fnC/TdttaU/6Y0Wjs6lkpwDAgx0LPAEvDCxUt7A==\n\
        -----END PUBLIC KEY-----\n";

    #[test]
    fn no_key_is_lost_that_may_sign_also_where_nobody_can_read_which_there_are() {
        let keys = KeySet::of([jwks::from_pem(KEY).unwrap()]).unwrap();
        let same = irsa_core::documents::jwks(&keys);
        assert!(check_none_lost(&same, &keys).is_ok());
        assert!(check_none_lost(br#"{"keys":[]}"#, &keys).is_ok());
        // Beside a key that is good, one without a kid.
        let same = String::from_utf8(same).unwrap();
        let odd = same.replace("\"keys\":[", "\"keys\":[{\"kty\":\"EC\"},");
        assert_ne!(odd, same);
        let refused = check_none_lost(odd.as_bytes(), &keys).unwrap_err().to_string();
        assert!(refused.contains("cannot be read"), "{refused}");
    }
}
