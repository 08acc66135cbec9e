//! S3 and IAM providers in memory, as the ports promise them, with the public's view of the bucket: what a policy
//! allows everybody to read can be read, and nothing else.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use irsa_aws::{
    AssumedRole, AwsError, AwsTags, Bucket, Caller, CallerIdentity, Connect, Connection, DetailedRole, Document,
    DocumentStore, IdentityProviders, Kind, ListedRole, Lookup, NewDocument, NewOidcProvider, NewRole, ObjectRef,
    OidcProvider, Precondition, PublicAccessBlock, PublicDocument, PublicRead, PublicReadError, PublicReader, Role,
    RoleListings, Roles, WebIdentity, WebIdentityRequest,
};
use serde_json::{Value, json};

pub(super) const ACCOUNT: &str = "123456789012";
const HOST: &str = "https://b.s3.eu-central-1.amazonaws.com/";

#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) objects: BTreeMap<String, Document>,
    pub(super) policy: Option<String>,
    pub(super) block: Option<PublicAccessBlock>,
    pub(super) provider: Option<OidcProvider>,
    /// What the public gets instead of an object.
    pub(super) swapped: BTreeMap<String, Vec<u8>>,
    /// Whether the bucket is not there.
    pub(super) no_bucket: bool,
    /// Whether AWS answers nobody.
    pub(super) hung: bool,
    /// Why no object can be read, though it may be there.
    pub(super) hidden: Option<String>,
    calls: Vec<String>,
    failing: Option<(&'static str, AwsError)>,
    versions: u32,
}

/// One account with one bucket. Clones are connections to the same one.
#[derive(Debug, Clone)]
pub(super) struct FakeAws {
    world: Arc<Mutex<World>>,
    caller: Caller,
}

impl Default for FakeAws {
    fn default() -> Self {
        Self {
            world: Arc::default(),
            caller: Caller {
                account: ACCOUNT.to_owned(),
                arn: format!("arn:aws:sts::{ACCOUNT}:assumed-role/operator/operator"),
                partition: "aws".to_owned(),
            },
        }
    }
}

impl FakeAws {
    /// The calls since the last time.
    pub(super) fn take_calls(&self) -> Vec<String> {
        std::mem::take(&mut self.world.lock().unwrap().calls)
    }

    /// The writes since the last time.
    pub(super) fn take_writes(&self) -> Vec<String> {
        let mut calls = self.take_calls();
        calls.retain(|call| !call.starts_with("Get") && !call.starts_with("Public"));
        calls
    }

    /// From now on this call fails.
    pub(super) fn fail(&self, call: &'static str, kind: Kind, message: &str) {
        let mut error = error(call, kind);
        error.message = message.to_owned();
        self.world.lock().unwrap().failing = Some((call, error));
    }

    /// Nothing fails any more.
    pub(super) fn recover(&self) {
        self.world.lock().unwrap().failing = None;
    }

    /// Looks at the world, or changes it by hand.
    pub(super) fn world<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        act(&mut self.world.lock().unwrap())
    }

    pub(super) fn object(&self, key: &str) -> Option<Document> {
        self.world(|world| world.objects.get(key).cloned())
    }

    /// Somebody overwrites an object, without our metadata.
    pub(super) fn overwrite(&self, key: &str, bytes: &[u8]) {
        self.world(|world| {
            world.versions += 1;
            let document = Document {
                bytes: bytes.to_vec(),
                etag: format!("\"{}\"", world.versions),
                content_type: None,
                cache_control: None,
                content_encoding: None,
                encryption: Some("AES256".to_owned()),
                metadata: BTreeMap::new(),
            };
            world.objects.insert(key.to_owned(), document);
        });
    }

    fn call<T>(
        &self,
        call: &'static str,
        about: &str,
        act: impl FnOnce(&mut World) -> Result<T, AwsError>,
    ) -> Result<T, AwsError> {
        let mut world = self.world.lock().unwrap();
        world.calls.push(format!("{call} {about}").trim_end().to_owned());
        let needs_bucket = ["Object", "BucketPolicy", "PublicAccessBlock", "DeleteBucket"];
        match &world.failing {
            Some((failing, error)) if *failing == call => Err(error.clone()),
            _ if world.no_bucket && needs_bucket.iter().any(|part| call.contains(part)) => Err(AwsError {
                code: "NoSuchBucket".to_owned(),
                ..error(call, Kind::NotFound)
            }),
            _ => act(&mut world),
        }
    }

    fn provider_change(&self, call: &'static str, act: impl FnOnce(&mut OidcProvider)) -> Result<(), AwsError> {
        self.call(call, "", |world| {
            act(world.provider.as_mut().ok_or_else(|| error(call, Kind::NotFound))?);
            Ok(())
        })
    }
}

/// As S3 stores it: actions in arrays.
fn rewritten(policy: &str) -> String {
    let mut policy: Value = serde_json::from_str(policy).unwrap();
    for statement in policy["Statement"].as_array_mut().unwrap() {
        statement["Principal"] = json!({"AWS": "*"});
    }
    policy.to_string()
}

impl WebIdentity for FakeAws {
    async fn assume(&self, _: &WebIdentityRequest) -> Result<AssumedRole, AwsError> {
        panic!("not a federation's")
    }

    async fn identity_of(&self, _: &AssumedRole) -> Result<String, AwsError> {
        panic!("not a federation's")
    }
}

impl Connect for FakeAws {
    type Aws = Self;
    type Public = Self;

    fn public(&self) -> Self {
        self.clone()
    }

    async fn connect(&self, connection: &Connection) -> Result<Self, AwsError> {
        if self.world(|world| world.hung) {
            std::future::pending::<()>().await;
        }
        if let Some(("Connect", error)) = &self.world.lock().unwrap().failing {
            return Err(error.clone());
        }
        match &connection.account_id {
            Some(account) if account != ACCOUNT => Err(error("sts:GetCallerIdentity", Kind::WrongAccount)),
            _ => Ok(self.clone()),
        }
    }
}

impl CallerIdentity for FakeAws {
    fn caller(&self) -> &Caller {
        &self.caller
    }
}

impl DocumentStore for FakeAws {
    async fn document(&self, at: &ObjectRef) -> Result<Lookup<Document>, AwsError> {
        self.call("GetObject", &at.key, |world| {
            if let Some(message) = &world.hidden {
                let refused = error("s3:GetObject", Kind::AccessDenied);
                return Ok(Lookup::MissingOrForbidden(AwsError {
                    message: message.clone(),
                    ..refused
                }));
            }
            let found = world.objects.get(&at.key).cloned();
            Ok(found.map_or_else(
                || Lookup::MissingOrForbidden(error("s3:GetObject", Kind::AccessDenied)),
                Lookup::Found,
            ))
        })
    }

    async fn put_document(
        &self,
        at: &ObjectRef,
        document: &NewDocument,
        precondition: &Precondition,
    ) -> Result<String, AwsError> {
        self.call("PutObject", &at.key, |world| {
            let present = world.objects.get(&at.key).map(|document| document.etag.clone());
            let holds = match precondition {
                Precondition::IfAbsent => present.is_none(),
                Precondition::IfMatch(etag) => present.as_ref() == Some(etag),
            };
            if !holds {
                return Err(error("s3:PutObject", Kind::PreconditionFailed));
            }
            world.versions += 1;
            let etag = format!("\"{}\"", world.versions);
            let document = Document {
                bytes: document.bytes.clone(),
                etag: etag.clone(),
                content_type: Some(document.content_type.clone()),
                cache_control: Some(document.cache_control.clone()),
                content_encoding: None,
                encryption: Some("AES256".to_owned()),
                metadata: document.metadata.clone(),
            };
            world.objects.insert(at.key.clone(), document);
            Ok(etag)
        })
    }

    async fn delete_document(&self, at: &ObjectRef, etag: &str) -> Result<(), AwsError> {
        self.call("DeleteObject", &at.key, |world| {
            if world.objects.get(&at.key).is_some_and(|present| present.etag != etag) {
                return Err(error("s3:DeleteObject", Kind::PreconditionFailed));
            }
            world.objects.remove(&at.key);
            Ok(())
        })
    }

    async fn bucket_policy(&self, _: &Bucket) -> Result<Option<String>, AwsError> {
        self.call("GetBucketPolicy", "", |world| Ok(world.policy.clone()))
    }

    async fn put_bucket_policy(&self, _: &Bucket, policy: &str) -> Result<(), AwsError> {
        self.call("PutBucketPolicy", "", |world| {
            if world.block.is_some_and(|block| block.block_public_policy) {
                return Err(error("s3:PutBucketPolicy", Kind::AccessDenied));
            }
            world.policy = Some(rewritten(policy));
            Ok(())
        })
    }

    async fn delete_bucket_policy(&self, _: &Bucket) -> Result<(), AwsError> {
        self.call("DeleteBucketPolicy", "", |world| {
            world.policy = None;
            Ok(())
        })
    }

    async fn create_bucket(&self, _: &Bucket) -> Result<(), AwsError> {
        self.call("CreateBucket", "", |world| {
            world.no_bucket = false;
            world.block = Some(PublicAccessBlock {
                block_public_policy: true,
                restrict_public_buckets: true,
                ..PublicAccessBlock::POLICIES_ONLY
            });
            Ok(())
        })
    }

    async fn delete_bucket(&self, _: &Bucket) -> Result<(), AwsError> {
        self.call("DeleteBucket", "", |world| {
            if !world.objects.is_empty() {
                return Err(error("s3:DeleteBucket", Kind::DeleteConflict));
            }
            world.no_bucket = true;
            Ok(())
        })
    }

    async fn put_public_access_block(&self, _: &Bucket, block: PublicAccessBlock) -> Result<(), AwsError> {
        self.call("PutPublicAccessBlock", "", |world| {
            world.block = Some(block);
            Ok(())
        })
    }

    async fn public_access_block(&self, _: &Bucket) -> Result<Option<PublicAccessBlock>, AwsError> {
        self.call("GetPublicAccessBlock", "", |world| Ok(world.block))
    }
}

impl PublicReader for FakeAws {
    async fn read(&self, url: &str, if_none_match: Option<&str>) -> Result<PublicRead, PublicReadError> {
        let key = url.strip_prefix(HOST).unwrap_or(url);
        let read = self.call("Public", key, |world| {
            let restricted = world.block.is_some_and(|block| block.restrict_public_buckets);
            let allowed = world.policy.as_ref().is_some_and(|policy| policy.contains(key));
            let document = world.objects.get(key).filter(|_| allowed && !restricted);
            if let Some(swapped) = world.swapped.get(key) {
                return Ok(Some(PublicRead::Document(PublicDocument {
                    bytes: swapped.clone(),
                    etag: None,
                    content_type: None,
                    date: None,
                    age: None,
                })));
            }
            if document.is_some_and(|document| document.encryption.as_deref() == Some("aws:kms")) {
                return Err(error("kms", Kind::AccessDenied));
            }
            Ok(document.map(|document| match if_none_match {
                Some(etag) if etag == document.etag => PublicRead::NotModified,
                _ => PublicRead::Document(PublicDocument {
                    bytes: document.bytes.clone(),
                    etag: Some(document.etag.clone()),
                    content_type: None,
                    date: None,
                    age: None,
                }),
            }))
        });
        read.map_err(|error| match error.operation {
            "kms" => PublicReadError::KmsEncrypted,
            _ => PublicReadError::TimedOut(10),
        })?
        .ok_or(PublicReadError::Status(403))
    }
}

impl IdentityProviders for FakeAws {
    async fn provider(&self, arn: &str) -> Result<Option<OidcProvider>, AwsError> {
        assert_eq!(
            arn,
            format!("arn:aws:iam::{ACCOUNT}:oidc-provider/b.s3.eu-central-1.amazonaws.com")
        );
        self.call("GetOpenIDConnectProvider", "", |world| Ok(world.provider.clone()))
    }

    async fn create_provider(&self, new: &NewOidcProvider) -> Result<String, AwsError> {
        self.call("CreateOpenIDConnectProvider", "", |world| {
            if world.provider.is_some() {
                return Err(error("iam:CreateOpenIDConnectProvider", Kind::AlreadyExists));
            }
            let own = vec!["f".repeat(40)];
            world.provider = Some(OidcProvider {
                url: new.url.trim_start_matches("https://").to_owned(),
                client_ids: new.client_ids.clone(),
                thumbprints: if new.thumbprints.is_empty() {
                    own
                } else {
                    new.thumbprints.clone()
                },
                tags: new.tags.clone(),
            });
            Ok(String::new())
        })
    }

    async fn add_client_id(&self, _: &str, client_id: &str) -> Result<(), AwsError> {
        self.provider_change("AddClientID", |provider| {
            provider.client_ids.insert(client_id.to_owned());
        })
    }

    async fn remove_client_id(&self, _: &str, client_id: &str) -> Result<(), AwsError> {
        self.provider_change("RemoveClientID", |provider| {
            provider.client_ids.remove(client_id);
        })
    }

    async fn set_thumbprints(&self, _: &str, thumbprints: &[String]) -> Result<(), AwsError> {
        self.provider_change("UpdateThumbprint", |provider| {
            provider.thumbprints = thumbprints.to_vec();
        })
    }

    async fn tag_provider(&self, _: &str, tags: &AwsTags) -> Result<(), AwsError> {
        self.provider_change("TagProvider", |provider| provider.tags.extend(tags.clone()))
    }

    async fn untag_provider(&self, _: &str, keys: &[String]) -> Result<(), AwsError> {
        self.provider_change("UntagProvider", |provider| {
            provider.tags.retain(|key, _| !keys.contains(key));
        })
    }

    async fn delete_provider(&self, _: &str) -> Result<(), AwsError> {
        self.call("DeleteOpenIDConnectProvider", "", |world| {
            world.provider = None;
            Ok(())
        })
    }
}

macro_rules! not_a_federations {
    ($($name:ident($($argument:ty),*) -> $result:ty;)+) => {
        /// Federations ask nothing of roles.
        impl Roles for FakeAws {
            $(async fn $name(&self, $(_: $argument),*) -> Result<$result, AwsError> {
                panic!("not a federation's")
            })+
        }
    };
}

not_a_federations! {
    role(&str) -> Option<Role>;
    create_role(&NewRole) -> Role;
    update_trust_policy(&str, &str) -> ();
    update_role(&str, &str, u32) -> ();
    put_permissions_boundary(&str, &str) -> ();
    delete_permissions_boundary(&str) -> ();
    tag_role(&str, &AwsTags) -> ();
    untag_role(&str, &[String]) -> ();
    attached_policies(&str) -> std::collections::BTreeSet<String>;
    attach_policy(&str, &str) -> ();
    detach_policy(&str, &str) -> ();
    inline_policies(&str) -> std::collections::BTreeSet<String>;
    inline_policy(&str, &str) -> Option<String>;
    put_inline_policy(&str, &str, &str) -> ();
    delete_inline_policy(&str, &str) -> ();
    delete_role(&str) -> ();
}

impl RoleListings for FakeAws {
    async fn roles_under(&self, _: &str, _: impl FnMut(ListedRole) + Send) -> Result<(), AwsError> {
        panic!("not a federation's")
    }

    async fn detailed_roles(
        &self,
        _: usize,
        _: impl Fn(&str, &AwsTags) -> bool + Send + Sync,
        _: impl FnMut(DetailedRole) + Send,
    ) -> Result<bool, AwsError> {
        panic!("not a federation's")
    }
}

fn error(operation: &'static str, kind: Kind) -> AwsError {
    AwsError {
        operation,
        resource: "arn:x".to_owned(),
        code: format!("{kind:?}"),
        message: String::new(),
        kind,
    }
}
