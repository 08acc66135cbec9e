//! OIDC providers.

use std::sync::Arc;

use super::support::{ACCOUNT, Bench, element, elements};

const URL: &str = "https://b.s3.eu-central-1.amazonaws.com/c/Prod";

fn arn() -> String {
    format!("arn:aws:iam::{ACCOUNT}:oidc-provider/b.s3.eu-central-1.amazonaws.com/c/Prod")
}

fn create(bench: &mut Bench) -> String {
    let xml = bench.ok(
        "CreateOpenIDConnectProvider",
        &[("Url", URL), ("ClientIDList.member.1", "sts.amazonaws.com")],
    );
    element(&xml, "OpenIDConnectProviderArn").to_owned()
}

#[test]
fn a_provider_reads_back_without_scheme_and_with_a_thumbprint_filled_in() {
    let mut bench = Bench::new();
    assert_eq!(create(&mut bench), arn());
    let xml = bench.ok("GetOpenIDConnectProvider", &[("OpenIDConnectProviderArn", &arn())]);
    assert_eq!(element(&xml, "Url"), &URL[8..]);
    assert_eq!(element(element(&xml, "ClientIDList"), "member"), "sts.amazonaws.com");
    assert_eq!(element(element(&xml, "ThumbprintList"), "member").len(), 40);
    let seen = bench.iam.provider(ACCOUNT, &arn(), bench.now).unwrap();
    assert_eq!(
        (seen.url.as_str(), seen.client_ids),
        (URL, vec!["sts.amazonaws.com".to_owned()])
    );
}

#[test]
fn the_url_is_the_identity_and_case_counts() {
    let mut bench = Bench::new();
    create(&mut bench);
    assert_eq!(
        bench.refused("CreateOpenIDConnectProvider", &[("Url", URL)]),
        "EntityAlreadyExists"
    );
    bench.ok("CreateOpenIDConnectProvider", &[("Url", &URL.replace("Prod", "prod"))]);
    let xml = bench.ok("ListOpenIDConnectProviders", &[]);
    assert_eq!(elements(&xml, "Arn").len(), 2);
}

#[test]
fn bad_urls_and_thumbprints_are_refused() {
    let mut bench = Bench::new();
    assert_eq!(bench.refused("CreateOpenIDConnectProvider", &[]), "ValidationError");
    assert_eq!(
        bench.refused("CreateOpenIDConnectProvider", &[("Url", "http://a.example")]),
        "InvalidInput"
    );
    let good = "a".repeat(40);
    let hexless = "g".repeat(40);
    for bad in [&good[..39], &hexless] {
        let parameters = [("Url", URL), ("ThumbprintList.member.1", bad)];
        assert_eq!(
            bench.refused("CreateOpenIDConnectProvider", &parameters),
            "InvalidInput",
            "{bad}"
        );
    }
    let keys: Vec<String> = (1..=6).map(|index| format!("ThumbprintList.member.{index}")).collect();
    let mut six: Vec<(&str, &str)> = keys.iter().map(|key| (key.as_str(), good.as_str())).collect();
    six.push(("Url", URL));
    assert_eq!(bench.refused("CreateOpenIDConnectProvider", &six), "InvalidInput");
}

#[test]
fn thumbprints_are_replaced_whole_and_kept_in_lower_case() {
    let mut bench = Bench::new();
    create(&mut bench);
    let upper = "AB".repeat(20);
    let arn = arn();
    let parameters = [
        ("OpenIDConnectProviderArn", arn.as_str()),
        ("ThumbprintList.member.1", upper.as_str()),
    ];
    bench.ok("UpdateOpenIDConnectProviderThumbprint", &parameters);
    let xml = bench.ok("GetOpenIDConnectProvider", &parameters[..1]);
    assert_eq!(elements(element(&xml, "ThumbprintList"), "member"), ["ab".repeat(20)]);
    assert_eq!(
        bench.refused("UpdateOpenIDConnectProviderThumbprint", &parameters[..1]),
        "ValidationError"
    );
}

#[test]
fn client_ids_come_and_go_idempotently_up_to_a_hundred() {
    let mut bench = Bench::new();
    create(&mut bench);
    let arn = arn();
    for index in 0..99 {
        let id = format!("client-{index}");
        bench.ok(
            "AddClientIDToOpenIDConnectProvider",
            &[("OpenIDConnectProviderArn", &arn), ("ClientID", &id)],
        );
    }
    let known = [("OpenIDConnectProviderArn", arn.as_str()), ("ClientID", "client-1")];
    let further = [("OpenIDConnectProviderArn", arn.as_str()), ("ClientID", "further")];
    bench.ok("AddClientIDToOpenIDConnectProvider", &known);
    assert_eq!(
        bench.refused("AddClientIDToOpenIDConnectProvider", &further),
        "LimitExceeded"
    );
    bench.ok("RemoveClientIDFromOpenIDConnectProvider", &known);
    bench.ok("RemoveClientIDFromOpenIDConnectProvider", &known);
    bench.ok("AddClientIDToOpenIDConnectProvider", &further);
    let long = "x".repeat(256);
    let too_long = [("OpenIDConnectProviderArn", arn.as_str()), ("ClientID", long.as_str())];
    assert_eq!(
        bench.refused("AddClientIDToOpenIDConnectProvider", &too_long),
        "ValidationError"
    );
}

#[test]
fn deleting_a_provider_is_idempotent_but_reading_a_missing_one_is_not() {
    let mut bench = Bench::new();
    create(&mut bench);
    let arn = arn();
    let parameters = [("OpenIDConnectProviderArn", arn.as_str())];
    bench.ok("DeleteOpenIDConnectProvider", &parameters);
    bench.ok("DeleteOpenIDConnectProvider", &parameters);
    let add = [parameters[0], ("ClientID", "x")];
    assert_eq!(bench.refused("GetOpenIDConnectProvider", &parameters), "NoSuchEntity");
    assert_eq!(
        bench.refused("AddClientIDToOpenIDConnectProvider", &add),
        "NoSuchEntity"
    );
}

#[test]
fn other_arns_are_refused() {
    let mut bench = Bench::new();
    let role = format!("arn:aws:iam::{ACCOUNT}:role/x");
    for (arn, code) in [
        ("short", "ValidationError"),
        ("not an arn, but long enough", "ValidationError"),
        (role.as_str(), "ValidationError"),
        ("arn:aws:iam::999999999999:oidc-provider/a.example", "AccessDenied"),
    ] {
        assert_eq!(
            bench.refused("GetOpenIDConnectProvider", &[("OpenIDConnectProviderArn", arn)]),
            code,
            "{arn}"
        );
    }
}

#[test]
fn an_account_has_a_hundred_providers_by_default() {
    let mut bench = Bench::new();
    for index in 0..100 {
        bench.ok(
            "CreateOpenIDConnectProvider",
            &[("Url", &format!("https://h{index}.example"))],
        );
    }
    assert_eq!(
        bench.refused("CreateOpenIDConnectProvider", &[("Url", URL)]),
        "LimitExceeded"
    );
    bench.account().quotas.providers = 700;
    create(&mut bench);
}

#[test]
fn a_probe_when_set_is_asked_for_the_missing_thumbprint() {
    let mut bench = Bench::new();
    bench.iam.settings.thumbprint_probe = Some(Arc::new(|url: &str| {
        if url.starts_with("up.") {
            Ok("f".repeat(40))
        } else {
            Err(format!("cannot reach {url}"))
        }
    }));
    let refusal = bench.refusal("CreateOpenIDConnectProvider", &[("Url", "https://down.example")]);
    assert_eq!(
        refusal.to_string(),
        "OpenIdIdpCommunicationError (400): cannot reach down.example"
    );
    let given = [
        ("Url", "https://down.example"),
        ("ThumbprintList.member.1", &"a".repeat(40)),
    ];
    bench.ok("CreateOpenIDConnectProvider", &given);
    bench.ok("CreateOpenIDConnectProvider", &[("Url", "https://up.example")]);
}

#[test]
fn a_tagged_provider_needs_the_right_to_tag_and_its_tags_count_as_conditions() {
    let mut bench = Bench::new();
    bench.call_as(
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:CreateOpenIDConnectProvider","Resource":"*"},
        {"Effect":"Allow","Action":["iam:DeleteOpenIDConnectProvider"],"Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/owner":"us"}}}]}"#,
    );
    let tagged = [
        ("Url", URL),
        ("Tags.member.1.Key", "owner"),
        ("Tags.member.1.Value", "us"),
    ];
    assert!(
        bench
            .refusal("CreateOpenIDConnectProvider", &tagged)
            .message
            .contains("iam:TagOpenIDConnectProvider")
    );
    create(&mut bench);
    let arn = arn();
    assert_eq!(
        bench.refused("DeleteOpenIDConnectProvider", &[("OpenIDConnectProviderArn", &arn)]),
        "AccessDenied"
    );
}
