//! The registry of all metrics: the controllers' figures, `irsa-aws`'s, which are read when somebody asks, and which build this is.

use std::fmt;

use irsa_aws::{Attempts, SdkConnect};
use irsa_controller::{leadership::ElectionMetrics, metrics::Metrics};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{counter::ConstCounter, gauge::ConstGauge, info::Info},
    registry::Registry,
};

/// Everything that `/metrics` shows; docs/metrics.md lists the same.
pub(crate) fn registry(metrics: &Metrics, connect: &SdkConnect, election: ElectionMetrics) -> Registry {
    let mut registry = Registry::with_prefix("irsa_anywhere");
    metrics.register(&mut registry);
    registry.register_collector(Box::new(AwsAttempts(connect.attempts())));
    registry.register_collector(Box::new(AwsPace(connect.clone())));
    registry.register_collector(Box::new(election));
    let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
    registry.register("build", "The release that runs", build);
    registry
}

/// Every attempt of every AWS call, retries of the SDK included.
#[derive(Debug)]
struct AwsAttempts(Attempts);

impl Collector for AwsAttempts {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let counter = ConstCounter::new(0_u64);
        let help = "Attempts of AWS calls, by service, operation and how they ended";
        let mut family = encoder.encode_descriptor("aws_attempts", help, None, counter.metric_type())?;
        for ((operation, result), count) in self.0.snapshot() {
            let labels = [
                ("service", operation.service()),
                ("operation", operation.name()),
                ("result", result.label()),
            ];
            ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

/// How much AWS slows us down. Accounts are no label: a federation may name any number of them.
#[derive(Debug)]
struct AwsPace(SdkConnect);

impl Collector for AwsPace {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let gauge = ConstGauge::new(self.0.limiters().slowest_share());
        let help = "What AWS was found to bear as a share of --aws-calls-per-second, in the account and service where that is least";
        gauge.encode(encoder.encode_descriptor("aws_pace_ratio", help, None, gauge.metric_type())?)?;
        let load = self.0.limiters().load();
        let gauge = ConstGauge::new(load.per_second);
        let help = "Pace of calls to AWS per second, in the account and service where most calls wait";
        gauge.encode(encoder.encode_descriptor("aws_pace_calls_per_second", help, None, gauge.metric_type())?)?;
        let gauge = ConstGauge::new(i64::try_from(load.waiting).unwrap_or(i64::MAX));
        let help = "Attempts of AWS calls that wait for the pace, in the account and service where most do";
        gauge.encode(encoder.encode_descriptor("aws_attempts_waiting", help, None, gauge.metric_type())?)
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, fs, path::Path};

    use irsa_aws::Settings;
    use irsa_controller::metrics::PassResult;
    use irsa_core::vocabulary::EventReason;
    use prometheus_client::encoding::text::encode;

    use super::*;

    fn exposed(metrics: &Metrics) -> String {
        let connect = SdkConnect::new(Settings::default()).unwrap();
        let mut text = String::new();
        encode(&mut text, &registry(metrics, &connect, ElectionMetrics::default())).unwrap();
        text
    }

    #[test]
    fn what_no_pass_and_no_call_is_needed_for_is_there_from_the_start() {
        let text = exposed(&Metrics::default());
        for line in [
            "# TYPE irsa_anywhere_aws_attempts counter",
            "irsa_anywhere_aws_pace_ratio 1",
            "irsa_anywhere_aws_attempts_waiting 0",
            concat!(
                "irsa_anywhere_build_info{version=\"",
                env!("CARGO_PKG_VERSION"),
                "\"} 1"
            ),
            "irsa_anywhere_published_keys 0",
            "irsa_anywhere_documents_tampered_total 0",
            "irsa_anywhere_objects{kind=\"federation\",state=\"ready\"} 0",
            "irsa_anywhere_object_reasons{kind=\"binding\",reason=\"AccessDenied\"} 0",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        assert!(!text.contains("_timestamp_seconds{"), "nothing waits yet\n{text}");
    }

    /// Name as it is queried, and type.
    fn families(text: &str) -> BTreeMap<String, String> {
        let types = text
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
        types
            .map(|(name, kind)| {
                let suffix = match kind {
                    "counter" => "_total",
                    "info" => "_info",
                    _ => "",
                };
                (format!("{name}{suffix}"), kind.to_owned())
            })
            .collect()
    }

    /// Exposed once the Lease was seen, which says it.
    const LATER: [&str; 1] = ["irsa_anywhere_leader_transitions_total"];

    #[test]
    fn the_reference_lists_exactly_what_is_exposed_with_its_type() {
        let metrics = Metrics::default();
        // A family that nobody has touched is not exposed.
        metrics
            .pass(irsa_pipeline::object::ObjectKind::Federation)
            .ended(PassResult::Done);
        metrics.count_drift_repaired(irsa_pipeline::object::ObjectKind::Binding);
        metrics.count_key_transition(EventReason::KeyPublished);
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/metrics.md");
        let page = fs::read_to_string(page).unwrap();
        let rows = page.lines().filter_map(|line| line.strip_prefix("| `irsa_anywhere_"));
        let mut documented: BTreeMap<String, String> = rows
            .map(|row| {
                let (name, rest) = row.split_once('`').unwrap();
                let kind = rest.split('|').nth(1).unwrap().trim();
                (format!("irsa_anywhere_{name}"), kind.to_owned())
            })
            .collect();
        for name in LATER {
            assert_eq!(documented.remove(name).as_deref(), Some("counter"), "{name}");
        }
        assert_eq!(documented, families(&exposed(&metrics)));
    }
}
