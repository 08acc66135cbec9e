use std::sync::mpsc::{Sender, channel};

use irsa_aws::{AssumedRole, TemporaryCredentials};

use super::*;

/// An API server whose policy lists these audiences, behind a policy of this name.
struct Cluster {
    lists: &'static [&'static str],
    refuses_api_tokens: &'static str,
}

fn denied(policy: &str) -> TokenRefusal {
    TokenRefusal::Refused(ApiRefusal::Denied {
        by: Rule::Policy(policy.to_owned()),
        sentence: String::new(),
    })
}

impl TokenRequests for Cluster {
    async fn token(&self, account: &AccountName, audience: &str) -> Result<SecretToken, TokenRefusal> {
        let token = SecretToken::new(format!("{account} {audience}"));
        self.lists
            .contains(&audience)
            .then_some(token)
            .ok_or_else(|| denied(GUARD))
    }

    async fn rehearse_api_token(&self, _: &AccountName) -> Result<(), TokenRefusal> {
        Err(denied(self.refuses_api_tokens))
    }
}

/// Takes the tokens of one ServiceAccount for one audience.
struct Sts(Sender<String>);

impl WebIdentity for Sts {
    async fn assume(&self, request: &WebIdentityRequest) -> Result<AssumedRole, AwsError> {
        self.0.send(request.token.clone()).unwrap();
        if request.token != "ns/app main" {
            return Err(AwsError {
                operation: "sts:AssumeRoleWithWebIdentity",
                resource: request.role_arn.clone(),
                code: REFUSED.to_owned(),
                message: "no".to_owned(),
                kind: Kind::AccessDenied,
            });
        }
        Ok(AssumedRole {
            arn: "arn:aws:sts::123456789012:assumed-role/app/irsa-anywhere-verify".to_owned(),
            credentials: TemporaryCredentials {
                access_key_id: String::new(),
                secret_access_key: String::new(),
                session_token: String::new(),
                expires: 0,
            },
        })
    }

    async fn identity_of(&self, session: &AssumedRole) -> Result<String, AwsError> {
        Ok(session.arn.clone())
    }
}

async fn proven(cluster: &Cluster) -> (Result<Proven, Unproven>, Vec<String>) {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    let proof = RoleProof {
        role_arn: "arn:aws:iam::123456789012:role/app".to_owned(),
        role_id: "AROA1".to_owned(),
        trust: "{}".to_owned(),
        provider_arn: "arn:aws:iam::123456789012:oidc-provider/i.example".to_owned(),
        client_ids: names(&["a", "b", "main", "z"]),
        signing_keys: "k".to_owned(),
        namespace: "ns".to_owned(),
        service_accounts: NonEmptySet::new(names(&["app"])).unwrap(),
        audiences: NonEmptySet::new([Audience::new("main").unwrap()]).unwrap(),
    };
    let canary = AccountName {
        namespace: "system".to_owned(),
        name: "canary".to_owned(),
    };
    let (shows, shown) = channel();
    let ended = prove(cluster, &Sts(shows), &proof, &canary).await;
    (ended, shown.try_iter().collect())
}

#[tokio::test]
async fn of_the_audiences_that_must_be_refused_the_first_that_is_to_be_had_is_tried() {
    let cluster = |lists| Cluster {
        lists,
        refuses_api_tokens: GUARD,
    };
    let (ended, shown) = proven(&cluster(&["main", "b", "z"])).await;
    let ended = ended.unwrap();
    assert_eq!(
        (ended.refused_audience.as_deref(), ended.untried_audience),
        (Some("b"), None)
    );
    assert_eq!(shown, ["ns/app main", "system/canary main", "ns/app b"]);
    let (ended, shown) = proven(&cluster(&["main"])).await;
    let ended = ended.unwrap();
    assert_eq!(
        (ended.refused_audience, ended.untried_audience.as_deref()),
        (None, Some("a"))
    );
    assert_eq!(shown.len(), 2);
}

#[tokio::test]
async fn only_the_policy_on_audiences_is_a_guard() {
    for (policy, guards) in [
        ("irsa-anywhere-tokens", true),
        ("acme-irsa-anywhere-tokens-prod", true),
        ("acme-irsa-anywhere-tokens-of-bound-prod", false),
        ("another", false),
    ] {
        let cluster = Cluster {
            lists: &["main"],
            refuses_api_tokens: policy,
        };
        let (ended, shown) = proven(&cluster).await;
        assert_eq!((ended.is_ok(), shown.is_empty()), (guards, !guards), "{policy}");
    }
}
