use super::*;

const ROLE: &str = "arn:aws:iam::123456789012:role/teams/Shop_Reader";

fn account(namespace: &str, name: &str) -> AccountName {
    AccountName {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    }
}

fn annotated(namespace: &str, name: &str, audience: Option<&str>) -> AnnotatedAccount {
    AnnotatedAccount {
        account: account(namespace, name),
        role: ROLE.to_owned(),
        audience: audience.map(str::to_owned),
    }
}

fn trusted(namespace: &str, name: &str, role: &str) -> TrustedAccount {
    TrustedAccount {
        account: account(namespace, name),
        role: role.to_owned(),
    }
}

fn shown(found: &[Candidate]) -> Vec<String> {
    let accounts = |candidate: &Candidate| candidate.accounts.iter().cloned().collect::<Vec<_>>().join(",");
    let line = |one: &Candidate| format!("{}/{} {} {:?}", one.namespace, one.name, accounts(one), one.origin);
    found.iter().map(line).collect()
}

#[test]
fn a_binding_stands_for_a_namespace_a_role_and_an_audience() {
    let input = ImportInput {
        annotated: vec![
            annotated("shop", "b", None),
            annotated("shop", "a", None),
            annotated("shop", "c", Some("other")),
            annotated("blog", "a", None),
        ],
        ..ImportInput::default()
    };
    let found = candidates(&input);
    assert_eq!(
        shown(&found),
        [
            "blog/a a Annotation",
            "shop/shop-reader a,b Annotation",
            "shop/c c Annotation"
        ]
    );
    assert_eq!(found[2].audience.as_deref(), Some("other"));
}

#[test]
fn what_a_binding_says_already_is_left_out_and_its_name_is_not_taken_again() {
    let mut input = ImportInput {
        annotated: vec![annotated("shop", "a", None), annotated("shop", "b", None)],
        bound: vec![trusted("shop", "a", ROLE)],
        bindings: BTreeSet::from([("shop".to_owned(), "b".to_owned())]),
        ..ImportInput::default()
    };
    assert_eq!(shown(&candidates(&input)), ["shop/b-2 b Annotation"]);
    // One whose role is not made yet says its name.
    input.bound = vec![trusted("shop", "a", "Shop_Reader")];
    assert_eq!(shown(&candidates(&input)), ["shop/b-2 b Annotation"]);
    // Another role of the same ServiceAccount is not bound.
    input.bound = vec![trusted("shop", "a", "arn:aws:iam::123456789012:role/other")];
    assert_eq!(shown(&candidates(&input)), ["shop/shop-reader a,b Annotation"]);
}

#[test]
fn what_pods_ask_for_goes_before_what_they_would_get() {
    let other = "arn:aws:iam::123456789012:role/other";
    let input = ImportInput {
        annotated: vec![annotated("shop", "a", None)],
        trusted: vec![
            trusted("shop", "a", ROLE),
            trusted("shop", "a", other),
            trusted("shop", "z", other),
        ],
        ..ImportInput::default()
    };
    assert_eq!(
        shown(&candidates(&input)),
        ["shop/a a Annotation", "shop/z z TrustPolicy"]
    );
}

#[test]
fn too_many_for_one_binding_are_divided() {
    let input = ImportInput {
        annotated: (0..17)
            .map(|number| annotated("shop", &format!("a{number:02}"), None))
            .collect(),
        ..ImportInput::default()
    };
    let found = candidates(&input);
    let counts: Vec<_> = found
        .iter()
        .map(|one| (one.name.as_str(), one.accounts.len()))
        .collect();
    assert_eq!(counts, [("shop-reader", 16), ("a16", 1)]);
}

#[test]
fn objects_of_irsa_manager_are_named_by_role_and_by_account() {
    let object = |name: &str, role: &str, made: &[AccountName]| IrsaManagerObject {
        object: format!("irsa/{name}"),
        accounts: made.to_vec(),
        role_name: role.to_owned(),
        cleans_up: true,
    };
    let input = ImportInput {
        annotated: vec![annotated("shop", "a", None)],
        irsa_manager: vec![
            object("by-role", "shop_reader", &[]),
            object("by-account", "x", &[account("shop", "a")]),
            object("neither", "y", &[account("blog", "a")]),
        ],
        ..ImportInput::default()
    };
    let found = candidates(&input);
    let names: Vec<_> = found[0].irsa_manager.iter().map(|one| one.object.as_str()).collect();
    assert_eq!(names, ["irsa/by-role", "irsa/by-account"]);
}

#[test]
fn names_are_what_the_api_server_takes() {
    for (meant, name) in [
        ("Shop_Reader", "shop-reader"),
        ("-a.-b-..c.", "a.b.c"),
        ("+=,@", ""),
        (&"x".repeat(70), &"x".repeat(63)),
    ] {
        assert_eq!(object_name(meant, LONGEST_NAME), name, "{meant}");
    }
    assert_eq!(
        wished_name("arn:aws:iam::1:role/+=", &["a".into(), "b".into()]),
        "imported"
    );
    let long = "y".repeat(63);
    let mut taken = BTreeSet::from([("n".to_owned(), long.clone())]);
    assert_eq!(free_name(&mut taken, "n", &long), format!("{}-2", "y".repeat(61)));
    assert_eq!(free_name(&mut taken, "n", &long), format!("{}-3", "y".repeat(61)));
}

#[test]
fn a_subject_names_one_account_or_none() {
    assert_eq!(
        account_of_subject("system:serviceaccount:shop:app"),
        Some(account("shop", "app"))
    );
    for other in [
        "system:serviceaccount:shop:*",
        "system:serviceaccount:*:app",
        "system:serviceaccount:shop",
        "system:serviceaccount:shop:a:b",
        "system:serviceaccount::app",
        "repo:org/app",
    ] {
        assert_eq!(account_of_subject(other), None, "{other}");
    }
}

#[test]
fn the_region_of_an_issuer_is_read_where_aws_serves_it() {
    for (issuer, region) in [
        (
            "https://oidc.eks.eu-central-1.amazonaws.com/id/0123456789ABCDEF",
            Some("eu-central-1"),
        ),
        ("https://bucket.s3.us-gov-west-1.amazonaws.com", Some("us-gov-west-1")),
        ("https://bucket.s3.cn-north-1.amazonaws.com.cn/x", Some("cn-north-1")),
        ("https://s3-ap-northeast-1.amazonaws.com/bucket", Some("ap-northeast-1")),
        ("https://s3.amazonaws.com/bucket", None),
        ("https://oidc.example.com", None),
        ("https://kubernetes.default.svc.cluster.local", None),
    ] {
        assert_eq!(region_of_issuer(issuer), region, "{issuer}");
    }
}
