use serde_json::json;

use super::*;

const OWN: &str = "111111111111";
const OTHER: &str = "222222222222";
const OBJECT: &str = "arn:aws:s3:::b/k";

fn user() -> Principal {
    Principal {
        account: OWN.into(),
        arn: format!("arn:aws:iam::{OWN}:user/ann"),
        user_id: "AIDAX".into(),
        kind: PrincipalKind::User("ann".into()),
    }
}

fn session() -> Principal {
    Principal {
        account: OWN.into(),
        arn: format!("arn:aws:sts::{OWN}:assumed-role/r/s"),
        user_id: "AROAX:s".into(),
        kind: PrincipalKind::AssumedRole {
            role: "r".into(),
            session_policy: None,
        },
    }
}

fn root() -> Principal {
    Principal {
        account: OWN.into(),
        arn: format!("arn:aws:iam::{OWN}:root"),
        user_id: OWN.into(),
        kind: PrincipalKind::Root,
    }
}

fn statement(effect: &str, action: &str) -> Value {
    json!({"Version": "2012-10-17", "Statement": {"Effect": effect, "Action": action, "Resource": "*"}})
}

fn bucket(effect: &str, principal: Value) -> Value {
    json!({"Version": "2012-10-17",
           "Statement": [{"Effect": effect, "Principal": principal, "Action": "s3:*", "Resource": "*"}]})
}

fn get(gate: &Gate, owner: &str, policy: Option<&Value>) -> Result<(), String> {
    gate.authorize_on("s3:GetObject", OBJECT, &Context::new(), owner, policy)
        .map_err(|error| error.message)
}

#[test]
fn identity_boundary_and_session_intersect_and_the_refusal_names_which() {
    let message = |gate: Gate, action: &str| {
        gate.authorize(action, "arn:aws:iam::111111111111:role/x", &Context::new())
            .map_err(|error| error.message)
    };
    let head = "User: arn:aws:iam::111111111111:user/ann is not authorized to perform: iam:GetRole on resource: \
                arn:aws:iam::111111111111:role/x";
    let allowed = || Gate::new(user(), vec![statement("Allow", "iam:*")]);
    assert_eq!(message(allowed(), "iam:GetRole"), Ok(()));
    assert_eq!(
        message(allowed().with_boundary(statement("Allow", "*")), "iam:GetRole"),
        Ok(())
    );
    for (gate, tail) in [
        (
            Gate::new(user(), vec![]),
            "because no identity-based policy allows the iam:GetRole action",
        ),
        (
            Gate::new(user(), vec![statement("Allow", "*"), statement("Deny", "iam:Get*")]),
            "with an explicit deny in an identity-based policy",
        ),
        (
            allowed().with_boundary(statement("Allow", "s3:*")),
            "because no permissions boundary allows the iam:GetRole action",
        ),
        (
            allowed().with_boundary(statement("Deny", "iam:*")),
            "with an explicit deny in a permissions boundary",
        ),
        (
            allowed().with_session_policy(statement("Allow", "s3:*")),
            "because no session policy allows the iam:GetRole action",
        ),
        (
            allowed().with_session_policy(statement("Deny", "*")),
            "with an explicit deny in a session policy",
        ),
    ] {
        assert_eq!(message(gate, "iam:GetRole"), Err(format!("{head} {tail}")));
    }
}

#[test]
fn in_one_account_identity_and_bucket_policy_add_up() {
    let none = || Gate::new(user(), vec![]);
    let arn = json!({"AWS": user().arn});
    assert_eq!(get(&none(), OWN, Some(&bucket("Allow", arn.clone()))), Ok(()));
    assert_eq!(get(&none(), OWN, Some(&bucket("Allow", json!("*")))), Ok(()));
    assert_eq!(
        get(&Gate::new(user(), vec![statement("Allow", "s3:*")]), OWN, None),
        Ok(())
    );
    let account = bucket("Allow", json!({"AWS": OWN}));
    assert_eq!(
        get(&none(), OWN, Some(&account)),
        Err(format!(
            "User: {} is not authorized to perform: s3:GetObject on resource: \"{OBJECT}\" because no \
             identity-based policy allows the s3:GetObject action",
            user().arn
        )),
        "naming the account only delegates"
    );
    let denied = get(
        &Gate::new(user(), vec![statement("Allow", "*")]),
        OWN,
        Some(&bucket("Deny", arn)),
    );
    assert!(denied.is_err_and(|text| text.ends_with("with an explicit deny in a resource-based policy")));
}

#[test]
fn across_accounts_both_sides_must_allow_and_s3_says_nothing_more() {
    let allowed = Gate::new(user(), vec![statement("Allow", "s3:*")]);
    let grant = bucket("Allow", json!({"AWS": OWN}));
    assert_eq!(get(&allowed, OTHER, Some(&grant)), Ok(()));
    assert_eq!(get(&allowed, OTHER, None), Err("Access Denied".into()));
    assert_eq!(
        get(&Gate::new(user(), vec![]), OTHER, Some(&grant)),
        Err("Access Denied".into())
    );
}

#[test]
fn a_grant_to_the_role_is_capped_a_grant_to_the_session_is_not() {
    let role = format!("arn:aws:iam::{OWN}:role/p/r");
    let gate = Gate::new(session(), vec![])
        .with_role_arn(&role)
        .with_session_policy(statement("Allow", "iam:*"));
    assert!(get(&gate, OWN, Some(&bucket("Allow", json!({"AWS": role})))).is_err());
    assert_eq!(
        get(&gate, OWN, Some(&bucket("Allow", json!({"AWS": session().arn})))),
        Ok(())
    );
    let uncapped = Gate::new(session(), vec![]).with_role_arn(&role);
    assert_eq!(
        get(&uncapped, OWN, Some(&bucket("Allow", json!({"AWS": role})))),
        Ok(())
    );
}

#[test]
fn root_may_everything_in_its_account_but_what_the_bucket_denies() {
    let gate = Gate::new(root(), vec![]);
    assert!(gate.is_root_of(OWN) && !gate.is_root_of(OTHER));
    assert_eq!(get(&gate, OWN, None), Ok(()));
    assert!(get(&gate, OWN, Some(&bucket("Deny", json!("*")))).is_err());
    assert!(get(&gate, OTHER, None).is_err());
}

#[test]
fn what_the_organisation_denies_nobody_in_the_account_may_and_the_refusal_says_so() {
    let deny = vec![statement("Deny", "s3:GetObject")];
    let grant = bucket("Allow", json!("*"));
    for gate in [
        Gate::new(root(), vec![]),
        Gate::new(user(), vec![statement("Allow", "*")]),
    ] {
        let denied = get(&gate.clone().with_control_policies(deny.clone()), OWN, Some(&grant));
        assert!(denied.is_err_and(|text| text.ends_with("with an explicit deny in a service control policy")));
        let others = gate.with_control_policies(vec![statement("Deny", "iam:*")]);
        assert_eq!(get(&others, OWN, Some(&grant)), Ok(()));
    }
}

#[test]
fn nobody_is_let_in_by_a_policy_for_everybody_only() {
    let gate = Gate::anonymous();
    assert_eq!(get(&gate, OWN, Some(&bucket("Allow", json!("*")))), Ok(()));
    assert_eq!(
        get(&gate, OWN, Some(&bucket("Allow", json!({"AWS": OWN})))),
        Err("Access Denied".into())
    );
    assert_eq!(get(&gate, OWN, None), Err("Access Denied".into()));
}

#[test]
fn the_principal_arn_of_a_session_is_its_role() {
    let policy = json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*",
        "Condition": {"ArnEquals": {"aws:PrincipalArn": format!("arn:aws:iam::{OWN}:role/p/r")}}}});
    let gate = Gate::new(session(), vec![policy]).with_role_arn(format!("arn:aws:iam::{OWN}:role/p/r"));
    assert_eq!(get(&gate, OWN, None), Ok(()));
}
