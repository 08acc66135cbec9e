//! Answers as kube-apiserver 1.36.3 gave them.

use super::*;

const POLICY: &str = "ValidatingAdmissionPolicy 'no-automount' with binding 'no-automount' denied request: ServiceAccounts \
                      must set automountServiceAccountToken: false";

fn read(code: u16, message: &str, causes: &[(&str, &str)]) -> ApiRefusal {
    ApiRefusal::of(&ApiStatus {
        code,
        message,
        causes: causes.to_vec(),
    })
}

fn words(refusal: &ApiRefusal) -> String {
    refusal.in_words(&ApiRequest {
        action: "change",
        object: "the ServiceAccount app",
        role: "the operator's ClusterRole",
        remedy: None,
    })
}

#[test]
fn a_policys_sentence_is_told_whatever_status_code_the_policy_chose() {
    for code in [422, 403, 401, 413] {
        let message = format!("serviceaccounts \"app\" is forbidden: {POLICY}");
        let refusal = read(code, &message, &[("", "")]);
        assert_eq!(refusal.reason(), Reason::AdmissionDenied, "{code}");
        let words = words(&refusal);
        for part in [
            "no-automount",
            "\"ServiceAccounts must set automountServiceAccountToken: false\"",
        ] {
            assert!(words.contains(part), "{words}");
        }
        assert!(!words.contains("ClusterRole"), "{words}");
    }
}

#[test]
fn a_policy_that_cannot_be_evaluated_is_named_too() {
    let message = "serviceaccounts \"app\" is forbidden: ValidatingAdmissionPolicy 'no-err' with binding 'no-err' denied \
                   request: expression 'object.metadata.labels.x == \"y\"' resulted in error: no such key: labels";
    let refusal = read(422, message, &[]);
    assert!(words(&refusal).contains("no such key: labels"), "{}", words(&refusal));
    assert_eq!(refusal.reason(), Reason::AdmissionDenied);
}

#[test]
fn a_webhooks_sentence_is_told_whatever_status_code_the_webhook_chose() {
    for code in [400, 403, 418, 429, 500] {
        let message =
            "admission webhook \"hook.acme.example\" denied the request: ServiceAccounts need the label cost-centre";
        let refusal = read(code, message, &[]);
        assert_eq!(
            refusal,
            ApiRefusal::Denied {
                by: Rule::Webhook("hook.acme.example".to_owned()),
                sentence: "ServiceAccounts need the label cost-centre".to_owned(),
            },
            "{code}"
        );
    }
    let bare = "admission webhook \"bare.acme.example\" denied the request without explanation";
    assert_eq!(read(400, bare, &[]).reason(), Reason::AdmissionDenied);
}

#[test]
fn a_webhook_that_does_not_answer_is_named_and_its_address_is_not() {
    let message = "Internal error occurred: failed calling webhook \"down.acme.example\": failed to call webhook: Post \
                   \"https://127.0.0.1:1/down?timeout=2s\": dial tcp 127.0.0.1:1: connect: connection refused";
    let refusal = read(500, message, &[("", "")]);
    assert_eq!(refusal.reason(), Reason::ApiServerUnavailable);
    let words = words(&refusal);
    assert!(
        words.contains("down.acme.example") && !words.contains("127.0.0.1"),
        "{words}"
    );
}

#[test]
fn a_missing_right_names_the_role_to_extend() {
    let message = "serviceaccounts \"app\" is forbidden: User \"operator\" cannot patch resource \"serviceaccounts\" in API \
                   group \"\" in the namespace \"rbac\"";
    let refusal = read(403, message, &[]);
    assert_eq!(refusal.reason(), Reason::AccessDenied);
    let words = words(&refusal);
    assert!(words.contains("cannot patch resource \"serviceaccounts\""), "{words}");
    assert!(words.ends_with("extend the operator's ClusterRole."), "{words}");
}

#[test]
fn a_namespace_that_goes_and_a_quota_that_is_used_up_are_no_missing_rights() {
    let going = "serviceaccounts \"app\" is forbidden: unable to create new content in namespace term because it is being \
                 terminated";
    let causes = [("NamespaceTerminating", "metadata.namespace")];
    assert_eq!(read(403, going, &causes), ApiRefusal::Terminating);
    let full = "configmaps \"y\" is forbidden: exceeded quota: team, requested: configmaps=1, used: configmaps=1, limited: \
                configmaps=1";
    let refusal = read(403, full, &[]);
    assert_eq!(
        (refusal.reason(), &refusal),
        (
            Reason::QuotaExceeded,
            &ApiRefusal::Quota("exceeded quota: team, requested: configmaps=1".to_owned())
        )
    );
    for refusal in [refusal, ApiRefusal::Terminating] {
        assert!(!words(&refusal).contains("Role"), "{}", words(&refusal));
    }
}

#[test]
fn whoever_was_quicker_makes_it_a_conflict_in_every_form_of_the_answer() {
    for (code, message, causes) in [
        (
            409,
            "Operation cannot be fulfilled on serviceaccounts \"app\": uid mismatch: the provided object specified uid \
             11111111-1111-1111-1111-111111111111, and no existing object was found",
            &[][..],
        ),
        (
            409,
            "Apply failed with 1 conflict: conflict with \"one\": .metadata.labels.a",
            &[("FieldManagerConflict", ".metadata.labels.a")],
        ),
        (409, "serviceaccounts \"app\" already exists", &[]),
        (404, "serviceaccounts \"none\" not found", &[]),
        (
            422,
            "ServiceAccount \"app\" is invalid: metadata.uid: Invalid value: \"1\": field is immutable",
            &[("FieldValueInvalid", "metadata.uid")],
        ),
        (
            422,
            "the server rejected our request due to an error in our request",
            &[],
        ),
    ] {
        assert_eq!(read(code, message, causes), ApiRefusal::Raced, "{message}");
    }
}

#[test]
fn what_the_api_server_itself_finds_wrong_is_told_in_its_words() {
    let message =
        "ServiceAccount \"app\" is invalid: metadata.labels: Invalid value: \"not valid !\": a valid label must be";
    let refusal = read(422, message, &[("FieldValueInvalid", "metadata.labels")]);
    assert_eq!(refusal.reason(), Reason::AdmissionDenied);
    assert!(words(&refusal).contains("not valid !"));
}

#[test]
fn without_an_answer_of_its_own_the_api_server_is_not_available() {
    assert_eq!(read(401, "Unauthorized", &[]), ApiRefusal::NotAuthenticated);
    let starting = "configmaps \"x\" is forbidden: not yet ready to handle request";
    assert_eq!(read(403, starting, &[]), ApiRefusal::Unavailable);
    for code in [0, 200, 408, 429, 500, 502, 503, 504] {
        assert_eq!(read(code, "whatever", &[]), ApiRefusal::Unavailable, "{code}");
    }
}

#[test]
fn what_is_new_in_each_answer_is_left_out() {
    let sentence = |at: &str, id: &str| {
        let message =
            format!("admission webhook \"h\" denied the request: no owner (request {id}) at {at}, see runbook 17");
        words(&read(403, &message, &[]))
    };
    let one = sentence("2026-11-28T09:18:20Z", "2702ac27-f51c-465f-a813-079ce4235d99");
    assert_eq!(
        one,
        sentence("2026-11-28T09:19:21.5Z", "3702ac27-f51c-465f-a813-079ce4235d9a")
    );
    assert!(one.contains("no owner") && one.contains("runbook 17"), "{one}");
    let long = format!("admission webhook \"h\" denied the request: {}", "ä ".repeat(5000));
    assert!(words(&read(403, &long, &[])).chars().count() < 700);
}
