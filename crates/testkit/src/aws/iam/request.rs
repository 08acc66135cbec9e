//! [`IamRequest`]: the parameters and the caller of one IAM call.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{
    errors::{constraint, validation},
    limits,
};
use crate::aws::{
    policy::{Context, Gate},
    wire::{AwsError, Call},
};

/// A call, its parameters decoded, its caller known.
#[derive(Debug)]
pub(super) struct IamRequest<'a> {
    pub(super) account_id: String,
    pub(super) now: Timestamp,
    call: &'a Call,
    gate: &'a Gate,
    form: BTreeMap<String, String>,
}

impl<'a> IamRequest<'a> {
    pub(super) fn new(call: &'a Call, gate: &'a Gate, account_id: &str, form: BTreeMap<String, String>) -> Self {
        Self {
            account_id: account_id.to_owned(),
            now: call.now,
            call,
            gate,
            form,
        }
    }

    /// A parameter, when given. An empty text counts as given.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.form.get(name).map(String::as_str)
    }

    /// A parameter that must be given. Wording [VGW iamerr MissingValue].
    pub(super) fn required(&self, name: &str) -> Result<&str, AwsError> {
        self.text(name)
            .ok_or_else(|| constraint(&member_name(name), "Member must not be null"))
    }

    /// A required name of at most `max` characters.
    pub(super) fn name(&self, parameter: &str, max: usize) -> Result<&str, AwsError> {
        let value = self.required(parameter)?;
        limits::name(&member_name(parameter), value, max)?;
        Ok(value)
    }

    /// `RoleName`: 1..64 [IAM-model].
    pub(super) fn role_name(&self) -> Result<&str, AwsError> {
        self.name("RoleName", 64)
    }

    /// `Path`, default `/`.
    pub(super) fn path(&self) -> Result<&str, AwsError> {
        let path = self.text("Path").unwrap_or("/");
        limits::path("path", path)?;
        Ok(path)
    }

    /// `PathPrefix`, default `/`.
    pub(super) fn path_prefix(&self) -> Result<&str, AwsError> {
        let prefix = self.text("PathPrefix").unwrap_or("/");
        limits::path_prefix(prefix)?;
        Ok(prefix)
    }

    /// A required ARN, 20..2048 characters [IAM-model arnType].
    pub(super) fn arn(&self, parameter: &str) -> Result<&str, AwsError> {
        let arn = self.required(parameter)?;
        limits::length(&member_name(parameter), arn, 20, 2_048)?;
        if arn.starts_with("arn:") && arn.split(':').count() >= 6 {
            return Ok(arn);
        }
        Err(validation(format!("Invalid ARN: {arn}")))
    }

    /// A required policy document's text.
    pub(super) fn document(&self, parameter: &str) -> Result<&str, AwsError> {
        let text = self.required(parameter)?;
        limits::document_text(&member_name(parameter), text)?;
        Ok(text)
    }

    /// `Name.member.1`, `Name.member.2`, … up to the first that is missing.
    pub(super) fn list(&self, name: &str) -> Vec<String> {
        (1..)
            .map_while(|index| self.text(&format!("{name}.member.{index}")).map(str::to_owned))
            .collect()
    }

    /// `Name.member.N.Key` with `Name.member.N.Value`.
    pub(super) fn pairs(&self, name: &str) -> Vec<(String, String)> {
        (1..)
            .map_while(|index| {
                let key = self.text(&format!("{name}.member.{index}.Key"))?;
                let value = self.text(&format!("{name}.member.{index}.Value")).unwrap_or_default();
                Some((key.to_owned(), value.to_owned()))
            })
            .collect()
    }

    /// The keys that every call has.
    pub(super) fn context(&self) -> Context {
        Context::of(self.call)
    }

    /// Asks the caller's policies.
    pub(super) fn authorize(&self, action: &str, resource: &str, context: &Context) -> Result<(), AwsError> {
        self.gate.authorize(&format!("iam:{action}"), resource, context)
    }
}

/// `RoleName` as the model's messages spell it: `roleName`.
fn member_name(parameter: &str) -> String {
    let mut characters = parameter.chars();
    characters.next().map_or_else(String::new, |first| {
        first.to_ascii_lowercase().to_string() + characters.as_str()
    })
}
