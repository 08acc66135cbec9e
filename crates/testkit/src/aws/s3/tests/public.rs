use super::*;

fn public_policy() -> Value {
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
           "Resource": "arn:aws:s3:::b/k"}]})
}

fn public_b() -> S3 {
    let options = BucketOptions::in_region(REGION)
        .with_public_access_block(Some(PublicAccessBlock::ACLS_ONLY))
        .with_policy(public_policy());
    let mut s3 = with_b_as(options);
    s3.put_object_directly("b", "k", Object::new("x", noon()));
    s3.put_object_directly("b", "secret", Object::new("x", noon()));
    s3
}

fn anonymous(target: &str) -> Ask {
    on_b(&Gate::anonymous(), Method::GET, target)
}

#[test]
fn everybody_reads_what_the_policy_names_and_nothing_else() {
    let mut s3 = public_b();
    assert_eq!(anonymous("/k").ok(&mut s3).body.as_ref(), b"x");
    assert_eq!(anonymous("/secret").refused(&mut s3), code(403, "AccessDenied"));
    assert_eq!(anonymous("/?list-type=2").refused(&mut s3), code(403, "AccessDenied"));
    assert_eq!(anonymous("/?policy").refused(&mut s3), code(403, "AccessDenied"));
    assert_eq!(
        on_b(&Gate::anonymous(), Method::PUT, "/k").refused(&mut s3),
        code(403, "AccessDenied")
    );
    s3.remove_object_directly("b", "k");
    assert_eq!(
        anonymous("/k").refused(&mut s3),
        code(403, "AccessDenied"),
        "missing, and no s3:ListBucket"
    );
    assert_eq!(
        ask(
            &Gate::anonymous(),
            Method::GET,
            "none.s3.eu-central-1.amazonaws.com",
            "/k"
        )
        .refused(&mut s3),
        code(404, "NoSuchBucket")
    );
}

#[test]
fn without_a_policy_nobody_reads() {
    let mut s3 = public_b();
    s3.edit_bucket("b", |bucket| bucket.policy = None);
    assert_eq!(anonymous("/k").refused(&mut s3), code(403, "AccessDenied"));
    on_b(&root(OWN), Method::GET, "/k").ok(&mut s3);
}

#[test]
fn restrict_public_buckets_at_either_level_stops_the_public_and_other_accounts() {
    let restrict = PublicAccessBlock {
        restrict_public_buckets: true,
        ..Default::default()
    };
    let mut by_bucket = public_b();
    by_bucket.edit_bucket("b", |bucket| bucket.public_access_block = Some(restrict));
    let mut by_account = public_b();
    by_account.set_account_public_access_block(OWN, Some(restrict));
    for s3 in [&mut by_bucket, &mut by_account] {
        assert_eq!(anonymous("/k").refused(s3), code(403, "AccessDenied"));
        assert_eq!(
            on_b(&root(OTHER), Method::GET, "/k").refused(s3),
            code(403, "AccessDenied")
        );
        on_b(&user(json!([])), Method::GET, "/k").ok(s3);
    }
    let mut open = public_b();
    on_b(&root(OTHER), Method::GET, "/k").ok(&mut open);
    let mut policy_only = public_b();
    let block = PublicAccessBlock {
        block_public_policy: true,
        ..Default::default()
    };
    policy_only.set_account_public_access_block(OWN, Some(block));
    anonymous("/k").ok(&mut policy_only);
}

#[test]
fn both_hosts_and_path_style_serve_the_public() {
    let mut s3 = public_b();
    for (host, path) in [
        ("b.s3.eu-central-1.amazonaws.com", "/k"),
        ("b.s3.amazonaws.com", "/k"),
        ("b.s3.dualstack.eu-central-1.amazonaws.com", "/k"),
        ("s3.eu-central-1.amazonaws.com", "/b/k"),
    ] {
        ask(&Gate::anonymous(), Method::GET, host, path).ok(&mut s3);
    }
    let elsewhere = ask(&Gate::anonymous(), Method::GET, "b.s3.us-east-1.amazonaws.com", "/k");
    assert_eq!(elsewhere.refused(&mut s3), code(301, "PermanentRedirect"));
}

#[test]
fn objects_under_kms_need_a_signature() {
    let mut s3 = public_b();
    s3.edit_bucket("b", |bucket| bucket.encryption = Encryption::Kms(None));
    anonymous("/k").ok(&mut s3);
    on_b(&root(OWN), Method::PUT, "/k").body("x").ok(&mut s3);
    let refused = anonymous("/k").of(&mut s3).expect_err("encrypted with KMS now");
    assert_eq!((refused.status, refused.code.as_str()), (400, "InvalidArgument"));
    let reply = on_b(&root(OWN), Method::GET, "/k").ok(&mut s3);
    assert_eq!(header(&reply, "x-amz-server-side-encryption"), Some("aws:kms"));
    assert_ne!(
        header(&reply, "etag"),
        Some("\"9dd4e461268c8034f5c8564e155c67a6\""),
        "not the MD5"
    );
}

#[test]
fn another_account_needs_both_its_own_policy_and_the_buckets() {
    let mut s3 = public_b();
    let grant = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": OWN},
                       "Action": "s3:GetObject", "Resource": "arn:aws:s3:::theirs/k"}]});
    s3.create_bucket(
        OTHER,
        "theirs",
        noon(),
        BucketOptions::in_region(REGION).with_policy(grant),
    );
    s3.put_object_directly("theirs", "k", Object::new("x", noon()));
    let read = |gate: &Gate| ask(gate, Method::GET, "theirs.s3.eu-central-1.amazonaws.com", "/k");
    read(&user(allow(&["s3:GetObject"]))).ok(&mut s3);
    let refused = read(&user(json!([]))).of(&mut s3).expect_err("own side missing");
    assert_eq!(
        (refused.code.as_str(), refused.message.as_str()),
        ("AccessDenied", "Access Denied")
    );
}
