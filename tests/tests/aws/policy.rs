//! `docs/iam-policy.json`: enough for everything, and nothing in it for nothing.

use irsa_aws::{
    AwsError, AwsTags, DocumentStore, IdentityProviders, Kind, NewOidcProvider, NewRole, Precondition, RoleListings,
    Roles, SdkAws,
};
use irsa_core::naming::{default_role_name_prefix, federation_id};
use irsa_tests::world::{ACCOUNT, ISSUER, ISSUER_BUCKET, operator_policy};
use serde_json::{Value, json};

use crate::bench::{Bench, bucket, document, jwks, role};

const READ_ONLY: &str = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";

const LIST: &str = r#"{"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}]}"#;

/// A role where the policy lets the operator make one.
fn new_role(name: &str) -> NewRole {
    let trust = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}]});
    NewRole {
        path: format!("/irsa/{}/", federation_id(ISSUER)),
        tags: tags("c-1"),
        ..role(name, &trust)
    }
}

fn tags(value: &str) -> AwsTags {
    [("irsa-anywhere.dev/cluster".to_owned(), value.to_owned())]
        .into_iter()
        .collect()
}

/// Everything that the controllers call, once.
async fn everything(aws: &SdkAws, boundary: &str) -> Result<(), AwsError> {
    documents(aws).await?;
    provider(aws).await?;
    life_of_a_role(aws, boundary).await
}

async fn documents(aws: &SdkAws) -> Result<(), AwsError> {
    let statement = json!({"Version": "2012-10-17", "Statement": [{
        "Sid": "Ours", "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
        "Resource": format!("arn:aws:s3:::{ISSUER_BUCKET}/{}", jwks().key)}]});
    let etag = aws
        .put_document(&jwks(), &document("{}"), &Precondition::IfAbsent)
        .await?;
    if let irsa_aws::Lookup::MissingOrForbidden(refused) = aws.document(&jwks()).await? {
        return Err(refused);
    }
    // Only now: once everybody may read the document, the operator may too.
    aws.bucket_policy(&bucket()).await?;
    aws.put_bucket_policy(&bucket(), &statement.to_string()).await?;
    aws.public_access_block(&bucket()).await?;
    aws.delete_document(&jwks(), &etag).await?;
    aws.delete_bucket_policy(&bucket()).await
}

async fn provider(aws: &SdkAws) -> Result<(), AwsError> {
    let new = NewOidcProvider {
        url: ISSUER.to_owned(),
        client_ids: ["sts.amazonaws.com".to_owned()].into(),
        thumbprints: Vec::new(),
        tags: tags("c-1"),
    };
    let arn = aws.create_provider(&new).await?;
    aws.provider(&arn).await?;
    aws.add_client_id(&arn, "vault").await?;
    aws.remove_client_id(&arn, "vault").await?;
    aws.set_thumbprints(&arn, &["0".repeat(40)]).await?;
    aws.tag_provider(&arn, &tags("c-2")).await?;
    aws.untag_provider(&arn, &["irsa-anywhere.dev/cluster".to_owned()])
        .await?;
    aws.delete_provider(&arn).await
}

async fn life_of_a_role(aws: &SdkAws, boundary: &str) -> Result<(), AwsError> {
    let new = new_role(&format!("{}team.app", default_role_name_prefix(ISSUER)));
    let (name, trust) = (new.name.as_str(), new.trust_policy.as_str());
    let missing = aws.role(name).await?;
    assert_eq!(missing, None);
    aws.create_role(&new).await?;
    aws.role(name).await?;
    let (mut listed, mut detailed) = (0, 0);
    aws.roles_under(&new.path, |_| listed += 1).await?;
    let whole = aws.detailed_roles(1_000, |path, _| path == new.path, |_| detailed += 1);
    assert!(whole.await?);
    assert_eq!((listed, detailed), (1, 1));
    aws.update_trust_policy(name, trust).await?;
    aws.update_role(name, "changed", 7200).await?;
    aws.put_permissions_boundary(name, boundary).await?;
    aws.delete_permissions_boundary(name).await?;
    aws.tag_role(name, &tags("c-2")).await?;
    aws.untag_role(name, &["irsa-anywhere.dev/cluster".to_owned()]).await?;
    aws.attach_policy(name, READ_ONLY).await?;
    assert_eq!(aws.attached_policies(name).await?, [READ_ONLY.to_owned()].into());
    aws.detach_policy(name, READ_ONLY).await?;
    aws.put_inline_policy(name, "list", LIST).await?;
    assert_eq!(aws.inline_policies(name).await?, ["list".to_owned()].into());
    aws.inline_policy(name, "list").await?;
    aws.delete_inline_policy(name, "list").await?;
    aws.delete_role(name).await
}

async fn runs_under(policy: &Value) -> Result<(), AwsError> {
    let bench = Bench::with_policy(&policy.to_string()).await;
    let account = bench.double.account(ACCOUNT);
    let all = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}"#;
    let boundary = account.put_managed_policy("boundary", all).unwrap();
    let aws = bench.connect().await;
    everything(&aws, &boundary).await
}

#[tokio::test]
async fn the_documented_policy_is_enough_and_every_action_in_it_is_needed() {
    let policy: Value = serde_json::from_str(&operator_policy().unwrap()).unwrap();
    runs_under(&policy).await.unwrap();

    for (at, statement) in policy["Statement"].as_array().unwrap().iter().enumerate() {
        for (action_at, action) in actions(statement).iter().enumerate() {
            let mut less = policy.clone();
            let mut left = actions(statement);
            left.remove(action_at);
            if left.is_empty() {
                less["Statement"].as_array_mut().unwrap().remove(at);
            } else {
                less["Statement"][at]["Action"] = json!(left);
            }
            // Reading a role that exists is in two statements: either does.
            let read_twice = action == "iam:GetRole" && statement["Sid"] == "OurRoles";
            match runs_under(&less).await {
                Ok(()) => assert!(read_twice, "{action} of {} is not needed", statement["Sid"]),
                Err(refused) => {
                    assert_eq!(refused.kind(), Kind::AccessDenied, "without {action}: {refused}");
                    assert!(
                        refused.to_string().contains(action.as_str()),
                        "{action} is not named: {refused}"
                    );
                }
            }
        }
    }
}

fn actions(statement: &Value) -> Vec<String> {
    match &statement["Action"] {
        Value::String(one) => vec![one.clone()],
        many => many
            .as_array()
            .unwrap()
            .iter()
            .map(|action| action.as_str().unwrap().to_owned())
            .collect(),
    }
}

#[tokio::test]
async fn listings_of_several_pages_lose_nothing() {
    let bench = Bench::start().await;
    bench.double.set_iam(|settings| {
        settings.paging.at_most = Some(2);
        settings.paging.empty_pages = true;
    });
    let aws = bench.connect().await;
    let new = new_role(&format!("{}team.app", default_role_name_prefix(ISSUER)));
    let name = new.name.as_str();
    aws.create_role(&new).await.unwrap();
    let inline: Vec<String> = (0..7).map(|number| format!("list-{number}")).collect();
    for policy in &inline {
        aws.put_inline_policy(name, policy, LIST).await.unwrap();
    }
    assert_eq!(aws.inline_policies(name).await.unwrap(), inline.into_iter().collect());
    let account = bench.double.account(ACCOUNT);
    let managed: Vec<String> = (0..5)
        .map(|number| account.put_managed_policy(&format!("p{number}"), LIST).unwrap())
        .collect();
    for policy in &managed {
        aws.attach_policy(name, policy).await.unwrap();
    }
    assert_eq!(
        aws.attached_policies(name).await.unwrap(),
        managed.into_iter().collect()
    );
}

#[tokio::test]
async fn two_listings_together_show_what_one_role_shows_by_itself() {
    let bench = Bench::start().await;
    let account = bench.double.account(ACCOUNT);
    let boundary = account.put_managed_policy("boundary", LIST).unwrap();
    let aws = bench.connect().await;
    let names: Vec<String> = (0..5)
        .map(|number| format!("{}team.app-{number}", default_role_name_prefix(ISSUER)))
        .collect();
    for name in &names {
        let new = NewRole {
            permissions_boundary: Some(boundary.clone()),
            description: "a role".to_owned(),
            max_session_seconds: 7200,
            ..new_role(name)
        };
        aws.create_role(&new).await.unwrap();
        aws.attach_policy(name, READ_ONLY).await.unwrap();
        aws.put_inline_policy(name, "list", LIST).await.unwrap();
    }
    bench.double.set_iam(|settings| {
        settings.paging.at_most = Some(2);
        settings.paging.empty_pages = true;
    });

    let path = new_role("x").path;
    let (mut listed, mut detailed) = (Vec::new(), Vec::new());
    aws.roles_under(&path, |role| listed.push(role)).await.unwrap();
    let ours = |at: &str, tags: &AwsTags| at == path && tags.contains_key("irsa-anywhere.dev/cluster");
    assert!(
        aws.detailed_roles(1_000, ours, |role| detailed.push(role))
            .await
            .unwrap()
    );
    assert_eq!((listed.len(), detailed.len()), (5, 5));
    for name in &names {
        let whole = aws.role(name).await.unwrap().unwrap();
        let listed = listed.iter().find(|role| role.name == *name).unwrap();
        let shown = (&listed.arn, &listed.id, &listed.trust_policy, &listed.description);
        assert_eq!(shown, (&whole.arn, &whole.id, &whole.trust_policy, &whole.description));
        assert_eq!(listed.max_session_seconds, whole.max_session_seconds);
        let detailed = detailed.iter().find(|role| role.name == *name).unwrap();
        assert_eq!((&detailed.id, &detailed.tags), (&whole.id, &whole.tags));
        assert_eq!(detailed.permissions_boundary, whole.permissions_boundary);
        assert_eq!(detailed.attached, aws.attached_policies(name).await.unwrap());
        let inline = aws.inline_policy(name, "list").await.unwrap();
        assert_eq!(detailed.inline.get("list"), inline.as_ref());
    }
    let nobody = |role| panic!("{role:?} is not wanted");
    assert!(aws.detailed_roles(1_000, |_, _| false, nobody).await.unwrap());

    // An account that is too large: the listing ends with the page that shows it.
    let mark = bench.double.mark();
    assert!(!aws.detailed_roles(3, ours, |_| {}).await.unwrap());
    let pages = bench.double.since(mark);
    // Empty pages are in between.
    assert_eq!(pages.len(), 4, "{pages:?}");
}
