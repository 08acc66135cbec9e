//! AWS attempts as metrics: counted by `irsa-aws`, read when somebody asks.

use std::fmt;

use irsa_aws::Attempts;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::counter::ConstCounter,
};

/// Every attempt of every AWS call, retries of the SDK included.
#[derive(Debug)]
pub(crate) struct AwsAttempts(pub(crate) Attempts);

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

#[cfg(test)]
mod tests {
    use prometheus_client::{encoding::text::encode, registry::Registry};

    use super::*;

    #[test]
    fn the_family_is_there_before_the_first_call() {
        let mut registry = Registry::with_prefix("irsa_anywhere");
        registry.register_collector(Box::new(AwsAttempts(Attempts::default())));
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        assert!(text.contains("# TYPE irsa_anywhere_aws_attempts counter"), "{text}");
    }
}
