//! The log: its format and its filter.

use clap::ValueEnum;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::{
    filter::{ParseError, Targets, filter_fn},
    fmt::{self, MakeWriter},
    layer::SubscriberExt,
    registry,
    util::SubscriberInitExt,
};

/// Form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// Why a filter is none.
#[derive(Debug, thiserror::Error)]
pub enum FilterError {
    /// A level that is none, or a piece with two `=`.
    #[error("{0}; write a level, or target=level,…")]
    Unreadable(#[from] ParseError),
    /// A pattern over spans or their fields, which would otherwise be the name of a target that nobody has.
    #[error("{0:?} speaks of spans; write a level, or target=level,…")]
    Spans(String),
}

/// Starts logging to standard error.
///
/// # Errors
/// When the filter cannot be understood.
pub fn start(format: LogFormat, filter: &str) -> Result<(), FilterError> {
    match format {
        LogFormat::Json => json(filter, std::io::stderr)?.init(),
        LogFormat::Text => {
            let lines = fmt::layer().with_writer(std::io::stderr).with_ansi(false);
            filtered(filter)?.with(lines).init();
        }
    }
    Ok(())
}

/// One JSON object a line. The fields of a pass are those of its spans, outermost first, under `spans`.
fn json<W>(filter: &str, writer: W) -> Result<impl Subscriber + Send + Sync, FilterError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = fmt::layer().json().flatten_event(true).with_writer(writer);
    Ok(filtered(filter)?.with(lines))
}

fn filtered(filter: &str) -> Result<impl Subscriber + for<'a> registry::LookupSpan<'a> + Send + Sync, FilterError> {
    if filter.contains(['[', ']', '{', '}']) {
        return Err(FilterError::Spans(filter.to_owned()));
    }
    Ok(registry().with(filter.parse::<Targets>()?).with(filter_fn(is_discreet)))
}

/// The crates of the AWS SDK log whole requests and answers below `info`: documents, external ids, and whatever AWS echoes.
/// No filter lets that through; `irsa_aws` tells of each call itself.
fn is_discreet(metadata: &Metadata<'_>) -> bool {
    !metadata.target().starts_with("aws_") || *metadata.level() <= Level::INFO
}

#[cfg(test)]
mod tests {
    use std::{
        io::{self, Write},
        sync::{Arc, Mutex},
    };

    use tracing::{error_span, subscriber::with_default, trace, warn};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(filter: &str, act: impl FnOnce()) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        with_default(json(filter, move || writer.clone()).unwrap(), act);
        String::from_utf8(lines.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn no_filter_makes_the_sdk_tell_what_it_sends() {
        for filter in ["trace", "aws_smithy_runtime=trace", "info,aws_sdk_sts=debug"] {
            let log = logged(filter, || {
                trace!(target: "aws_smithy_runtime::client", "the request");
                tracing::debug!(target: "aws_sdk_sts::config", "the request");
                warn!(target: "aws_config::imds", "no credentials");
                warn!("ours");
            });
            assert!(!log.contains("the request"), "{filter}: {log}");
            assert!(log.contains("no credentials") || !filter.starts_with("trace"), "{log}");
        }
        assert!(logged("trace", || trace!("ours")).contains("ours"));
    }

    #[test]
    fn a_filter_is_a_level_and_targets_with_levels_of_their_own() {
        let log = logged("warn,irsa_aws=debug,irsa_controller=off", || {
            tracing::debug!(target: "irsa_aws::call", "a call");
            tracing::info!(target: "irsa_pipeline", "a step");
            warn!(target: "irsa_pipeline", "a warning");
            tracing::error!(target: "irsa_controller::watch", "silenced");
        });
        let told: Vec<bool> = ["a call", "a step", "a warning", "silenced"]
            .map(|text| log.contains(text))
            .into();
        assert_eq!(told, [true, false, true, false], "{log}");
        for (filter, fix) in [
            ("a=b=c", "target=level"),
            ("irsa_aws=loud", "target=level"),
            ("[pass]=debug", "spans"),
        ] {
            let problem = filtered(filter).err().unwrap().to_string();
            assert!(problem.contains(fix), "{problem}");
        }
    }

    #[test]
    fn a_line_is_one_object_with_the_fields_of_its_spans() {
        let log = logged("info", || {
            let pass = error_span!("pass", kind = "binding", object = "team/app", reconcile = "1a");
            pass.in_scope(|| error_span!("step", step = "plan").in_scope(|| warn!(count = 2, "two\nlines")));
        });
        let line: serde_json::Value = serde_json::from_str(&log).unwrap();
        assert_eq!((&line["message"], &line["count"]), (&"two\nlines".into(), &2.into()));
        assert_eq!(line["spans"][0]["object"], "team/app");
        assert_eq!(line["span"]["step"], "plan");
        assert_eq!(log.lines().count(), 1);
    }
}
