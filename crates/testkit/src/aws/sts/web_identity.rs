//! AssumeRoleWithWebIdentity: a token is really verified, with keys really fetched.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    answer::{answer, session_elements},
    fetch::{Dialer, FetchError},
    jwks::{KeySet, SignatureError},
    jwt::{Audience, Token, invalid},
    parameters::{Parameters, RoleArn, required, role_arn, within_role_limit},
    state::Grant,
};
use crate::aws::{
    iam::ProviderView,
    policy::{Context, Identity, Verdict, evaluate_trust},
    wire::{AwsError, Call, Outcome, xml_escape},
    world::World,
};

/// `sessionPolicyDocumentType` [STS-model].
const POLICY_LIMIT: usize = 2048;

/// Fields without which a discovery document is not accepted [reference 1.5: found empirically].
const DISCOVERY_FIELDS: &[&str] = &[
    "issuer",
    "jwks_uri",
    "response_types_supported",
    "id_token_signing_alg_values_supported",
    "subject_types_supported",
];

/// One call. The order of the checks is UNSOURCED except that the provider is found by the token's issuer.
pub(super) async fn assume_role_with_web_identity(
    world: &World,
    dialer: &Dialer,
    call: &Call,
    form: &BTreeMap<String, String>,
) -> Outcome {
    let parameters = Parameters::of(form, POLICY_LIMIT)?;
    let text = required(form, "WebIdentityToken", (4, 20_000), false)?;
    let target = role_arn(parameters.role_arn, call)?;
    let token = Token::parse(text)?;
    let issuer = token.required("iss")?;
    let audience = token.audience()?;
    let subject = token.required("sub")?;

    let provider = find_provider(world, call, &target, issuer)?;
    if !provider.client_ids.contains(&audience.effective) {
        return Err(invalid("Incorrect token audience"));
    }
    let keys = keys(world, dialer, call, &provider).await?;
    verify(&keys, &token)?;
    token.check_times(call.now)?;

    let mut context = Context::of(call)
        .with("sts:RoleSessionName", parameters.session_name)
        .with("aws:FederatedProvider", provider.arn.as_str());
    add_claims(&mut context, issuer, subject, &audience, token.methods());
    let mut state = world.lock();
    let denied = || {
        AwsError::new(
            403,
            "AccessDenied",
            "Not authorized to perform sts:AssumeRoleWithWebIdentity",
        )
    };
    // A missing role is refused like one that does not trust the token [reference 1.6].
    let role = state.iam.role(target.account, target.name, call.now);
    let role = role.filter(|role| role.arn == parameters.role_arn).ok_or_else(denied)?;
    let who = Identity::Federated(provider.arn.clone());
    if evaluate_trust(&role.trust, &who, "sts:AssumeRoleWithWebIdentity", &context) != Verdict::Allow {
        return Err(denied());
    }
    within_role_limit(parameters.seconds, role.max_session_duration)?;
    let grant = Grant {
        role: &role,
        account: target.account,
        partition: target.partition,
        session_name: parameters.session_name,
        session_policy: parameters.policy,
        seconds: parameters.seconds,
    };
    let session = state.sts.open_session(&grant, call.now);
    // `Provider` is the `iss` claim for OpenID Connect [STS-model AssumeRoleWithWebIdentityResponse.Provider].
    let result = format!(
        "<SubjectFromWebIdentityToken>{}</SubjectFromWebIdentityToken><Audience>{}</Audience>{}<Provider>{}</Provider>",
        xml_escape(subject),
        xml_escape(&audience.effective),
        session_elements(&session),
        xml_escape(issuer),
    );
    Ok(answer(call, "AssumeRoleWithWebIdentity", &result))
}

/// The provider that the role's account registered for this issuer, byte for byte.
fn find_provider(world: &World, call: &Call, target: &RoleArn<'_>, issuer: &str) -> Result<ProviderView, AwsError> {
    let unknown = || invalid(format!("No OpenIDConnect provider found in your account for {issuer}"));
    let name = issuer.strip_prefix("https://").ok_or_else(unknown)?;
    let arn = format!("arn:{}:iam::{}:oidc-provider/{name}", target.partition, target.account);
    let provider = world.lock().iam.provider(target.account, &arn, call.now);
    provider.filter(|provider| provider.url == issuer).ok_or_else(unknown)
}

/// Condition keys of a web identity [IAMUG-2023 reference_policies_iam-condition-keys, "web identity federation"].
fn add_claims(context: &mut Context, issuer: &str, subject: &str, audience: &Audience, methods: Vec<String>) {
    let name = issuer.trim_start_matches("https://");
    context.insert(&format!("{name}:sub"), [subject]);
    context.insert(&format!("{name}:aud"), [audience.effective.as_str()]);
    if !audience.original.is_empty() {
        context.insert(&format!("{name}:oaud"), audience.original.iter().cloned());
    }
    if !methods.is_empty() {
        context.insert(&format!("{name}:amr"), methods);
    }
}

/// The issuer's keys: discovery document, then the key set that it names.
async fn keys(world: &World, dialer: &Dialer, call: &Call, provider: &ProviderView) -> Result<KeySet, AwsError> {
    if let Some(keys) = world.lock().sts.remembered_keys(&provider.url, call.now) {
        return Ok(keys);
    }
    let discovery = format!("{}/.well-known/openid-configuration", provider.url);
    let discovery = dialer.get(&discovery).await.map_err(|error| fetch_refusal(&error))?;
    let jwks_uri = read_discovery(&discovery, &provider.url).ok_or_else(no_key)?;
    let document = dialer.get(&jwks_uri).await.map_err(|error| fetch_refusal(&error))?;
    let keys = KeySet::parse(&document).map_err(|_| no_key())?;
    world.lock().sts.remember_keys(&provider.url, &keys, call.now);
    Ok(keys)
}

/// `jwks_uri` of a discovery document that has every needed field and names the issuer exactly.
fn read_discovery(document: &[u8], issuer: &str) -> Option<String> {
    let document: Value = serde_json::from_slice(document).ok()?;
    let complete = DISCOVERY_FIELDS
        .iter()
        .all(|field| document.get(*field).is_some_and(|value| !value.is_null()));
    let same = document.get("issuer").and_then(Value::as_str) == Some(issuer);
    (complete && same)
        .then(|| document.get("jwks_uri").and_then(Value::as_str).map(ToOwned::to_owned))
        .flatten()
}

/// [re:Post "InvalidIdentityToken"; reference 1.6]
fn no_key() -> AwsError {
    invalid(
        "Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity \
         documentation for requirements",
    )
}

/// Unreachable, or down: `IDPCommunicationError` "could not be reached … might be down or not responding"
/// [STS-model]. Too slow: `InvalidIdentityToken` [re:Post]. Anything else is a document that has no key.
fn fetch_refusal(error: &FetchError) -> AwsError {
    tracing::debug!(%error, "the issuer's documents cannot be read");
    match error {
        FetchError::Unreachable => unreachable(),
        FetchError::Status(status) if status.is_server_error() => unreachable(),
        // SECONDARY: the message that AWS showed while thumbprints were still compared.
        FetchError::Untrusted => {
            invalid("OpenIDConnect provider's HTTPS certificate doesn't match configured thumbprint")
        }
        FetchError::TooSlow | FetchError::Url | FetchError::Broken | FetchError::Status(_) => no_key(),
    }
}

fn unreachable() -> AwsError {
    AwsError::new(
        400,
        "IDPCommunicationError",
        "The identity provider that was asked to verify the incoming identity token could not be reached",
    )
}

/// Codes as the reference says for a token that "could not be validated"; the messages of a bad signature and of an
/// algorithm that AWS does not take are UNSOURCED.
fn verify(keys: &KeySet, token: &Token<'_>) -> Result<(), AwsError> {
    keys.verify(
        &token.algorithm,
        token.key_id.as_deref(),
        token.signed.as_bytes(),
        &token.signature,
    )
    .map_err(|error| match error {
        SignatureError::UnknownKey => no_key(),
        SignatureError::Algorithm => invalid("Token signature algorithm is not supported"),
        SignatureError::WrongKind | SignatureError::Mismatch => invalid("Token signature invalid"),
    })
}
