//! What all calls of the SDK have in common: its errors turned into ours, and lists followed to their end.

use std::{error::Error, ops::ControlFlow};

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::{
    orchestrator::HttpResponse,
    result::{ConnectorError, SdkError},
};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::{
    error::{AwsError, Kind},
    gate::Closed,
    sanitize::sanitize,
    sdk::stranger::Stranger,
};

/// What a call is about, for its error.
#[derive(Debug, Clone, Copy)]
pub(super) struct About<'a> {
    /// As an IAM action.
    pub(super) operation: &'static str,
    /// ARN or name.
    pub(super) resource: &'a str,
}

pub(super) const fn about<'a>(operation: &'static str, resource: &'a str) -> About<'a> {
    About { operation, resource }
}

impl About<'_> {
    /// An error of ours about this call.
    pub(super) fn error(&self, code: &str, message: &str, kind: Kind) -> AwsError {
        AwsError {
            operation: self.operation,
            resource: self.resource.to_owned(),
            code: code.to_owned(),
            message: sanitize(message),
            kind,
        }
    }

    /// What the SDK's error means.
    pub(super) fn failed<E>(&self, error: SdkError<E, HttpResponse>) -> AwsError
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        if let SdkError::ServiceError(answer) = &error {
            let status = answer.raw().status().as_u16();
            let metadata = answer.err().meta();
            let message = metadata.message().unwrap_or_default();
            return match (metadata.code(), Kind::without_code(status)) {
                (Some(code), _) => self.error(code, message, Kind::of(code, status)),
                (None, Kind::NotAws) => self.not_aws(&Stranger::of(answer.raw())),
                (None, kind) => self.error(&status.to_string(), message, kind),
            };
        }
        if let SdkError::ResponseError(answer) = &error {
            return self.not_aws(&Stranger::of(answer.raw()));
        }
        if let Some(credentials) = find::<CredentialsError>(&error) {
            return self.no_credentials(credentials);
        }
        self.no_answer(&error)
    }

    /// Why there are no credentials: the refusal of the call that should have brought them, where there was one.
    fn no_credentials(&self, error: &CredentialsError) -> AwsError {
        if let Some(refusal) = find::<AwsError>(error) {
            return refusal.clone();
        }
        match error {
            CredentialsError::ProviderTimedOut(_) => self.error("Timeout", "no credentials in time", Kind::Unavailable),
            _ if find::<ConnectorError>(error).is_some() => self.no_answer(error),
            _ => self.error("NoCredentials", &root_cause(error), Kind::NoCredentials),
        }
    }

    fn not_aws(&self, stranger: &Stranger) -> AwsError {
        let service = self
            .operation
            .split(':')
            .next()
            .unwrap_or_default()
            .to_ascii_uppercase();
        let message = format!("the endpoint answered {stranger}, which is no answer of {service}'s");
        self.error("UnreadableAnswer", &message, Kind::NotAws)
    }

    fn no_answer(&self, error: &(dyn Error + 'static)) -> AwsError {
        if let Some(stranger) = find::<Stranger>(error) {
            return self.not_aws(stranger);
        }
        if let Some(closed) = find::<Closed>(error) {
            return self.error("NotLeader", &closed.to_string(), Kind::Unavailable);
        }
        let timed_out = find::<ConnectorError>(error).is_some_and(ConnectorError::is_timeout)
            || chain(error).any(|link| is_time_limit(&link.to_string()));
        if timed_out {
            return self.error("Timeout", "no answer in time", Kind::Unavailable);
        }
        self.error("Unreachable", &root_cause(error), Kind::Unavailable)
    }
}

/// Whether the SDK gave up by one of its own limits: "operation timeout (all attempts including retries) occurred after 1s".
fn is_time_limit(message: &str) -> bool {
    message.contains(" timeout ") && message.contains(" occurred after ")
}

/// The message of the innermost error: the outer ones only say that something failed.
pub(super) fn root_cause(error: &(dyn Error + 'static)) -> String {
    chain(error).last().map(ToString::to_string).unwrap_or_default()
}

pub(super) fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |link: &&'a (dyn Error + 'static)| (*link).source())
}

pub(super) fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    chain(error).find_map(|link| link.downcast_ref::<E>())
}

/// Success when what should be removed is gone already.
pub(super) fn gone_is_fine(result: Result<(), AwsError>) -> Result<(), AwsError> {
    match result {
        Err(error) if error.kind == Kind::NotFound => Ok(()),
        other => other,
    }
}

/// `None` when it does not exist.
pub(super) fn found<T>(result: Result<T, AwsError>) -> Result<Option<T>, AwsError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind == Kind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// One page of a list.
#[derive(Debug)]
pub(super) struct Page<T> {
    pub(super) items: Vec<T>,
    pub(super) is_truncated: bool,
    pub(super) marker: Option<String>,
}

/// A whole list.
///
/// # Errors
/// Those of [`each_page`].
pub(super) async fn all_pages<T, F>(
    about: About<'_>,
    mut page: impl FnMut(Option<String>) -> F,
) -> Result<Vec<T>, AwsError>
where
    F: Future<Output = Result<Page<T>, AwsError>>,
{
    let mut items = Vec::new();
    each_page(about, &mut page, |page| {
        items.extend(page);
        Ok(ControlFlow::Continue(()))
    })
    .await?;
    Ok(items)
}

/// A list page by page, until its end or until `visit` has seen enough. A page may be short or empty and still have
/// successors: only `IsTruncated` counts [IAM-model, MaxItems].
///
/// # Errors
/// Those of `page` and `visit`, and a page that says there is more but not from where on: half a list is none.
pub(super) async fn each_page<T, F>(
    about: About<'_>,
    page: &mut impl FnMut(Option<String>) -> F,
    mut visit: impl FnMut(Vec<T>) -> Result<ControlFlow<()>, AwsError>,
) -> Result<(), AwsError>
where
    F: Future<Output = Result<Page<T>, AwsError>>,
{
    let mut marker: Option<String> = None;
    loop {
        let next = page(marker.clone()).await?;
        if visit(next.items)?.is_break() || !next.is_truncated {
            return Ok(());
        }
        if next.marker.is_none() || next.marker == marker {
            return Err(about.error(
                "BrokenList",
                "a page says that there is more but not from where on",
                Kind::Unavailable,
            ));
        }
        marker = next.marker;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: About<'static> = about("iam:ListRoles", "/irsa/");

    fn page(items: &[u8], is_truncated: bool, marker: Option<&str>) -> Page<u8> {
        Page {
            items: items.to_vec(),
            is_truncated,
            marker: marker.map(str::to_owned),
        }
    }

    #[tokio::test]
    async fn empty_pages_do_not_end_a_list() {
        let all = all_pages(LIST, async |marker: Option<String>| {
            Ok(match marker.as_deref() {
                None => page(&[], true, Some("a")),
                Some("a") => page(&[1], true, Some("b")),
                Some(_) => page(&[2, 3], false, Some("stale")),
            })
        });
        assert_eq!(all.await.unwrap(), [1, 2, 3]);
    }

    #[tokio::test]
    async fn a_list_that_runs_in_circles_is_an_error() {
        for marker in [None, Some("same")] {
            let all = all_pages(LIST, async |_| Ok(page(&[1], true, marker)));
            assert_eq!(all.await.unwrap_err().code, "BrokenList");
        }
    }
}
