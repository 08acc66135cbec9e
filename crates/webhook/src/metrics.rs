//! What `/metrics` shows of the webhook.

use std::sync::{Arc, atomic::AtomicI64};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, info::Info},
    registry::Registry,
};

use crate::{accounts::BoundAccounts, review::Verdict};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabel {
    result: &'static str,
}

/// Counts reviews by how they ended.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReviewMetrics {
    reviews: Family<ResultLabel, Counter>,
}

impl ReviewMetrics {
    pub(crate) fn count(&self, verdict: Verdict) {
        self.count_as(match verdict {
            Verdict::Injected => "injected",
            Verdict::Unchanged => "unchanged",
            Verdict::NotBound => "not_bound",
            Verdict::TooLarge => "too_large",
        });
    }

    pub(crate) fn count_unreadable(&self) {
        self.count_as("unreadable");
    }

    fn count_as(&self, result: &'static str) {
        self.reviews.get_or_create(&ResultLabel { result }).inc();
    }
}

/// When the shown certificate expires, in seconds since 1970; 0 before there is one.
#[derive(Debug, Clone, Default)]
pub(crate) struct CertificateMetrics {
    expires: Gauge<i64, AtomicI64>,
}

impl CertificateMetrics {
    pub(crate) fn shown_until(&self, seconds: i64) {
        self.expires.set(seconds);
    }
}

/// Everything that the webhook shows; docs/metrics.md lists the same.
pub(crate) fn registry(
    reviews: &ReviewMetrics,
    certificate: &CertificateMetrics,
    accounts: Arc<BoundAccounts>,
) -> Registry {
    let mut registry = Registry::with_prefix("irsa_anywhere_webhook");
    let help = "Reviews of pods, by how they ended";
    registry.register("reviews", help, reviews.reviews.clone());
    let help = "When the certificate that is shown expires, in seconds since 1970";
    registry.register(
        "certificate_expiry_timestamp_seconds",
        help,
        certificate.expires.clone(),
    );
    registry.register_collector(Box::new(KnownAccounts(accounts)));
    let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
    registry.register("build", "The release that runs", build);
    registry
}

#[derive(Debug)]
struct KnownAccounts(Arc<BoundAccounts>);

impl prometheus_client::collector::Collector for KnownAccounts {
    fn encode(&self, mut encoder: prometheus_client::encoding::DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        use prometheus_client::{encoding::EncodeMetric, metrics::gauge::ConstGauge};
        let gauge = ConstGauge::new(i64::try_from(self.0.len()).unwrap_or(i64::MAX));
        let help = "Bound ServiceAccounts that are known";
        gauge.encode(encoder.encode_descriptor("service_accounts", help, None, gauge.metric_type())?)
    }
}
