//! Making, finding and removing buckets.

use http::StatusCode;

use super::{
    Bucket, BucketOptions, Ownership, S3,
    access::Scene,
    address::GLOBAL_REGION,
    errors, names,
    xml::{self, answer},
};
use crate::aws::{
    policy::Context,
    wire::{AwsError, Caller, Outcome, Reply},
};

impl S3 {
    pub(super) fn make_bucket(&mut self, scene: &Scene<'_>) -> Outcome {
        let Caller::Principal(principal) = &scene.call.caller else {
            return Err(errors::access_denied());
        };
        let region = region_of_new(scene)?;
        let namespace = scene.call.header("x-amz-bucket-namespace");
        let name_is_fine = match namespace {
            Some("account-regional") => names::is_valid_regional(scene.bucket, &principal.account, &region),
            _ => names::is_valid(scene.bucket),
        };
        if !name_is_fine {
            return Err(errors::invalid_bucket_name(scene.bucket));
        }
        let ownership = match scene.call.header("x-amz-object-ownership") {
            None => Ownership::default(),
            Some(text) => Ownership::parse(text).ok_or_else(|| {
                errors::invalid_argument("Invalid x-amz-object-ownership header", "x-amz-object-ownership", text)
            })?,
        };
        let context = scene.context().with("s3:locationconstraint", region.as_str());
        self.authorize_creation(scene, &context)?;
        let has_acl = scene
            .call
            .headers
            .keys()
            .any(|name| name == "x-amz-acl" || name.as_str().starts_with("x-amz-grant-"))
            && scene.call.header("x-amz-acl") != Some("private");
        if has_acl && ownership == Ownership::BucketOwnerEnforced {
            let message = "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting";
            return Err(AwsError::new(400, "InvalidBucketAclWithObjectOwnership", message));
        }

        if let Some(existing) = self.buckets.get(&self.key_of(scene)) {
            return match existing.owner == principal.account {
                // "For legacy compatibility, if you re-create an existing bucket that you already own in the North
                // Virginia Region, Amazon S3 returns 200 OK and resets the bucket access control lists"
                // [S3-model BucketAlreadyOwnedByYou].
                true if existing.region == GLOBAL_REGION && region == GLOBAL_REGION => Ok(created(scene)),
                true => Err(errors::already_owned_by_you(scene.bucket)),
                false => Err(errors::already_exists(scene.bucket)),
            };
        }
        let options = BucketOptions {
            ownership,
            ..BucketOptions::in_region(region)
        };
        let bucket = Bucket::new(&principal.account, scene.bucket, scene.call.now, options);
        self.buckets.insert(self.key_of(scene), bucket);
        Ok(created(scene))
    }

    /// `s3:PutBucketOwnershipControls` and `s3:PutBucketAcl` are needed besides when their headers are there
    /// [S3-model CreateBucket, Permissions].
    #[expect(clippy::unused_self, reason = "reads like the other authorizations")]
    fn authorize_creation(&self, scene: &Scene<'_>, context: &Context) -> Result<(), AwsError> {
        let mut actions = vec!["s3:CreateBucket"];
        if scene.call.header("x-amz-object-ownership").is_some() {
            actions.push("s3:PutBucketOwnershipControls");
        }
        if scene.call.header("x-amz-acl").is_some() {
            actions.push("s3:PutBucketAcl");
        }
        actions
            .into_iter()
            .try_for_each(|action| scene.gate.authorize(action, &scene.arn(), context))
    }

    pub(super) fn remove_bucket(&mut self, scene: &Scene<'_>) -> Outcome {
        let bucket = self.admit(scene, "s3:DeleteBucket")?;
        // Versions and delete markers count [S3-model DeleteBucket].
        if !bucket.objects.is_empty() || !bucket.versions.is_empty() {
            return Err(errors::not_empty(scene.bucket));
        }
        let key = self.key_of(scene);
        self.buckets.remove(&key);
        Ok(Reply::empty(StatusCode::NO_CONTENT))
    }

    pub(super) fn head_bucket(&self, scene: &Scene<'_>) -> Outcome {
        let bucket = self.admit(scene, "s3:ListBucket")?;
        let headers = vec![
            ("x-amz-bucket-region".to_owned(), bucket.region.clone()),
            ("x-amz-access-point-alias".to_owned(), "false".to_owned()),
        ];
        Ok(Reply {
            headers,
            ..Reply::empty(StatusCode::OK)
        })
    }

    /// "Buckets in Region us-east-1 have a LocationConstraint of null" [S3-model GetBucketLocation].
    pub(super) fn bucket_location(&self, scene: &Scene<'_>) -> Outcome {
        let bucket = self.admit(scene, "s3:GetBucketLocation")?;
        let region = if bucket.region == GLOBAL_REGION {
            ""
        } else {
            &bucket.region
        };
        answer("LocationConstraint", region)
    }
}

fn created(scene: &Scene<'_>) -> Reply {
    let headers = vec![("location".to_owned(), format!("/{}", scene.bucket))];
    Reply {
        headers,
        ..Reply::empty(StatusCode::OK)
    }
}

/// The region that a CreateBucket asks for. us-east-1's endpoint makes buckets anywhere and wants no constraint for
/// itself; another endpoint makes them in its own region and wants it named [S3-model CreateBucket.LocationConstraint;
/// messages observed].
fn region_of_new(scene: &Scene<'_>) -> Result<String, AwsError> {
    let endpoint = scene.address.endpoint_region();
    let constraint = match std::str::from_utf8(&scene.call.body) {
        Ok(text) if text.trim().is_empty() => None,
        Ok(text) => {
            let root = xml::parse(text)
                .filter(|root| root.name == "CreateBucketConfiguration")
                .ok_or_else(errors::malformed_xml)?;
            root.text_of("LocationConstraint")
                .filter(|text| !text.is_empty())
                .map(ToOwned::to_owned)
        }
        Err(_) => return Err(errors::malformed_xml()),
    };
    let incompatible = |which: &str| {
        let message = format!(
            "The {which} location constraint is incompatible for the region specific endpoint this request was sent to."
        );
        AwsError::new(400, "IllegalLocationConstraintException", message)
    };
    match constraint {
        None if endpoint == GLOBAL_REGION => Ok(GLOBAL_REGION.to_owned()),
        None => Err(incompatible("unspecified")),
        Some(region) if endpoint == GLOBAL_REGION => match region.as_str() {
            GLOBAL_REGION => {
                let message = "The specified location-constraint is not valid";
                let mut error = AwsError::new(400, "InvalidLocationConstraint", message);
                error.extra.push(("LocationConstraint".to_owned(), region));
                Err(error)
            }
            "EU" => Ok("eu-west-1".to_owned()),
            _ => Ok(region),
        },
        Some(region) if region == endpoint => Ok(region),
        Some(region) => Err(incompatible(&region)),
    }
}
