use super::*;

fn by_root(method: Method, target: &str) -> Ask {
    on_b(&root(OWN), method, target)
}

fn policy(principal: Value) -> String {
    json!({"Version": "2012-10-17", "Statement": [{"Sid": "read", "Effect": "Allow", "Principal": principal,
           "Action": "s3:GetObject", "Resource": ["arn:aws:s3:::b/k"]}]})
    .to_string()
}

#[test]
fn a_policy_is_stored_as_text_and_read_back() {
    let mut s3 = with_b();
    assert_eq!(
        by_root(Method::GET, "/?policy").refused(&mut s3),
        code(404, "NoSuchBucketPolicy")
    );
    assert_eq!(
        by_root(Method::GET, "/?policyStatus").refused(&mut s3),
        code(404, "NoSuchBucketPolicy")
    );
    assert_eq!(
        by_root(Method::PUT, "/?policy").body("x").refused(&mut s3),
        code(400, "MalformedPolicy")
    );
    let document = policy(json!({"AWS": OTHER}));
    assert_eq!(
        by_root(Method::PUT, "/?policy")
            .body(document.clone())
            .ok(&mut s3)
            .status,
        204
    );
    assert_eq!(text(&by_root(Method::GET, "/?policy").ok(&mut s3)), document);
    assert!(text(&by_root(Method::GET, "/?policyStatus").ok(&mut s3)).contains("<IsPublic>false</IsPublic>"));
    by_root(Method::DELETE, "/?policy").ok(&mut s3);
    assert_eq!(
        by_root(Method::GET, "/?policy").refused(&mut s3),
        code(404, "NoSuchBucketPolicy")
    );
}

#[test]
fn a_public_policy_is_refused_by_the_bucket_or_the_account() {
    let mut s3 = with_b();
    let put = || by_root(Method::PUT, "/?policy").body(policy(json!("*")));
    let refused = put().of(&mut s3).expect_err("blocked");
    assert_eq!((refused.status, refused.code.as_str()), (403, "AccessDenied"));
    assert!(refused.message.contains("BlockPublicPolicy"), "{}", refused.message);
    s3.edit_bucket("b", |bucket| {
        bucket.public_access_block = Some(PublicAccessBlock::ACLS_ONLY)
    });
    s3.set_account_public_access_block(OWN, Some(PublicAccessBlock::ALL));
    assert_eq!(put().refused(&mut s3), code(403, "AccessDenied"));
    s3.set_account_public_access_block(OWN, None);
    put().ok(&mut s3);
    assert!(text(&by_root(Method::GET, "/?policyStatus").ok(&mut s3)).contains("<IsPublic>true</IsPublic>"));
}

#[test]
fn policy_calls_are_the_owner_accounts_and_its_root_is_never_locked_out() {
    let mut s3 = with_b();
    let lock = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": ["arn:aws:s3:::b", "arn:aws:s3:::b/*"]}]});
    by_root(Method::PUT, "/?policy").body(lock.to_string()).ok(&mut s3);
    assert_eq!(
        by_root(Method::GET, "/?tagging").refused(&mut s3),
        code(403, "AccessDenied")
    );
    let admin = user(allow(&["s3:*"]));
    assert_eq!(
        on_b(&admin, Method::GET, "/?policy").refused(&mut s3),
        code(403, "AccessDenied")
    );
    by_root(Method::DELETE, "/?policy").ok(&mut s3);

    let shared = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": OTHER},
                        "Action": "s3:*", "Resource": "arn:aws:s3:::b"}]});
    by_root(Method::PUT, "/?policy").body(shared.to_string()).ok(&mut s3);
    assert_eq!(
        on_b(&root(OTHER), Method::GET, "/?policy").refused(&mut s3),
        code(405, "MethodNotAllowed")
    );
    on_b(&root(OTHER), Method::GET, "/?tagging")
        .of(&mut s3)
        .expect_err("no tags, but let in");
}

#[test]
fn block_public_access_of_a_bucket_is_put_read_and_deleted() {
    let mut s3 = with_b();
    let all = text(&by_root(Method::GET, "/?publicAccessBlock").ok(&mut s3));
    assert_eq!(all.matches(">true<").count(), 4);
    let body = "<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>TRUE\
                </IgnorePublicAcls></PublicAccessBlockConfiguration>";
    by_root(Method::PUT, "/?publicAccessBlock").body(body).ok(&mut s3);
    assert_eq!(
        s3.bucket("b").and_then(|bucket| bucket.public_access_block),
        Some(PublicAccessBlock::ACLS_ONLY)
    );
    assert_eq!(
        by_root(Method::PUT, "/?publicAccessBlock")
            .body("<X/>")
            .refused(&mut s3),
        code(400, "MalformedXML")
    );
    by_root(Method::DELETE, "/?publicAccessBlock").ok(&mut s3);
    let missing = by_root(Method::GET, "/?publicAccessBlock").refused(&mut s3);
    assert_eq!(missing, code(404, "NoSuchPublicAccessBlockConfiguration"));
    let reader = user(allow(&["s3:GetBucketPublicAccessBlock"]));
    let write = on_b(&reader, Method::DELETE, "/?publicAccessBlock");
    assert_eq!(write.refused(&mut s3), code(403, "AccessDenied"));
}

#[test]
fn block_public_access_of_an_account_is_its_own_business() {
    let mut s3 = S3::default();
    let host = format!("{OWN}.s3-control.eu-central-1.amazonaws.com");
    let control = |gate: &Gate, method: Method| {
        ask(gate, method, &host, "/v20180820/configuration/publicAccessBlock").header("x-amz-account-id", OWN)
    };
    let missing = control(&root(OWN), Method::GET).refused(&mut s3);
    assert_eq!(missing, code(404, "NoSuchPublicAccessBlockConfiguration"));
    let body = "<PublicAccessBlockConfiguration xmlns=\"http://awss3control.amazonaws.com/doc/2018-08-20/\">\
                <BlockPublicPolicy>true</BlockPublicPolicy></PublicAccessBlockConfiguration>";
    control(&root(OWN), Method::PUT).body(body).ok(&mut s3);
    let reader = user(allow(&["s3:GetAccountPublicAccessBlock"]));
    assert!(text(&control(&reader, Method::GET).ok(&mut s3)).contains("<BlockPublicPolicy>true</BlockPublicPolicy>"));
    assert_eq!(
        control(&reader, Method::DELETE).refused(&mut s3),
        code(403, "AccessDenied")
    );
    assert_eq!(
        control(&root(OTHER), Method::GET).refused(&mut s3),
        code(403, "AccessDenied")
    );
    assert_eq!(
        control(&Gate::anonymous(), Method::GET).refused(&mut s3),
        code(403, "AccessDenied")
    );
    control(&root(OWN), Method::DELETE).ok(&mut s3);
    assert_eq!(
        control(&root(OWN), Method::POST).refused(&mut s3),
        code(405, "MethodNotAllowed")
    );
}

#[test]
fn ownership_controls_are_put_read_and_deleted() {
    let mut s3 = with_b();
    assert!(text(&by_root(Method::GET, "/?ownershipControls").ok(&mut s3)).contains("BucketOwnerEnforced"));
    let body = |rule: &str| {
        format!("<OwnershipControls><Rule><ObjectOwnership>{rule}</ObjectOwnership></Rule></OwnershipControls>")
    };
    by_root(Method::PUT, "/?ownershipControls")
        .body(body("ObjectWriter"))
        .ok(&mut s3);
    assert_eq!(
        s3.bucket("b").and_then(|bucket| bucket.ownership),
        Some(Ownership::ObjectWriter)
    );
    let odd = by_root(Method::PUT, "/?ownershipControls").body(body("Odd"));
    assert_eq!(odd.refused(&mut s3), code(400, "MalformedXML"));
    by_root(Method::DELETE, "/?ownershipControls").ok(&mut s3);
    let missing = by_root(Method::GET, "/?ownershipControls").refused(&mut s3);
    assert_eq!(missing, code(404, "OwnershipControlsNotFoundError"));
}

#[test]
fn tags_are_a_whole_set_with_rules() {
    let mut s3 = with_b();
    assert_eq!(
        by_root(Method::GET, "/?tagging").refused(&mut s3),
        code(404, "NoSuchTagSet")
    );
    let put = |tags: &[(&str, &str)]| {
        let tags: String = tags
            .iter()
            .map(|(key, value)| format!("<Tag><Key>{key}</Key><Value>{value}</Value></Tag>"))
            .collect();
        by_root(Method::PUT, "/?tagging").body(format!("<Tagging><TagSet>{tags}</TagSet></Tagging>"))
    };
    put(&[("a", "1"), ("b", "")]).ok(&mut s3);
    put(&[("c", "x&amp;y")]).ok(&mut s3);
    let read = text(&by_root(Method::GET, "/?tagging").ok(&mut s3));
    assert!(read.contains("<Tag><Key>c</Key><Value>x&amp;y</Value></Tag>") && !read.contains("<Key>a</Key>"));
    for bad in [&[("a", "1"), ("a", "2")][..], &[("aws:x", "1")], &[("", "1")]] {
        assert_eq!(put(bad).refused(&mut s3), code(400, "InvalidTag"), "{bad:?}");
    }
    by_root(Method::DELETE, "/?tagging").ok(&mut s3);
    assert_eq!(
        by_root(Method::GET, "/?tagging").refused(&mut s3),
        code(404, "NoSuchTagSet")
    );
}

#[test]
fn encryption_defaults_to_sse_s3_and_versioning_to_nothing() {
    let mut s3 = with_b();
    assert!(text(&by_root(Method::GET, "/?encryption").ok(&mut s3)).contains("<SSEAlgorithm>AES256</SSEAlgorithm>"));
    let body = "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms\
                </SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>";
    by_root(Method::PUT, "/?encryption").body(body).ok(&mut s3);
    assert!(text(&by_root(Method::GET, "/?encryption").ok(&mut s3)).contains("<SSEAlgorithm>aws:kms</SSEAlgorithm>"));
    by_root(Method::DELETE, "/?encryption").ok(&mut s3);
    assert_eq!(
        s3.bucket("b").map(|bucket| bucket.encryption.clone()),
        Some(Encryption::S3)
    );

    assert!(!text(&by_root(Method::GET, "/?versioning").ok(&mut s3)).contains("Status"));
    let body = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    by_root(Method::PUT, "/?versioning").body(body).ok(&mut s3);
    assert!(text(&by_root(Method::GET, "/?versioning").ok(&mut s3)).contains("<Status>Enabled</Status>"));
}
