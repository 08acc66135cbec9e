//! Answers that are not AWS's: from a proxy, a captive portal, a wrong `AWS_ENDPOINT_URL`.
//!
//! The SDK finds some of them out, and takes others for success: of a call whose answer has nothing that we ask for it
//! never reads the body. A write that nobody did must not count as done, and a page of HTML must not count as a document.

use std::fmt;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use crate::{attempts::Operation, error::Kind, sanitize::sanitize};

/// Longest part of a header that is told.
const MAX_HEADER: usize = 60;

/// Who answered in AWS's place, as far as it can be told without anything that changes from call to call: status, kind of
/// content, name of the server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) struct Stranger {
    status: u16,
    content_type: Option<String>,
    server: Option<String>,
}

impl Stranger {
    pub(super) fn of(answer: &HttpResponse) -> Self {
        let header = |name| {
            let value = sanitize(answer.headers().get(name)?);
            Some(value.chars().take(MAX_HEADER).collect())
        };
        Self {
            status: answer.status().as_u16(),
            content_type: header("content-type"),
            server: header("server"),
        }
    }

    /// The stranger behind an answer that cannot be AWS's; its body has been read.
    pub(super) fn behind(operation: Operation, answer: &HttpResponse) -> Option<Self> {
        // A body that is too long to be read is not looked into.
        let has = |text: &str| answer.body().bytes().is_none_or(|body| contains(body, text));
        let known = if !answer.status().is_success() {
            has("<Code>") || Kind::without_code(answer.status().as_u16()) != Kind::NotAws
        } else if operation.service() == "s3" {
            // Every answer of S3's has a request id [S3 API, common response headers]; a body need not be XML.
            ["x-amz-request-id", "x-amz-id-2", "x-amzn-requestid"]
                .iter()
                .any(|name| answer.headers().contains_key(*name))
        } else {
            // The query protocol wraps each answer in an element of the action's name [IAM-model, STS-model].
            has(&format!("<{}Response", operation.name()))
        };
        (!known).then(|| Self::of(answer))
    }
}

fn contains(body: &[u8], text: &str) -> bool {
    body.windows(text.len()).any(|window| window == text.as_bytes())
}

/// `200 with text/html from nginx`.
impl fmt::Display for Stranger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status)?;
        match &self.content_type {
            Some(content_type) => write!(f, " with {content_type}")?,
            None => f.write_str(" without a content type")?,
        }
        self.server
            .as_ref()
            .map_or(Ok(()), |server| write!(f, " from {server}"))
    }
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::body::SdkBody;

    use super::*;

    fn answer(status: u16, headers: &[(&'static str, &'static str)], body: &'static str) -> HttpResponse {
        let mut answer = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
        for (name, value) in headers {
            answer.headers_mut().insert(*name, *value);
        }
        answer
    }

    #[test]
    fn a_page_of_html_is_nobodys_answer() {
        let page = answer(
            200,
            &[("content-type", "text/html"), ("server", "nginx")],
            "<html>Log in</html>",
        );
        for operation in [
            Operation::UntagRole,
            Operation::GetCallerIdentity,
            Operation::GetObject,
            Operation::PutObject,
        ] {
            let stranger = Stranger::behind(operation, &page).unwrap();
            assert_eq!(stranger.to_string(), "200 with text/html from nginx");
        }
        for status in [301, 400, 403, 404, 405, 413] {
            assert!(
                Stranger::behind(Operation::GetRole, &answer(status, &[], "no")).is_some(),
                "{status}"
            );
        }
    }

    #[test]
    fn awss_own_answers_are_no_strangers() {
        let untagged = answer(200, &[], "<UntagRoleResponse xmlns=\"x\"/>");
        assert_eq!(Stranger::behind(Operation::UntagRole, &untagged), None);
        let object = answer(200, &[("x-amz-request-id", "1")], "{}");
        assert_eq!(Stranger::behind(Operation::GetObject, &object), None);
        let refused = answer(403, &[], "<Error><Code>AccessDenied</Code></Error>");
        assert_eq!(Stranger::behind(Operation::GetObject, &refused), None);
        // What is full or fails before AWS can answer.
        for status in [429, 500, 502, 503] {
            assert_eq!(
                Stranger::behind(Operation::GetRole, &answer(status, &[], "")),
                None,
                "{status}"
            );
        }
    }
}
