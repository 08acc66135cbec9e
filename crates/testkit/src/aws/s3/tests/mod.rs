//! S3 as a caller sees it, without the wire.

mod buckets;
mod configs;
mod objects;
mod public;
mod versions;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::aws::wire::{Principal, PrincipalKind, Reply};

const OWN: &str = "111111111111";
const OTHER: &str = "222222222222";
const REGION: &str = "eu-central-1";

fn noon() -> Timestamp {
    "2026-11-24T12:00:00Z".parse().expect("timestamp")
}

fn root(account: &str) -> Gate {
    let arn = format!("arn:aws:iam::{account}:root");
    let kind = PrincipalKind::Root;
    Gate::new(
        Principal {
            account: account.into(),
            arn,
            user_id: account.into(),
            kind,
        },
        vec![],
    )
}

/// A user of `OWN` with these statements.
fn user(statements: Value) -> Gate {
    let principal = Principal {
        account: OWN.into(),
        arn: format!("arn:aws:iam::{OWN}:user/ann"),
        user_id: "AIDAX".into(),
        kind: PrincipalKind::User("ann".into()),
    };
    Gate::new(
        principal,
        vec![json!({"Version": "2012-10-17", "Statement": statements})],
    )
}

fn allow(actions: &[&str]) -> Value {
    json!([{"Effect": "Allow", "Action": actions, "Resource": "*"}])
}

/// A request in the making.
struct Ask {
    gate: Gate,
    call: Call,
}

fn ask(gate: &Gate, method: Method, host: &str, target: &str) -> Ask {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let query = pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(k, v)| (k.into(), v.into()));
    let call = Call {
        service: if host.contains("s3-control") {
            Service::S3Control
        } else {
            Service::S3
        },
        region: REGION.into(),
        method,
        host: host.into(),
        raw_path: path.into(),
        query: query.collect(),
        headers: HeaderMap::new(),
        body: Bytes::new(),
        caller: gate.caller().clone(),
        now: noon(),
        request_id: "REQ".into(),
    };
    Ask {
        gate: gate.clone(),
        call,
    }
}

/// A request to bucket `b` by its regional virtual host.
fn on_b(gate: &Gate, method: Method, target: &str) -> Ask {
    ask(gate, method, "b.s3.eu-central-1.amazonaws.com", target)
}

impl Ask {
    fn header(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("name");
        self.call
            .headers
            .append(name, HeaderValue::from_str(value).expect("value"));
        self
    }

    fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.call.body = body.into();
        self
    }

    fn signed_for(mut self, region: &str) -> Self {
        self.call.region = region.into();
        self
    }

    fn of(self, s3: &mut S3) -> Outcome {
        s3.handle(&self.call, &self.gate)
    }

    fn ok(self, s3: &mut S3) -> Reply {
        let what = format!("{} {}", self.call.method, self.call.raw_path);
        self.of(s3).unwrap_or_else(|error| panic!("{what}: {error}"))
    }

    fn refused(self, s3: &mut S3) -> (u16, String) {
        let error = self.of(s3).expect_err("refused");
        (error.status, error.code)
    }
}

fn code(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

fn text(reply: &Reply) -> String {
    String::from_utf8(reply.body.to_vec()).expect("text")
}

fn header<'a>(reply: &'a Reply, name: &str) -> Option<&'a str> {
    reply
        .headers
        .iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.as_str())
}

/// S3 with a bucket `b` of `OWN`, as CreateBucket makes it.
fn with_b() -> S3 {
    with_b_as(BucketOptions::in_region(REGION))
}

fn with_b_as(options: BucketOptions) -> S3 {
    let mut s3 = S3::default();
    s3.create_bucket(OWN, "b", noon(), options);
    s3
}
