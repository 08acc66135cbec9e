//! S3Control: an account's Block Public Access.

use http::StatusCode;

use super::{
    S3, S3Address,
    config::{read_block, write_block},
    errors,
    xml::{answer, parse},
};
use crate::aws::{
    policy::{Context, Gate},
    wire::{AwsError, Call, Outcome, Reply},
};

const PATH: &str = "v20180820/configuration/publicAccessBlock";

impl S3 {
    pub(super) fn control(&mut self, call: &Call, gate: &Gate, address: &S3Address) -> Outcome {
        let account = call
            .header("x-amz-account-id")
            .or(address.bucket.as_deref())
            .ok_or_else(|| AwsError::new(400, "InvalidRequest", "Missing required header: x-amz-account-id"))?;
        if address.key != PATH {
            return Err(errors::method_not_allowed(call.method.as_str()));
        }
        let action = match call.method.as_str() {
            "GET" => "s3:GetAccountPublicAccessBlock",
            // PutAccountPublicAccessBlock is the permission for deleting too [SAR].
            "PUT" | "DELETE" => "s3:PutAccountPublicAccessBlock",
            method => return Err(errors::method_not_allowed(method)),
        };
        // The account in the host, in the header and of the caller must be one (S3 control has no resource policies).
        if gate.account() != Some(account) || address.bucket.as_deref().is_some_and(|in_host| in_host != account) {
            return Err(errors::access_denied());
        }
        gate.authorize(action, "*", &Context::of(call))?;
        let key = (address.partition.to_owned(), account.to_owned());
        match call.method.as_str() {
            "GET" => {
                let missing = || errors::no_public_access_block("AccountId", account);
                answer(
                    "PublicAccessBlockConfiguration",
                    &write_block(*self.account_blocks.get(&key).ok_or_else(missing)?),
                )
            }
            "PUT" => {
                let root = std::str::from_utf8(&call.body).ok().and_then(parse);
                let root = root.filter(|root| root.name == "PublicAccessBlockConfiguration");
                self.account_blocks
                    .insert(key, read_block(&root.ok_or_else(errors::malformed_xml)?)?);
                Ok(Reply::empty(StatusCode::OK))
            }
            _ => {
                self.account_blocks.remove(&key);
                Ok(Reply::empty(StatusCode::NO_CONTENT))
            }
        }
    }
}
