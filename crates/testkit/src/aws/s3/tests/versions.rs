use super::*;

fn locked() -> S3 {
    let mut s3 = with_b();
    s3.edit_bucket("b", |bucket| bucket.lock_objects_for(1)).unwrap();
    s3
}

fn put(body: &'static str) -> Ask {
    on_b(&root(OWN), Method::PUT, "/k")
        .body(body)
        .header("content-md5", "checked by the front")
}

#[test]
fn what_was_overwritten_or_deleted_stays_readable_for_who_may_read_versions() {
    let mut s3 = locked();
    assert_eq!(header(&put("one").ok(&mut s3), "x-amz-version-id"), Some("v1"));
    put("two").ok(&mut s3);
    on_b(&root(OWN), Method::DELETE, "/k").ok(&mut s3);
    assert_eq!(
        on_b(&root(OWN), Method::GET, "/k").refused(&mut s3),
        code(404, "NoSuchKey")
    );
    let old = |gate: &Gate| on_b(gate, Method::GET, "/k?versionId=v1");
    assert_eq!(old(&root(OWN)).ok(&mut s3).body.as_ref(), b"one");
    let reader = user(allow(&["s3:GetObject"]));
    assert_eq!(old(&reader).refused(&mut s3), code(403, "AccessDenied"));
    let everybody = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"}]});
    s3.edit_bucket("b", |bucket| {
        bucket.public_access_block = None;
        bucket.policy = Some(BucketPolicy {
            text: everybody.to_string(),
            document: everybody,
        });
    });
    assert_eq!(old(&Gate::anonymous()).refused(&mut s3), code(403, "AccessDenied"));
    // A key whose last version is a delete marker is free to be created.
    put("three").header("if-none-match", "*").ok(&mut s3);
}

#[test]
fn a_locked_version_cannot_be_deleted_and_its_bucket_neither() {
    let mut s3 = locked();
    let unchecked = on_b(&root(OWN), Method::PUT, "/k").body("one");
    assert_eq!(unchecked.refused(&mut s3), code(400, "InvalidRequest"));
    put("one").ok(&mut s3);
    let version = on_b(&root(OWN), Method::DELETE, "/k?versionId=v1");
    assert_eq!(version.refused(&mut s3), code(403, "AccessDenied"));
    on_b(&root(OWN), Method::DELETE, "/k").ok(&mut s3);
    assert_eq!(
        on_b(&root(OWN), Method::DELETE, "/").refused(&mut s3),
        code(409, "BucketNotEmpty")
    );
    s3.edit_bucket("b", |bucket| bucket.retention_days = None);
    put("two").ok(&mut s3);
    on_b(&root(OWN), Method::DELETE, "/k?versionId=v3").ok(&mut s3);
    assert_eq!(
        on_b(&root(OWN), Method::GET, "/k").refused(&mut s3),
        code(404, "NoSuchKey")
    );
}
