//! What answers of STS have in common.

use http::StatusCode;

use super::state::Session;
use crate::aws::{
    front::endpoint,
    wire::{Call, Reply, xml_escape},
};

const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// The partition of the endpoint that was called.
pub(super) fn partition_of(call: &Call) -> &'static str {
    endpoint(&call.host).map_or("aws", |endpoint| endpoint.partition)
}

pub(super) fn answer(call: &Call, action: &str, result: &str) -> Reply {
    let body = format!(
        "<{action}Response xmlns=\"{NAMESPACE}\"><{action}Result>{result}</{action}Result>\
         <ResponseMetadata><RequestId>{}</RequestId></ResponseMetadata></{action}Response>",
        call.request_id
    );
    Reply {
        status: StatusCode::OK,
        ..Reply::ok("text/xml", body)
    }
}

/// The elements that both AssumeRole calls answer.
pub(super) fn session_elements(session: &Session) -> String {
    let Session {
        principal,
        credentials,
        expires,
    } = session;
    format!(
        "<AssumedRoleUser><Arn>{}</Arn><AssumedRoleId>{}</AssumedRoleId></AssumedRoleUser>\
         <Credentials><AccessKeyId>{}</AccessKeyId><SecretAccessKey>{}</SecretAccessKey>\
         <SessionToken>{}</SessionToken><Expiration>{}</Expiration></Credentials>",
        xml_escape(&principal.arn),
        xml_escape(&principal.user_id),
        credentials.access_key_id,
        credentials.secret_access_key,
        credentials.session_token.as_deref().unwrap_or_default(),
        expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
    )
}
