use super::*;

const ETAG: &str = "\"9dd4e461268c8034f5c8564e155c67a6\"";

fn put(target: &str) -> Ask {
    on_b(&root(OWN), Method::PUT, target).body("x")
}

fn get(target: &str) -> Ask {
    on_b(&root(OWN), Method::GET, target)
}

#[test]
fn an_object_comes_back_as_it_was_put() {
    let mut s3 = with_b();
    let reply = put("/a/b%20c")
        .header("content-type", "application/json")
        .header("cache-control", "public, max-age=300")
        .header("content-encoding", "aws-chunked,gzip")
        .header("x-amz-meta-Cluster", "one")
        .ok(&mut s3);
    assert_eq!(header(&reply, "etag"), Some(ETAG));
    for method in [Method::GET, Method::HEAD] {
        let reply = on_b(&root(OWN), method, "/a/b%20c?x-id=GetObject").ok(&mut s3);
        for (name, value) in [
            ("content-type", "application/json"),
            ("cache-control", "public, max-age=300"),
            ("content-encoding", "gzip"),
            ("x-amz-meta-cluster", "one"),
            ("etag", ETAG),
            ("last-modified", "Tue, 24 Nov 2026 12:00:00 GMT"),
            ("x-amz-server-side-encryption", "AES256"),
        ] {
            assert_eq!(header(&reply, name), Some(value), "{name}");
        }
        assert_eq!(reply.body.as_ref(), b"x");
    }
    put("/plain").ok(&mut s3);
    assert_eq!(
        header(&get("/plain").ok(&mut s3), "content-type"),
        Some("binary/octet-stream")
    );
}

#[test]
fn conditional_puts_create_or_replace_exactly_what_was_seen() {
    let mut s3 = with_b();
    assert_eq!(
        put("/k").header("if-match", ETAG).refused(&mut s3),
        code(404, "NoSuchKey")
    );
    put("/k").header("if-none-match", "*").ok(&mut s3);
    assert_eq!(
        put("/k").header("if-none-match", "*").refused(&mut s3),
        code(412, "PreconditionFailed")
    );
    assert_eq!(
        put("/k").header("if-match", "\"0\"").refused(&mut s3),
        code(412, "PreconditionFailed")
    );
    assert_eq!(
        put("/k").header("if-none-match", ETAG).refused(&mut s3),
        code(501, "NotImplemented")
    );
    put("/k").header("if-match", ETAG).body("y").ok(&mut s3);
    assert_eq!(s3.object("b", "k").expect("there").body.as_ref(), b"y");
}

#[test]
fn a_conditional_put_needs_to_read() {
    let mut s3 = with_b();
    put("/k").ok(&mut s3);
    let writer = user(allow(&["s3:PutObject"]));
    let replace = || on_b(&writer, Method::PUT, "/k").body("y");
    assert_eq!(
        replace().header("if-match", ETAG).refused(&mut s3),
        code(403, "AccessDenied")
    );
    replace().ok(&mut s3);
}

#[test]
fn conditional_gets_answer_304_and_412() {
    let mut s3 = with_b();
    put("/k").ok(&mut s3);
    let status = |name: &str, value: &str, s3: &mut S3| match get("/k").header(name, value).of(s3) {
        Ok(reply) => reply.status.as_u16(),
        Err(error) => error.status,
    };
    for (name, value, want) in [
        ("if-none-match", ETAG, 304),
        ("if-none-match", "W/\"9dd4e461268c8034f5c8564e155c67a6\"", 304),
        ("if-none-match", "*", 304),
        ("if-none-match", "\"0\"", 200),
        ("if-match", ETAG, 200),
        ("if-match", "\"0\", \"1\"", 412),
        ("if-modified-since", "Tue, 24 Nov 2026 12:00:00 GMT", 304),
        ("if-modified-since", "Tue, 24 Nov 2026 11:59:59 GMT", 200),
        ("if-modified-since", "not a date", 200),
        ("if-unmodified-since", "Tue, 24 Nov 2026 11:59:59 GMT", 412),
        ("if-unmodified-since", "Tue, 24 Nov 2026 12:00:00 GMT", 200),
    ] {
        assert_eq!(status(name, value, &mut s3), want, "{name}: {value}");
    }
    let unchanged = get("/k").header("if-none-match", ETAG).ok(&mut s3);
    assert!(unchanged.body.is_empty());
    assert_eq!(header(&unchanged, "etag"), Some(ETAG));
}

#[test]
fn deleting_is_idempotent_unless_a_match_is_asked_for() {
    let mut s3 = with_b();
    let delete = || on_b(&root(OWN), Method::DELETE, "/k");
    assert_eq!(delete().ok(&mut s3).status, 204);
    assert_eq!(
        delete().header("if-match", "*").refused(&mut s3),
        code(412, "PreconditionFailed")
    );
    put("/k").ok(&mut s3);
    assert_eq!(
        delete().header("if-match", "\"0\"").refused(&mut s3),
        code(412, "PreconditionFailed")
    );
    assert_eq!(delete().header("if-match", ETAG).ok(&mut s3).status, 204);
    assert_eq!(s3.object("b", "k"), None);
}

#[test]
fn a_missing_key_reads_as_403_without_list_and_404_with_it() {
    let mut s3 = with_b();
    let reader = user(allow(&["s3:GetObject"]));
    let lister = user(allow(&["s3:GetObject", "s3:ListBucket"]));
    for method in [Method::GET, Method::HEAD] {
        let missing = |gate: &Gate| on_b(gate, method.clone(), "/none");
        let error = missing(&reader).of(&mut s3).expect_err("no list");
        assert_eq!((error.status, error.code.as_str()), (403, "AccessDenied"));
        assert!(
            error.message.contains("s3:ListBucket on resource: \"arn:aws:s3:::b\""),
            "{}",
            error.message
        );
        assert_eq!(missing(&lister).refused(&mut s3), code(404, "NoSuchKey"));
    }
}

#[test]
fn acls_are_refused_while_the_owner_is_enforced() {
    let mut s3 = with_b();
    let acl = |name: &str, value: &str| put("/k").header(name, value);
    assert_eq!(
        acl("x-amz-acl", "public-read").refused(&mut s3),
        code(400, "AccessControlListNotSupported")
    );
    assert_eq!(
        acl("x-amz-acl", "private").refused(&mut s3),
        code(400, "AccessControlListNotSupported")
    );
    let grant = "uri=\"http://acs.amazonaws.com/groups/global/AllUsers\"";
    assert_eq!(
        acl("x-amz-grant-read", grant).refused(&mut s3),
        code(400, "AccessControlListNotSupported")
    );
    acl("x-amz-acl", "bucket-owner-full-control").ok(&mut s3);
    let writer = user(allow(&["s3:PutObject"]));
    let by_writer = on_b(&writer, Method::PUT, "/k").header("x-amz-acl", "bucket-owner-full-control");
    assert_eq!(
        by_writer.refused(&mut s3),
        code(403, "AccessDenied"),
        "an ACL needs s3:PutObjectAcl"
    );

    s3.edit_bucket("b", |bucket| bucket.ownership = Some(Ownership::ObjectWriter));
    assert_eq!(
        acl("x-amz-acl", "public-read").refused(&mut s3),
        code(403, "AccessDenied"),
        "BlockPublicAcls"
    );
}

#[test]
fn public_acls_count_only_when_nothing_ignores_them() {
    let mut options = BucketOptions::in_region(REGION).with_public_access_block(None);
    options.ownership = Ownership::ObjectWriter;
    let mut s3 = with_b_as(options);
    put("/k").header("x-amz-acl", "public-read").ok(&mut s3);
    let read = || on_b(&Gate::anonymous(), Method::GET, "/k");
    read().ok(&mut s3);
    s3.set_account_public_access_block(
        OWN,
        Some(PublicAccessBlock {
            ignore_public_acls: true,
            ..Default::default()
        }),
    );
    assert_eq!(read().refused(&mut s3), code(403, "AccessDenied"));
}

#[test]
fn checksums_are_kept_and_returned_when_asked() {
    let mut s3 = with_b();
    let reply = put("/k").header("x-amz-checksum-crc32", "jNwWgw==").ok(&mut s3);
    assert_eq!(header(&reply, "x-amz-checksum-crc32"), Some("jNwWgw=="));
    assert_eq!(header(&get("/k").ok(&mut s3), "x-amz-checksum-crc32"), None);
    let asked = get("/k").header("x-amz-checksum-mode", "ENABLED").ok(&mut s3);
    assert_eq!(header(&asked, "x-amz-checksum-crc32"), Some("jNwWgw=="));
    assert_eq!(header(&asked, "x-amz-checksum-type"), Some("FULL_OBJECT"));
    put("/bare").ok(&mut s3);
    let bare = get("/bare").header("x-amz-checksum-mode", "ENABLED").ok(&mut s3);
    assert_eq!(header(&bare, "x-amz-checksum-type"), None);
}

#[test]
fn size_limits_of_keys_and_metadata_hold() {
    let mut s3 = with_b();
    assert_eq!(
        put(&format!("/{}", "k".repeat(1025))).refused(&mut s3),
        code(400, "KeyTooLongError")
    );
    put(&format!("/{}", "k".repeat(1024))).ok(&mut s3);
    let large = put("/k").header("x-amz-meta-a", &"v".repeat(2048));
    assert_eq!(large.refused(&mut s3), code(400, "MetadataTooLarge"));
}

#[test]
fn listings_page_by_token_and_roll_prefixes_up() {
    let mut s3 = with_b();
    for key in ["a", "b/1", "b/2", "c/1", "d"] {
        s3.put_object_directly("b", key, Object::new("x", noon()));
    }
    let keys = |page: &str, tag: &str| -> Vec<String> {
        let open = format!("<{tag}>");
        page.split(&open)
            .skip(1)
            .map(|rest| rest.split('<').next().unwrap_or_default().to_owned())
            .collect()
    };
    let token = |page: &str| keys(page, "NextContinuationToken").first().cloned();
    let list = |query: &str, s3: &mut S3| text(&get(&format!("/?list-type=2{query}")).ok(s3));

    let all = list("", &mut s3);
    assert_eq!(keys(&all, "Key"), ["a", "b/1", "b/2", "c/1", "d"]);
    assert!(all.contains("<IsTruncated>false</IsTruncated>") && all.contains("<KeyCount>5</KeyCount>"));
    assert_eq!(keys(&list("&prefix=b/", &mut s3), "Key"), ["b/1", "b/2"]);
    assert_eq!(keys(&list("&start-after=b/2", &mut s3), "Key"), ["c/1", "d"]);

    let mut seen = Vec::new();
    let mut next = String::new();
    s3.set_page_size(Some(1));
    for _ in 0..10 {
        let page = list(&format!("&delimiter=/{next}"), &mut s3);
        seen.extend(keys(&page, "Key"));
        let rolled: Vec<String> = page
            .split("<CommonPrefixes>")
            .skip(1)
            .flat_map(|part| keys(part, "Prefix"))
            .collect();
        seen.extend(rolled);
        match token(&page) {
            Some(token) => next = format!("&continuation-token={token}"),
            None => break,
        }
    }
    assert_eq!(seen, ["a", "b/", "c/", "d"], "every page once, however short");
    assert_eq!(
        get("/?list-type=2&max-keys=x").refused(&mut s3),
        code(400, "InvalidArgument")
    );
    assert_eq!(
        get("/?list-type=2&continuation-token=%25").refused(&mut s3),
        code(400, "InvalidArgument")
    );
    let first = text(&get("/?delimiter=/").ok(&mut s3));
    assert!(first.contains("<NextMarker>a</NextMarker>"), "{first}");
    assert!(list("&prefix=a&encoding-type=url", &mut s3).contains("<EncodingType>url</EncodingType>"));
}

#[test]
fn listing_is_limited_by_prefix_conditions() {
    let mut s3 = with_b();
    let lister = user(
        json!([{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::b",
                              "Condition": {"StringLike": {"s3:prefix": "mine/*"}}}]),
    );
    on_b(&lister, Method::GET, "/?list-type=2&prefix=mine/x").ok(&mut s3);
    assert_eq!(
        on_b(&lister, Method::GET, "/?list-type=2&prefix=x").refused(&mut s3),
        code(403, "AccessDenied")
    );
    assert_eq!(
        on_b(&lister, Method::GET, "/?list-type=2").refused(&mut s3),
        code(403, "AccessDenied")
    );
}
