//! Keeps the certificate: shows what is held, replaces it in time, and sees to it that API servers trust it.

use std::{fmt::Debug, pin::pin, time::Duration};

use futures::{Stream, StreamExt};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::{admissionregistration::v1::MutatingWebhookConfiguration, core::v1::Secret};
use kube::{
    Api, Client, Resource,
    runtime::{WatchStreamExt, watcher::watch_object},
};
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::{
    held::Held,
    issue,
    rotation::{Rotation, turn},
    store::{self, Change, Trust},
};
use crate::{metrics::CertificateMetrics, server::ShownCertificate};

/// Between two looks at the clock.
const LOOK: Duration = Duration::from_secs(30);
/// Between two writes of the configuration: whoever writes it against us is not answered at once.
const PAUSE: Duration = Duration::from_secs(3);

/// Names of what belongs to the webhook.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    pub(crate) namespace: String,
    pub(crate) service: String,
    pub(crate) secret: String,
    pub(crate) configuration: String,
}

impl Names {
    /// The name by which API servers call the Service.
    pub(crate) fn server(&self) -> String {
        format!("{}.{}.svc", self.service, self.namespace)
    }

    /// All names of the Service in the cluster.
    fn dns(&self) -> [String; 2] {
        [self.server(), format!("{}.cluster.local", self.server())]
    }
}

/// The keeper of one replica. Replicas agree by the Secret: each writes only to the version that it has read.
///
/// **Guarantees.** API servers are told whom to trust by who has just read the Secret itself: a replica whose watch is late writes nothing
/// over what the others know.
pub(crate) struct Keeper {
    pub(crate) client: Client,
    pub(crate) names: Names,
    /// How long API servers and other replicas may take to learn of a change.
    pub(crate) overlap: SignedDuration,
    pub(crate) shown: ShownCertificate,
    pub(crate) metrics: CertificateMetrics,
}

/// What the watches show, and since when it fits together.
#[derive(Debug, Default)]
struct Seen {
    secret: Option<Secret>,
    configuration: Option<MutatingWebhookConfiguration>,
    in_force: Option<Timestamp>,
    /// The leaf that is shown.
    leaf: String,
    /// When the configuration was written last.
    told: Option<Instant>,
    /// Whether a write of it waits for the pause to be over.
    is_held_back: bool,
}

impl Keeper {
    /// Keeps it for ever; `trusted` is called whenever API servers trust what is shown.
    pub(crate) async fn keep(self, mut trusted: impl FnMut()) {
        let secrets = Api::<Secret>::namespaced(self.client.clone(), &self.names.namespace);
        let mut secrets = pin!(watched(secrets, &self.names.secret));
        let configurations = Api::<MutatingWebhookConfiguration>::all(self.client.clone());
        let mut configurations = pin!(watched(configurations, &self.names.configuration));
        let mut look = tokio::time::interval(LOOK);
        let mut seen = Seen::default();
        loop {
            tokio::select! {
                Some(secret) = secrets.next() => seen.secret = secret,
                Some(configuration) = configurations.next() => seen.configuration = configuration,
                _ = look.tick() => {}
            }
            if self.pass(&mut seen, Timestamp::now()).await {
                trusted();
            }
            if std::mem::take(&mut seen.is_held_back) {
                look.reset_after(PAUSE);
            }
        }
    }

    /// One look at everything. Whether API servers trust what is shown.
    async fn pass(&self, seen: &mut Seen, now: Timestamp) -> bool {
        let Some(secret) = &seen.secret else {
            debug!(
                name = self.names.secret,
                "the Secret for the certificate is not there (yet)"
            );
            return false;
        };
        let texts = store::texts(secret);
        let held = match Held::read(texts, &self.names.server(), now) {
            Ok(held) => held,
            Err(problem) => {
                info!(%problem, "a certificate is made");
                self.write(secret, self.begun(now)).await;
                return false;
            }
        };
        let configuration = seen.configuration.as_ref();
        let trust = configuration.map_or(Trust::Lacking, |all| store::trust_in(all, texts.authorities));
        let is_trusted = trust != Trust::Lacking;
        seen.in_force = if is_trusted { seen.in_force.or(Some(now)) } else { None };
        let next = turn(&held.state(seen.in_force), self.overlap, now);
        if next != Rotation::Rest {
            info!(?next, "the certificate's turn");
            self.write(secret, self.changed(next, secret, now)).await;
        }
        if seen.leaf != texts.leaf {
            texts.leaf.clone_into(&mut seen.leaf);
            let until = held.leaf_until();
            self.metrics.shown_until(until.as_second());
            info!(%until, "a certificate is shown");
            self.shown.show(held.certified);
        }
        match configuration {
            Some(configuration) if trust != Trust::Exact => {
                seen.is_held_back = seen.told.is_some_and(|told| told.elapsed() < PAUSE);
                if !seen.is_held_back {
                    seen.told = Some(Instant::now());
                    self.tell(configuration, secret).await;
                }
            }
            Some(_) => {}
            None => debug!(
                name = self.names.configuration,
                "the webhook's configuration is not there (yet)"
            ),
        }
        is_trusted
    }

    /// Tells API servers whom to trust, if the Secret that was seen is the one that there is now.
    async fn tell(&self, configuration: &MutatingWebhookConfiguration, secret: &Secret) {
        match store::is_current(&self.client, secret).await {
            Ok(true) => {}
            Ok(false) => return debug!(name = self.names.secret, "the Secret has changed; it will be seen"),
            Err(error) => return warn!(%error, name = self.names.secret, "cannot read the certificate's Secret"),
        }
        match store::trust(&self.client, configuration, store::texts(secret).authorities).await {
            Ok(()) => info!("the API servers are told whom to trust"),
            Err(error) => warn!(
                %error,
                configuration = self.names.configuration,
                "cannot set its caBundle; if another manager sets it, take that away or give --certificate-directory"
            ),
        }
    }

    async fn write(&self, secret: &Secret, change: Result<Change, rcgen::Error>) {
        let change = match change {
            Ok(change) => change,
            Err(error) => return warn!(%error, "cannot make a certificate"),
        };
        match store::write(&self.client, secret, change).await {
            Ok(()) => {}
            Err(kube::Error::Api(status)) if status.code == 409 => debug!("another replica was faster"),
            Err(error) => warn!(%error, name = self.names.secret, "cannot write the certificate's Secret"),
        }
    }

    fn begun(&self, now: Timestamp) -> Result<Change, rcgen::Error> {
        let authority = issue::authority(now)?;
        let leaf = issue::leaf(&authority.key, &self.names.dns(), now)?;
        Ok(Change {
            authorities: Some(authority.certificate),
            authority_key: Some(authority.key),
            leaf: Some(leaf),
        })
    }

    fn changed(&self, next: Rotation, secret: &Secret, now: Timestamp) -> Result<Change, rcgen::Error> {
        let texts = store::texts(secret);
        match next {
            Rotation::Rest => Ok(Change::default()),
            Rotation::Begin => self.begun(now),
            Rotation::Announce => {
                let authority = issue::authority(now)?;
                Ok(Change {
                    authorities: Some(format!("{}{}", authority.certificate, newest(texts.authorities))),
                    authority_key: Some(authority.key),
                    leaf: None,
                })
            }
            Rotation::Renew => Ok(Change {
                leaf: Some(issue::leaf(texts.authority_key, &self.names.dns(), now)?),
                ..Change::default()
            }),
            Rotation::Forget => Ok(Change {
                authorities: Some(newest(texts.authorities).to_owned()),
                ..Change::default()
            }),
        }
    }
}

/// The object as it is, whenever it changes.
fn watched<K>(api: Api<K>, name: &str) -> impl Stream<Item = Option<K>> + use<K>
where
    K: Resource<DynamicType = ()> + Clone + Debug + Send + DeserializeOwned + 'static,
{
    let name = name.to_owned();
    watch_object(api, &name).default_backoff().filter_map(move |object| {
        let problem = object.as_ref().err().map(ToString::to_string);
        if let Some(problem) = problem {
            warn!(problem, kind = %K::kind(&()), name, "cannot watch it");
        }
        std::future::ready(object.ok())
    })
}

/// The first certificate of several in PEM.
fn newest(authorities: &str) -> &str {
    const END: &str = "-----END CERTIFICATE-----";
    let end = authorities.find(END).map(|at| at + END.len());
    let line = end.and_then(|end| authorities.get(end..)?.find('\n').map(|next| end + next + 1));
    authorities
        .get(..line.or(end).unwrap_or(authorities.len()))
        .unwrap_or(authorities)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use http::{Method, Request, Response};
    use k8s_openapi::{ByteString, api::admissionregistration::v1::MutatingWebhook};
    use kube::client::Body;
    use serde_json::json;
    use tower::service_fn;

    use super::*;

    const SEEN: &str = "7";

    #[test]
    fn the_newest_authority_is_the_first() {
        let one = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";
        let other = "-----BEGIN CERTIFICATE-----\nBB==\n-----END CERTIFICATE-----\n";
        assert_eq!(newest(&format!("{one}{other}")), one);
        assert_eq!(newest(one), one);
        assert_eq!(newest(one.trim_end()), one.trim_end());
        assert_eq!(newest(""), "");
    }

    fn names() -> Names {
        Names {
            namespace: "system".to_owned(),
            service: "webhook".to_owned(),
            secret: "certificate".to_owned(),
            configuration: "webhook".to_owned(),
        }
    }

    /// A keeper, and how often it wrote, on an API server whose Secret has this version and which takes every write.
    fn keeper(version: &'static str) -> (Keeper, Arc<Mutex<usize>>) {
        let writes = Arc::new(Mutex::new(0));
        let counted = Arc::clone(&writes);
        let service = service_fn(move |request: Request<Body>| {
            let answer = if request.method() == Method::GET {
                let secret =
                    json!({"metadata": {"name": "certificate", "namespace": "system", "resourceVersion": version}});
                json!({"apiVersion": "v1", "kind": "SecretList", "metadata": {}, "items": [secret]})
            } else {
                *counted.lock().unwrap() += 1;
                json!({"metadata": {"name": "webhook"}})
            };
            std::future::ready(Ok::<_, std::convert::Infallible>(Response::new(Body::from(
                answer.to_string().into_bytes(),
            ))))
        });
        let keeper = Keeper {
            client: Client::new(service, "system"),
            names: names(),
            overlap: SignedDuration::from_mins(10),
            shown: ShownCertificate::default(),
            metrics: CertificateMetrics::default(),
        };
        (keeper, writes)
    }

    fn seen(secret: &issue::Issued, leaf: &issue::Issued, bundle: &str) -> Seen {
        let bytes = |text: &str| ByteString(text.as_bytes().to_vec());
        let mut held = Secret::default();
        held.metadata.name = Some("certificate".to_owned());
        held.metadata.namespace = Some("system".to_owned());
        held.metadata.resource_version = Some(SEEN.to_owned());
        let data = [
            ("ca.crt", &secret.certificate),
            ("ca.key", &secret.key),
            ("tls.crt", &leaf.certificate),
            ("tls.key", &leaf.key),
        ];
        held.data = Some(
            data.into_iter()
                .map(|(key, text)| (key.to_owned(), bytes(text)))
                .collect(),
        );
        let mut webhook = MutatingWebhook::default();
        webhook.client_config.ca_bundle = Some(bytes(bundle));
        let mut configuration = MutatingWebhookConfiguration::default();
        configuration.metadata.name = Some("webhook".to_owned());
        configuration.webhooks = Some(vec![webhook]);
        Seen {
            secret: Some(held),
            configuration: Some(configuration),
            ..Seen::default()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn api_servers_are_told_by_who_has_read_the_secret_as_it_is_and_not_again_and_again() {
        let now = Timestamp::now();
        let made = || issue::authority(now).unwrap();
        let (authority, other) = (made(), made());
        let leaf = issue::leaf(&authority.key, &names().dns(), now).unwrap();
        let both = format!("{}{}", authority.certificate, other.certificate);
        // Where more are trusted than should be, they are trusted.
        for (bundle, is_trusted) in [("", false), (other.certificate.as_str(), false), (both.as_str(), true)] {
            let (late, writes) = keeper("8");
            let mut what_it_saw = seen(&authority, &leaf, bundle);
            assert_eq!(late.pass(&mut what_it_saw, now).await, is_trusted);
            assert_eq!(*writes.lock().unwrap(), 0, "by one that has seen an older Secret");

            let (current, writes) = keeper(SEEN);
            let mut what_it_saw = seen(&authority, &leaf, bundle);
            assert_eq!(current.pass(&mut what_it_saw, now).await, is_trusted);
            assert_eq!(*writes.lock().unwrap(), 1);
            // Somebody has put it back at once.
            assert_eq!(current.pass(&mut what_it_saw, now).await, is_trusted);
            assert!(what_it_saw.is_held_back);
            assert_eq!(*writes.lock().unwrap(), 1);
            tokio::time::advance(PAUSE).await;
            current.pass(&mut what_it_saw, now).await;
            assert_eq!(*writes.lock().unwrap(), 2);
        }
        let (content, writes) = keeper(SEEN);
        assert!(
            content
                .pass(&mut seen(&authority, &leaf, &authority.certificate), now)
                .await
        );
        assert_eq!(*writes.lock().unwrap(), 0);
    }
}
