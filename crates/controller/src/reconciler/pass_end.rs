//! How a pass ended, and the one line that says so. Trouble is told once and not with every retry.

use std::error::Error;

use irsa_core::vocabulary::{Class, Reason};
use irsa_pipeline::{kube_errors::refusal, stage::chain};
use tracing::{debug, error, info, warn};

use super::error::PassError;

/// The target of the line: a name that people filter by, wherever the code is.
const TARGET: &str = "irsa_controller::pass";

/// How a pass came out, in words.
pub(super) enum PassEnd<'a> {
    /// It concluded; with the error behind it, if there is one.
    Concluded(Reason, &'a str, Option<&'a (dyn Error + Send + Sync)>),
    /// It could not even conclude.
    Failed(&'a PassError),
}

impl PassEnd<'_> {
    /// Tells how a pass ended and what it changed: trouble at once and when it becomes another (`news`), changes each time,
    /// everything else only to those who follow every step.
    pub(super) fn tell(&self, news: bool, changes: &[String]) {
        let changed = changes.join("; ");
        let trouble = self.trouble();
        let error = self.error();
        match self {
            Self::Failed(_) if news && trouble.is_some() => {
                error!(target: TARGET, reason = trouble, changed, error, "the pass could not be concluded");
            }
            Self::Failed(_) => {
                debug!(
                    target: TARGET,
                    reason = trouble,
                    changed, error, "the pass could not be concluded again"
                );
            }
            Self::Concluded(reason, message, _) if news && trouble.is_some() => {
                warn!(
                    target: TARGET,
                    reason = reason.as_str(),
                    changed, verdict = message, error, "the object is not as it should be"
                );
            }
            Self::Concluded(reason, message, _) if !changes.is_empty() => {
                info!(
                    target: TARGET,
                    reason = reason.as_str(),
                    changed, verdict = message, error, "the pass changed something"
                );
            }
            Self::Concluded(reason, message, _) if news => {
                info!(target: TARGET, reason = reason.as_str(), verdict = message, "the object is as it should be again");
            }
            Self::Concluded(reason, message, _) => {
                debug!(target: TARGET, reason = reason.as_str(), verdict = message, error, "the pass changed nothing");
            }
        }
    }

    /// The error behind it, with its causes.
    fn error(&self) -> Option<String> {
        match self {
            Self::Concluded(_, _, source) => source.map(|source| chain(source)),
            Self::Failed(problem) => Some(chain(*problem)),
        }
    }

    /// What is worth telling once; a pass whose changes are settling is in no trouble.
    pub(super) fn trouble(&self) -> Option<&'static str> {
        match self {
            Self::Concluded(reason, ..) => match reason.class() {
                Class::Done | Class::Settling => None,
                Class::Stalled | Class::Wait | Class::Retry => Some(reason.as_str()),
            },
            // A replica that waits for its turn is in none either.
            Self::Failed(PassError::NotLeader(_)) => None,
            Self::Failed(PassError::Kubernetes { source, .. }) => Some(refusal(source).reason().as_str()),
            Self::Failed(PassError::TimedOut(_)) => Some("the deadline"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{self, Write},
        sync::{Arc, Mutex},
    };

    use tracing::subscriber::with_default;

    use super::*;
    use crate::{leadership::NotLeader, memory::LastReport};

    /// The lines that were written.
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

    /// Levels of the lines that these passes of one object end with.
    fn levels(passes: &[(PassEnd<'_>, &[&str])]) -> Vec<String> {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .json()
            .with_writer(move || writer.clone())
            .finish();
        let mut told = LastReport::default();
        with_default(subscriber, || {
            for (verdict, changes) in passes {
                let changes: Vec<String> = changes.iter().map(|change| (*change).to_owned()).collect();
                verdict.tell(told.turns(verdict.trouble()), &changes);
            }
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let line = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
        text.lines()
            .map(|text| line(text)["level"].as_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn a_pass_ends_with_one_line_and_one_that_changed_nothing_with_none_that_anybody_sees() {
        let done = || PassEnd::Concluded(Reason::Succeeded, "x", None);
        assert_eq!(
            levels(&[
                (done(), &["CreateRole", "status"]),
                (done(), &[]),
                (done(), &["DetachPolicy"])
            ]),
            ["INFO", "DEBUG", "INFO"]
        );
    }

    #[test]
    fn trouble_is_told_when_it_comes_when_it_changes_and_when_it_goes_and_not_with_each_retry() {
        let throttled = || PassEnd::Concluded(Reason::Throttled, "x", None);
        let denied = || PassEnd::Concluded(Reason::AccessDenied, "x", None);
        let done = || PassEnd::Concluded(Reason::Succeeded, "x", None);
        assert_eq!(
            levels(&[
                (throttled(), &[]),
                (throttled(), &[]),
                (denied(), &["status"]),
                (denied(), &[]),
                (done(), &[]),
                (done(), &[]),
            ]),
            ["WARN", "DEBUG", "WARN", "DEBUG", "INFO", "DEBUG"]
        );
    }

    #[test]
    fn an_error_is_told_once_and_another_replicas_turn_is_none() {
        let late = PassError::TimedOut(std::time::Duration::from_secs(1));
        let follower = PassError::NotLeader(NotLeader);
        assert_eq!(
            levels(&[
                (PassEnd::Failed(&late), &[]),
                (PassEnd::Failed(&late), &[]),
                (PassEnd::Failed(&follower), &[]),
                (PassEnd::Failed(&follower), &[]),
            ]),
            ["ERROR", "DEBUG", "DEBUG", "DEBUG"]
        );
    }
}
