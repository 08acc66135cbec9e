//! The front: proxy, certificates, signatures, log.

use http::Method;
use irsa_testkit::aws::{Access, AwsDouble, Credentials, Service, s3::BucketOptions};
use jiff::SignedDuration;

use super::{
    client::{Request, Signature, call, connect, send, tunnel},
    stage::{ACCOUNT, IAM, REGION, STS, list_bucket},
};

const DATA: &str = "data.s3.eu-central-1.amazonaws.com";

fn who_am_i() -> Request {
    Request::form(STS, [("Action", "GetCallerIdentity"), ("Version", "2011-06-15")])
}

fn list_roles() -> Request {
    Request::form(IAM, [("Action", "ListRoles"), ("Version", "2010-05-08")])
}

/// What is wrong with a signature.
type Twist<'a> = Box<dyn Fn(Signature<'a>) -> Signature<'a> + 'a>;
/// What happens to a request on the way.
type Change = fn(&mut Request);

async fn double() -> (AwsDouble, Credentials) {
    let aws = AwsDouble::builder().start().await.unwrap();
    let root = aws.account(ACCOUNT).root_credentials();
    aws.account(ACCOUNT)
        .create_bucket("data", BucketOptions::in_region(REGION));
    (aws, root)
}

#[tokio::test]
async fn the_proxy_leads_to_aws_names_and_to_hosts_of_the_table_only() {
    let (aws, _) = double().await;
    for (host, port, want) in [
        ("iam.amazonaws.com", 443, None),
        ("IAM.AMAZONAWS.COM", 443, None),
        ("sts.cn-north-1.amazonaws.com.cn", 443, None),
        ("iam.amazonaws.com", 80, Some("502")),
        ("ec2.eu-central-1.amazonaws.com", 443, Some("502")),
        ("example.com", 443, Some("502")),
        ("issuer.example.com", 443, Some("502")),
    ] {
        let found = tunnel(&aws, host, port).await.map_err(|error| error.to_string());
        match want {
            None => assert!(found.is_ok(), "{host}:{port}: {found:?}"),
            Some(status) => assert!(found.unwrap_err().contains(status), "{host}:{port}"),
        }
    }
    let _site = aws.site("issuer.example.com").await.unwrap();
    assert!(connect(&aws, "issuer.example.com").await.is_ok());
    aws.remove_host("issuer.example.com");
    assert!(tunnel(&aws, "issuer.example.com", 443).await.is_err());
}

#[tokio::test]
async fn the_certificate_of_s3_does_not_cover_a_bucket_with_dots() {
    let (aws, _) = double().await;
    assert!(connect(&aws, DATA).await.is_ok());
    let refused = connect(&aws, "a.b.s3.eu-central-1.amazonaws.com")
        .await
        .unwrap_err()
        .to_string();
    assert!(refused.contains("certificate"), "{refused}");
}

#[tokio::test]
async fn two_doubles_know_nothing_of_each_other() {
    let ((one, key), (two, _)) = (double().await, double().await);
    assert_eq!(call(&one, &key, who_am_i()).await.verdict(), "200");
    assert_eq!(call(&two, &key, who_am_i()).await.verdict(), "403 InvalidClientTokenId");
    assert_ne!(
        std::fs::read(one.ca_bundle()).unwrap(),
        std::fs::read(two.ca_bundle()).unwrap()
    );
}

#[tokio::test]
async fn signatures_are_checked_and_refused_in_each_services_words() {
    let (aws, root) = double().await;
    let stranger = Credentials {
        access_key_id: "AKIAAAAAAAAAAAAAAAAA".to_owned(),
        ..root.clone()
    };
    let forger = Credentials {
        secret_access_key: "x".repeat(40),
        ..root.clone()
    };
    let pretender = Credentials {
        session_token: Some("x".to_owned()),
        ..root.clone()
    };
    let late = SignedDuration::from_secs(-901);
    let early = SignedDuration::from_secs(910);
    let on_time = SignedDuration::from_secs(-880);
    let rows: Vec<(&str, &Credentials, Twist<'_>, &str, &str, &str)> = vec![
        ("right", &root, Box::new(|s| s), "200", "200", "200"),
        (
            "880 seconds off",
            &root,
            Box::new(move |s| Signature { skew: on_time, ..s }),
            "200",
            "200",
            "200",
        ),
        (
            "unknown key",
            &stranger,
            Box::new(|s| s),
            "403 InvalidClientTokenId",
            "403 InvalidClientTokenId",
            "403 InvalidAccessKeyId",
        ),
        (
            "wrong secret",
            &forger,
            Box::new(|s| s),
            "403 SignatureDoesNotMatch",
            "403 SignatureDoesNotMatch",
            "403 SignatureDoesNotMatch",
        ),
        (
            "token with a long-lived key",
            &pretender,
            Box::new(|s| s),
            "403 InvalidClientTokenId",
            "403 InvalidClientTokenId",
            "400 InvalidToken",
        ),
        (
            "too late",
            &root,
            Box::new(move |s| Signature { skew: late, ..s }),
            "403 SignatureDoesNotMatch",
            "403 SignatureDoesNotMatch",
            "403 RequestTimeTooSkewed",
        ),
        (
            "too early",
            &root,
            Box::new(move |s| Signature { skew: early, ..s }),
            "403 SignatureDoesNotMatch",
            "403 SignatureDoesNotMatch",
            "403 RequestTimeTooSkewed",
        ),
        (
            "another region",
            &root,
            Box::new(|s| Signature {
                region: "ap-south-1",
                ..s
            }),
            "403 SignatureDoesNotMatch",
            "403 SignatureDoesNotMatch",
            "400 AuthorizationHeaderMalformed",
        ),
        (
            "another service",
            &root,
            Box::new(|s| Signature { service: "ec2", ..s }),
            "403 SignatureDoesNotMatch",
            "403 SignatureDoesNotMatch",
            "400 AuthorizationHeaderMalformed",
        ),
        (
            "another hash",
            &root,
            Box::new(|s| Signature {
                payload: Some("00"),
                ..s
            }),
            "403 SignatureDoesNotMatch",
            "403 SignatureDoesNotMatch",
            "400 XAmzContentSHA256Mismatch",
        ),
        (
            "unsigned payload",
            &root,
            Box::new(|s| Signature {
                payload: Some("UNSIGNED-PAYLOAD"),
                ..s
            }),
            "403 SignatureDoesNotMatch",
            "403 SignatureDoesNotMatch",
            "200",
        ),
    ];
    for (what, credentials, twist, iam, sts, s3) in &rows {
        for (host, request, want) in [
            (IAM, list_roles(), iam),
            (STS, who_am_i(), sts),
            (DATA, list_bucket("data"), s3),
        ] {
            let signature = twist(Signature::for_host(credentials, host));
            let answer = send(&aws, signature.sign(request)).await.unwrap();
            assert_eq!(answer.verdict(), **want, "{what} at {host}: {}", answer.body);
        }
    }
}

#[tokio::test]
async fn a_change_after_signing_is_noticed() {
    let (aws, root) = double().await;
    let signed = |request: Request| Signature::for_host(&root, DATA).sign(request);
    let put = || {
        Request::new(Method::PUT, DATA, "/k?x=1")
            .header("x-amz-meta-a", "1")
            .body("hello")
    };
    assert_eq!(send(&aws, signed(put())).await.unwrap().verdict(), "200");
    let changes: [(&str, Change, &str); 5] = [
        (
            "path",
            |r| r.path_and_query = "/other?x=1".to_owned(),
            "403 SignatureDoesNotMatch",
        ),
        (
            "query",
            |r| r.path_and_query = "/k?x=2".to_owned(),
            "403 SignatureDoesNotMatch",
        ),
        ("method", |r| r.method = Method::POST, "403 SignatureDoesNotMatch"),
        ("body", |r| r.body = b"jello".to_vec(), "400 XAmzContentSHA256Mismatch"),
        (
            "header",
            |r| r.headers.push(("x-amz-meta-b".to_owned(), "2".to_owned())),
            "403 AccessDenied",
        ),
    ];
    for (what, change, want) in changes {
        let mut request = signed(put());
        change(&mut request);
        assert_eq!(send(&aws, request).await.unwrap().verdict(), want, "{what}");
    }
}

#[tokio::test]
async fn a_presigned_url_is_good_until_it_expires() {
    let (aws, root) = double().await;
    assert!(aws.put_object("data", "k", "hello"));
    let get = || Request::new(Method::GET, DATA, "/k");
    let signed = |skew: i64| {
        let skew = SignedDuration::from_secs(skew);
        Signature {
            skew,
            ..Signature::for_host(&root, DATA)
        }
        .presign(get(), 60)
    };
    let mark = aws.mark();
    assert_eq!(send(&aws, signed(0)).await.unwrap().body, "hello");
    assert!(!aws.since(mark)[0].anonymous);
    assert_eq!(send(&aws, signed(-50)).await.unwrap().verdict(), "200");
    let late = send(&aws, signed(-70)).await.unwrap();
    assert_eq!(
        (late.verdict().as_str(), late.element("Message")),
        ("403 AccessDenied", Some("Request has expired"))
    );
    let mut forged = signed(0);
    forged.path_and_query = forged.path_and_query.replace("Expires=60", "Expires=600");
    assert_eq!(send(&aws, forged).await.unwrap().verdict(), "403 SignatureDoesNotMatch");
}

#[tokio::test]
async fn a_chunked_body_with_a_checksum_in_its_trailer_is_undone_and_verified() {
    let (aws, root) = double().await;
    let put = |trailer: &str| {
        let request = Request::new(Method::PUT, DATA, "/k")
            .header("content-encoding", "aws-chunked")
            .header("x-amz-decoded-content-length", "5")
            .header("x-amz-trailer", "x-amz-checksum-crc32")
            .body(format!("5\r\nhello\r\n0\r\nx-amz-checksum-crc32:{trailer}\r\n\r\n"));
        let payload = Some("STREAMING-UNSIGNED-PAYLOAD-TRAILER");
        Signature {
            payload,
            ..Signature::for_host(&root, DATA)
        }
        .sign(request)
    };
    assert_eq!(send(&aws, put("AAAAAA==")).await.unwrap().verdict(), "400 BadDigest");
    assert!(aws.s3(|s3| s3.object("data", "k").is_none()));
    assert_eq!(send(&aws, put("NhCmhg==")).await.unwrap().verdict(), "200");
    let read = call(&aws, &root, Request::new(Method::GET, DATA, "/k")).await;
    assert_eq!(
        (read.body.as_str(), read.headers.get("content-encoding")),
        ("hello", None)
    );
}

#[tokio::test]
async fn without_a_signature_iam_and_sts_refuse_and_s3_asks_the_bucket_policy() {
    let (aws, _) = double().await;
    for (request, want) in [
        (list_roles(), "403 MissingAuthenticationToken"),
        (who_am_i(), "403 MissingAuthenticationToken"),
        (list_bucket("data"), "403 AccessDenied"),
    ] {
        assert_eq!(send(&aws, request).await.unwrap().verdict(), want);
    }
}

#[tokio::test]
async fn the_log_says_who_asked_for_what_and_what_came_of_it() {
    let (aws, root) = double().await;
    let mark = aws.mark();
    call(&aws, &root, list_roles().header("user-agent", "test/1")).await;
    call(&aws, &root, Request::new(Method::PUT, DATA, "/a%20b").body("x")).await;
    send(&aws, Request::new(Method::GET, DATA, "/a%20b")).await.unwrap();
    let log = aws.since(mark);
    let seen: Vec<_> = log
        .iter()
        .map(|e| {
            (
                e.service,
                e.operation.as_str(),
                e.resource.as_str(),
                e.access,
                e.anonymous,
                e.status,
            )
        })
        .collect();
    let object = "arn:aws:s3:::data/a b";
    assert_eq!(
        seen,
        [
            (Service::Iam, "iam:ListRoles", "", Access::Read, false, Some(200)),
            (Service::S3, "s3:PutObject", object, Access::Write, false, Some(200)),
            (Service::S3, "s3:GetObject", object, Access::Read, true, Some(403)),
        ]
    );
    assert_eq!(log[0].user_agent, "test/1");
    assert_eq!(log[0].caller.as_deref(), Some("arn:aws:iam::123456789012:root"));
    assert_eq!(
        (log[0].account.as_deref(), log[2].account.as_deref()),
        (Some(ACCOUNT), None)
    );
    assert_eq!(log[2].error.as_deref(), Some("AccessDenied"));
    assert!(log[1].is_effective_write() && !log[0].is_effective_write());
}

#[tokio::test]
async fn several_requests_share_one_connection() {
    use http_body_util::{BodyExt as _, Empty};
    let (aws, _) = double().await;
    let stream = connect(&aws, DATA).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(hyper_util::rt::TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    for _ in 0..3 {
        let request = http::Request::get("/")
            .header("host", DATA)
            .body(Empty::<bytes::Bytes>::new())
            .unwrap();
        let response = sender.send_request(request).await.unwrap();
        assert_eq!(response.status(), 403);
        response.into_body().collect().await.unwrap();
    }
}

#[test]
fn the_environment_names_proxy_bundle_region_and_credentials() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let aws = runtime.block_on(AwsDouble::builder().start()).unwrap();
    let root = aws.account(ACCOUNT).root_credentials();
    let env: std::collections::HashMap<_, _> = aws.env(&root, REGION).into_iter().collect();
    assert_eq!(env["HTTPS_PROXY"], aws.proxy_url());
    assert_eq!(env["AWS_CA_BUNDLE"], aws.ca_bundle().to_string_lossy());
    assert_eq!(
        (env["AWS_REGION"].as_str(), env["AWS_ACCESS_KEY_ID"].as_str()),
        (REGION, root.access_key_id.as_str())
    );
    assert!(!env.contains_key("AWS_SESSION_TOKEN"));
    assert!(
        !aws.env_without_credentials(REGION)
            .iter()
            .any(|(name, _)| name == "AWS_ACCESS_KEY_ID")
    );
    let (proxy, bundle) = (aws.proxy_url(), aws.ca_bundle().to_owned());
    aws.shutdown();
    assert!(
        std::net::TcpStream::connect(proxy.trim_start_matches("http://")).is_err(),
        "the port is free again"
    );
    assert!(!bundle.exists());
}
