//! One IAM and one caller.

use bytes::Bytes;
use http::{HeaderMap, Method};
use jiff::{SignedDuration, Timestamp};

use crate::aws::{
    credentials::Credentials,
    iam::{AccountState, Iam},
    wire::{AwsError, Call, Caller, PrincipalKind, Service},
};

pub(super) const ACCOUNT: &str = "111122223333";

/// A trust policy that is valid.
pub(super) const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"sts:AssumeRole"}]}"#;

/// An identity policy that is valid.
pub(super) const READ: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject"],"Resource":"*"}]}"#;

/// One IAM and who calls it.
pub(super) struct Bench {
    pub(super) iam: Iam,
    pub(super) now: Timestamp,
    caller: Caller,
}

impl Bench {
    /// Called by the account's root.
    pub(super) fn new() -> Self {
        let mut iam = Iam::default();
        let credentials = iam.root_credentials(ACCOUNT);
        let caller = caller(&iam, &credentials);
        Self {
            iam,
            now: Timestamp::from_second(1_800_000_000).unwrap(),
            caller,
        }
    }

    /// From now on called by a user with this policy.
    pub(super) fn call_as(&mut self, policy: &str) {
        let credentials = self
            .iam
            .create_user(ACCOUNT, "operator", Some(policy), self.now)
            .unwrap();
        self.caller = caller(&self.iam, &credentials);
        assert!(matches!(&self.caller, Caller::Principal(principal) if principal.kind != PrincipalKind::Root));
    }

    pub(super) fn account(&mut self) -> &mut AccountState {
        self.iam.accounts.entry(ACCOUNT.to_owned()).or_default()
    }

    pub(super) fn pass(&mut self, seconds: i64) {
        self.now += SignedDuration::from_secs(seconds);
    }

    /// Makes a call; the answer's body.
    pub(super) fn call(&mut self, action: &str, parameters: &[(&str, &str)]) -> Result<String, AwsError> {
        let mut body = format!("Action={action}&Version=2010-05-08");
        for (key, value) in parameters {
            let value = percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC);
            body.push_str(&format!("&{key}={value}"));
        }
        let call = Call {
            service: Service::Iam,
            region: "us-east-1".to_owned(),
            method: Method::POST,
            host: "iam.amazonaws.com".to_owned(),
            raw_path: "/".to_owned(),
            query: Vec::new(),
            headers: HeaderMap::new(),
            body: Bytes::from(body),
            caller: self.caller.clone(),
            now: self.now,
            request_id: "request".to_owned(),
        };
        let gate = self.iam.gate(&self.caller);
        let reply = self.iam.handle(&call, &gate)?;
        Ok(String::from_utf8(reply.body.to_vec()).unwrap())
    }

    /// Makes a call that must succeed.
    pub(super) fn ok(&mut self, action: &str, parameters: &[(&str, &str)]) -> String {
        self.call(action, parameters)
            .unwrap_or_else(|error| panic!("{action}: {error}"))
    }

    /// Makes a call that must be refused; the error code.
    pub(super) fn refused(&mut self, action: &str, parameters: &[(&str, &str)]) -> String {
        self.refusal(action, parameters).code
    }

    pub(super) fn refusal(&mut self, action: &str, parameters: &[(&str, &str)]) -> AwsError {
        match self.call(action, parameters) {
            Ok(body) => panic!("{action} was accepted: {body}"),
            Err(error) => error,
        }
    }

    /// A role with the valid trust policy.
    pub(super) fn create_role(&mut self, name: &str) {
        self.ok("CreateRole", &[("RoleName", name), ("AssumeRolePolicyDocument", TRUST)]);
    }
}

fn caller(iam: &Iam, credentials: &Credentials) -> Caller {
    Caller::Principal(iam.principal_for_access_key(&credentials.access_key_id).unwrap().0)
}

/// The text of the first element of this name.
pub(super) fn element<'a>(xml: &'a str, name: &str) -> &'a str {
    let start = xml
        .split_once(&format!("<{name}>"))
        .unwrap_or_else(|| panic!("no {name} in {xml}"))
        .1;
    start.split_once(&format!("</{name}>")).unwrap().0
}

/// The texts of all elements of this name.
pub(super) fn elements<'a>(xml: &'a str, name: &str) -> Vec<&'a str> {
    let end = format!("</{name}>");
    xml.split(&format!("<{name}>"))
        .skip(1)
        .map(|rest| rest.split_once(&end).unwrap().0)
        .collect()
}

/// A percent-encoded document, decoded and parsed.
pub(super) fn document(encoded: &str) -> serde_json::Value {
    serde_json::from_str(&percent_encoding::percent_decode_str(encoded).decode_utf8().unwrap()).unwrap()
}

/// All items of a list call, page by page, and how many pages it took.
pub(super) fn walk(bench: &mut Bench, action: &str, parameters: &[(&str, &str)], item: &str) -> (Vec<String>, usize) {
    let (mut items, mut marker, mut pages) = (Vec::new(), None::<String>, 0);
    loop {
        let mut all = parameters.to_vec();
        if let Some(marker) = &marker {
            all.push(("Marker", marker));
        }
        let xml = bench.ok(action, &all);
        pages += 1;
        items.extend(elements(&xml, item).into_iter().map(str::to_owned));
        if element(&xml, "IsTruncated") == "false" {
            return (items, pages);
        }
        marker = Some(element(&xml, "Marker").to_owned());
    }
}
