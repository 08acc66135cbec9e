//! What AWS answers to a call, as a table: each row is one call to a fresh double, with the source of its answer.

mod front;
mod iam;
mod s3;
mod sts;

use std::collections::HashSet;

use http::Method;
use irsa_testkit::aws::{AwsDouble, Credentials, s3::BucketOptions};

use super::{
    client::{Request, Signature, send},
    stage::{ACCOUNT, IAM, REGION, STS},
};

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Who {
    /// Root of account 123456789012.
    Root,
    /// Root of account 210987654321.
    Stranger,
    /// A user of account 123456789012 with this identity policy.
    User(&'static str),
    /// Nobody.
    Anonymous,
}

/// One call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask {
    pub(crate) who: Who,
    pub(crate) host: &'static str,
    pub(crate) method: Method0,
    pub(crate) path_and_query: &'static str,
    pub(crate) headers: &'static [(&'static str, &'static str)],
    pub(crate) body: Body,
}

/// `http::Method` cannot be a constant in a table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Method0(pub(crate) &'static str);

#[derive(Debug, Clone, Copy)]
pub(crate) enum Body {
    Text(&'static str),
    /// Parameters of a query-protocol call, encoded by the harness.
    Form(&'static [(&'static str, &'static str)]),
}

type Form = &'static [(&'static str, &'static str)];

impl Ask {
    /// An IAM call of root; `Version` is added.
    pub(crate) const fn iam(parameters: Form) -> Self {
        Self::form(IAM, parameters)
    }

    /// An STS call of root; `Version` is added.
    pub(crate) const fn sts(parameters: Form) -> Self {
        Self::form(STS, parameters)
    }

    const fn form(host: &'static str, parameters: Form) -> Self {
        Self {
            who: Who::Root,
            host,
            method: Method0("POST"),
            path_and_query: "/",
            headers: &[("content-type", "application/x-www-form-urlencoded; charset=utf-8")],
            body: Body::Form(parameters),
        }
    }

    /// An S3 or S3Control call of root.
    pub(crate) const fn s3(method: &'static str, host: &'static str, path_and_query: &'static str) -> Self {
        Self {
            who: Who::Root,
            host,
            method: Method0(method),
            path_and_query,
            headers: &[],
            body: Body::Text(""),
        }
    }

    pub(crate) const fn by(self, who: Who) -> Self {
        Self { who, ..self }
    }

    pub(crate) const fn headers(self, headers: Form) -> Self {
        Self { headers, ..self }
    }

    pub(crate) const fn body(self, text: &'static str) -> Self {
        Self {
            body: Body::Text(text),
            ..self
        }
    }

    fn request(&self) -> Request {
        let version = if self.host == IAM { "2010-05-08" } else { "2011-06-15" };
        let mut request = match self.body {
            Body::Form(parameters) => {
                Request::form(self.host, parameters.iter().copied().chain([("Version", version)]))
            }
            Body::Text(text) => {
                let method: Method = self.method.0.parse().unwrap();
                let mut request = Request::new(method, self.host, self.path_and_query).body(text);
                request.headers = self
                    .headers
                    .iter()
                    .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                    .collect();
                request
            }
        };
        self.path_and_query.clone_into(&mut request.path_and_query);
        request
    }
}

/// What AWS answers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Want {
    /// 2xx, and the body contains each of these.
    Ok(&'static [&'static str]),
    /// This status and code (empty: no body, as for HEAD), and the message contains this.
    Refused(u16, &'static str, &'static str),
}

/// One row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    /// A sentence; unique.
    pub(crate) what: &'static str,
    /// Where the answer is written down.
    pub(crate) source: &'static str,
    /// Calls before, which must succeed.
    pub(crate) before: &'static [Ask],
    pub(crate) ask: Ask,
    pub(crate) want: Want,
}

fn rows() -> Vec<Row> {
    [front::ROWS, sts::ROWS, iam::ROWS, s3::ROWS].concat()
}

struct Keys {
    root: Credentials,
    stranger: Credentials,
}

async fn put(aws: &AwsDouble, keys: &Keys, ask: &Ask) -> super::client::Answer {
    let request = ask.request();
    let host = request.host.clone();
    let user = match ask.who {
        Who::User(policy) => Some(aws.account(ACCOUNT).create_user("somebody", policy).unwrap()),
        _ => None,
    };
    let credentials = match ask.who {
        Who::Anonymous => return send(aws, request).await.unwrap(),
        Who::Root => &keys.root,
        Who::Stranger => &keys.stranger,
        Who::User(_) => user.as_ref().unwrap(),
    };
    send(aws, Signature::for_host(credentials, &host).sign(request))
        .await
        .unwrap()
}

async fn check(row: &Row) -> Result<(), String> {
    let aws = AwsDouble::builder().start().await.unwrap();
    let keys = Keys {
        root: aws.account(ACCOUNT).root_credentials(),
        stranger: aws.account("210987654321").root_credentials(),
    };
    aws.account(ACCOUNT)
        .create_bucket("data", BucketOptions::in_region(REGION));
    for before in row.before {
        let answer = put(&aws, &keys, before).await;
        if answer.status >= 300 {
            return Err(format!("{}: before: {} {}", row.what, answer.status, answer.body));
        }
    }
    let answer = put(&aws, &keys, &row.ask).await;
    let right = match row.want {
        Want::Ok(parts) => answer.status < 300 && parts.iter().all(|part| answer.body.contains(part)),
        Want::Refused(status, code, message) => {
            answer.status == status
                && answer.element("Code").unwrap_or_default() == code
                && answer.element("Message").unwrap_or_default().contains(message)
        }
    };
    if right {
        Ok(())
    } else {
        Err(format!(
            "{}: {:?}, but got {} {}",
            row.what, row.want, answer.status, answer.body
        ))
    }
}

#[tokio::test]
async fn calls_are_answered_as_aws_answers_them() {
    let mut wrong = Vec::new();
    for row in rows() {
        if let Err(message) = check(&row).await {
            wrong.push(message);
        }
    }
    assert!(
        wrong.is_empty(),
        "{} rows are wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn every_row_has_a_source_and_a_name_of_its_own_and_there_are_at_least_a_hundred() {
    let rows = rows();
    let names: HashSet<_> = rows.iter().map(|row| row.what).collect();
    assert_eq!(names.len(), rows.len());
    assert!(
        rows.iter().all(|row| row.source.starts_with('[')),
        "a source is named in brackets"
    );
}
