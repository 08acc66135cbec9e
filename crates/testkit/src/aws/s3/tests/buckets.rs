use super::*;

fn create(gate: &Gate, host: &str, path: &str, constraint: Option<&str>) -> Ask {
    let body = constraint
        .map(|region| {
            format!(
                "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><LocationConstraint>\
                 {region}</LocationConstraint></CreateBucketConfiguration>"
            )
        })
        .unwrap_or_default();
    ask(gate, Method::PUT, host, path).body(body)
}

#[test]
fn a_new_bucket_blocks_everything_public_and_enforces_its_owner() {
    let mut s3 = S3::default();
    let reply = create(&root(OWN), "new.s3.eu-central-1.amazonaws.com", "/", Some(REGION)).ok(&mut s3);
    assert_eq!(header(&reply, "location"), Some("/new"));
    let bucket = s3.bucket("new").expect("made");
    assert_eq!(bucket.public_access_block, Some(PublicAccessBlock::ALL));
    assert_eq!(bucket.ownership, Some(Ownership::BucketOwnerEnforced));
    assert_eq!((bucket.owner.as_str(), bucket.region.as_str()), (OWN, REGION));
}

#[test]
fn the_location_constraint_must_fit_the_endpoint() {
    type Row = (
        &'static str,
        Option<&'static str>,
        Result<&'static str, (u16, &'static str)>,
    );
    let rows: &[Row] = &[
        (
            "n-1.s3.eu-central-1.amazonaws.com",
            None,
            Err((400, "IllegalLocationConstraintException")),
        ),
        (
            "n-1.s3.eu-central-1.amazonaws.com",
            Some("eu-west-1"),
            Err((400, "IllegalLocationConstraintException")),
        ),
        (
            "n-1.s3.eu-central-1.amazonaws.com",
            Some("eu-central-1"),
            Ok("eu-central-1"),
        ),
        ("n-2.s3.us-east-1.amazonaws.com", None, Ok("us-east-1")),
        (
            "n-3.s3.amazonaws.com",
            Some("us-east-1"),
            Err((400, "InvalidLocationConstraint")),
        ),
        ("n-3.s3.amazonaws.com", Some("EU"), Ok("eu-west-1")),
    ];
    let mut s3 = S3::default();
    for (host, constraint, want) in rows {
        let outcome = create(&root(OWN), host, "/", *constraint).of(&mut s3);
        let name = host.split('.').next().expect("name");
        let got = outcome.map(|_| s3.bucket(name).expect("made").region.as_str());
        assert_eq!(
            got.map_err(|error| (error.status, error.code)),
            want.map_err(|(s, c)| (s, c.to_owned())),
            "{host}"
        );
    }
    let garbled = create(&root(OWN), "n-4.s3.eu-central-1.amazonaws.com", "/", None).body("<Wrong/>");
    assert_eq!(garbled.refused(&mut s3), code(400, "MalformedXML"));
}

#[test]
fn a_name_is_taken_once_in_a_partition() {
    let mut s3 = with_b();
    s3.create_bucket(OWN, "east", noon(), BucketOptions::in_region("us-east-1"));
    let regional = |gate: &Gate| create(gate, "s3.eu-central-1.amazonaws.com", "/bbb", Some(REGION));
    regional(&root(OWN)).ok(&mut s3);
    assert_eq!(
        regional(&root(OWN)).refused(&mut s3),
        code(409, "BucketAlreadyOwnedByYou")
    );
    assert_eq!(
        regional(&root(OTHER)).refused(&mut s3),
        code(409, "BucketAlreadyExists")
    );
    let east = |gate: &Gate| create(gate, "east.s3.us-east-1.amazonaws.com", "/", None);
    assert_eq!(
        east(&root(OWN)).ok(&mut s3).status,
        200,
        "legacy behaviour of us-east-1"
    );
    assert_eq!(east(&root(OTHER)).refused(&mut s3), code(409, "BucketAlreadyExists"));
    let china = create(
        &root(OTHER),
        "bbb.s3.cn-north-1.amazonaws.com.cn",
        "/",
        Some("cn-north-1"),
    );
    assert_eq!(china.ok(&mut s3).status, 200, "another partition, another namespace");
}

#[test]
fn bad_names_ownerships_and_acls_are_refused_at_creation() {
    let mut s3 = S3::default();
    let path = |name: &str| create(&root(OWN), "s3.eu-central-1.amazonaws.com", name, Some(REGION));
    assert_eq!(path("/Upper").refused(&mut s3), code(400, "InvalidBucketName"));
    assert_eq!(path("/some-an").refused(&mut s3), code(400, "InvalidBucketName"));
    let regional = format!("/x-{OWN}-{REGION}-an");
    path(&regional)
        .header("x-amz-bucket-namespace", "account-regional")
        .ok(&mut s3);
    let acl = path("/with-acl").header("x-amz-acl", "public-read");
    assert_eq!(acl.refused(&mut s3), code(400, "InvalidBucketAclWithObjectOwnership"));
    let odd = path("/odd-owner").header("x-amz-object-ownership", "Nobody");
    assert_eq!(odd.refused(&mut s3), code(400, "InvalidArgument"));
    path("/writer")
        .header("x-amz-object-ownership", "ObjectWriter")
        .ok(&mut s3);
    assert_eq!(
        s3.bucket("writer").and_then(|bucket| bucket.ownership),
        Some(Ownership::ObjectWriter)
    );
}

#[test]
fn creating_needs_the_permission_and_ownership_its_own() {
    let mut s3 = S3::default();
    let path = |gate: &Gate| create(gate, "s3.eu-central-1.amazonaws.com", "/bbb", Some(REGION));
    assert_eq!(path(&Gate::anonymous()).refused(&mut s3), code(403, "AccessDenied"));
    assert_eq!(
        path(&user(allow(&["s3:GetObject"]))).refused(&mut s3),
        code(403, "AccessDenied")
    );
    let creator = user(allow(&["s3:CreateBucket"]));
    let owned = path(&creator).header("x-amz-object-ownership", "BucketOwnerEnforced");
    assert_eq!(owned.refused(&mut s3), code(403, "AccessDenied"));
    path(&creator).ok(&mut s3);
}

#[test]
fn buckets_are_found_in_their_region_by_their_owner() {
    let mut s3 = with_b();
    let head = |gate: &Gate, host: &str| ask(gate, Method::HEAD, host, "/");
    let reply = head(&root(OWN), "b.s3.eu-central-1.amazonaws.com").ok(&mut s3);
    assert_eq!(header(&reply, "x-amz-bucket-region"), Some(REGION));
    assert_eq!(
        head(&root(OWN), "none.s3.eu-central-1.amazonaws.com").refused(&mut s3),
        code(404, "NoSuchBucket")
    );
    assert_eq!(
        head(&root(OTHER), "b.s3.eu-central-1.amazonaws.com").refused(&mut s3),
        code(403, "AccessDenied")
    );

    let away = head(&root(OWN), "b.s3.eu-west-1.amazonaws.com")
        .of(&mut s3)
        .expect_err("elsewhere");
    assert_eq!((away.status, away.code.as_str()), (301, "PermanentRedirect"));
    assert!(away.extra.contains(&("x-amz-bucket-region".into(), REGION.into())));
    let global = head(&root(OWN), "b.s3.amazonaws.com")
        .signed_for("us-east-1")
        .of(&mut s3)
        .expect_err("wrong region");
    assert_eq!(
        (global.status, global.code.as_str()),
        (400, "AuthorizationHeaderMalformed")
    );
    assert!(
        global
            .message
            .ends_with("the region 'us-east-1' is wrong; expecting 'eu-central-1'")
    );
    assert_eq!(head(&root(OWN), "b.s3.amazonaws.com").ok(&mut s3).status, 200);
}

#[test]
fn the_expected_owner_is_checked_before_anything_else() {
    let mut s3 = with_b();
    for (method, target) in [
        (Method::HEAD, "/"),
        (Method::GET, "/?policy"),
        (Method::PUT, "/?policy"),
        (Method::GET, "/?publicAccessBlock"),
        (Method::PUT, "/k"),
        (Method::GET, "/k"),
        (Method::DELETE, "/k"),
        (Method::DELETE, "/"),
    ] {
        let wrong = on_b(&root(OWN), method.clone(), target).header("x-amz-expected-bucket-owner", OTHER);
        assert_eq!(wrong.refused(&mut s3), code(403, "AccessDenied"), "{method} {target}");
    }
    on_b(&root(OWN), Method::PUT, "/k")
        .header("x-amz-expected-bucket-owner", OWN)
        .ok(&mut s3);
}

#[test]
fn only_an_empty_bucket_is_deleted() {
    let mut s3 = with_b();
    s3.put_object_directly("b", "k", Object::new("x", noon()));
    let delete = || on_b(&root(OWN), Method::DELETE, "/");
    assert_eq!(delete().refused(&mut s3), code(409, "BucketNotEmpty"));
    s3.remove_object_directly("b", "k").expect("there");
    assert_eq!(delete().ok(&mut s3).status, 204);
    assert_eq!(delete().refused(&mut s3), code(404, "NoSuchBucket"));
}

#[test]
fn the_location_of_us_east_1_is_empty() {
    let mut s3 = with_b();
    s3.create_bucket(OWN, "east", noon(), BucketOptions::in_region("us-east-1"));
    assert!(text(&on_b(&root(OWN), Method::GET, "/?location").ok(&mut s3)).contains(">eu-central-1</"));
    let east = ask(&root(OWN), Method::GET, "east.s3.us-east-1.amazonaws.com", "/?location").signed_for("us-east-1");
    assert!(text(&east.ok(&mut s3)).ends_with("/\"></LocationConstraint>"));
}

#[test]
fn an_account_lists_its_own_buckets_only() {
    let mut s3 = with_b();
    s3.create_bucket(OTHER, "theirs", noon(), BucketOptions::in_region(REGION));
    let list = |gate: &Gate| ask(gate, Method::GET, "s3.eu-central-1.amazonaws.com", "/");
    let listed = text(&list(&root(OWN)).ok(&mut s3));
    assert!(listed.contains("<Name>b</Name>") && !listed.contains("theirs"));
    assert!(listed.contains("<CreationDate>2026-11-24T12:00:00.000Z</CreationDate>"));
    assert_eq!(list(&user(json!([]))).refused(&mut s3), code(403, "AccessDenied"));
    assert_eq!(list(&Gate::anonymous()).refused(&mut s3), code(403, "AccessDenied"));
}

#[test]
fn what_is_not_served_says_so() {
    let mut s3 = with_b();
    assert_eq!(
        on_b(&root(OWN), Method::GET, "/?acl").refused(&mut s3),
        code(501, "NotImplemented")
    );
    assert_eq!(
        on_b(&root(OWN), Method::GET, "/k?tagging").refused(&mut s3),
        code(501, "NotImplemented")
    );
    assert_eq!(
        on_b(&root(OWN), Method::DELETE, "/?location").refused(&mut s3),
        code(405, "MethodNotAllowed")
    );
    assert_eq!(
        on_b(&root(OWN), Method::POST, "/").refused(&mut s3),
        code(405, "MethodNotAllowed")
    );
}
