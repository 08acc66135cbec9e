//! What STS refuses, and whom it lets in that it must not: waited out, told, not forgotten.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_refusal_is_waited_out_as_long_as_iam_may_take_and_reads_nothing_meanwhile() {
    let (bench, mut binding) = (guarded(), binding());
    bench.aws.sts_sees(ROLE, Some(&trust(&json!({"i:sub": "nobody"}))));
    let outcome = bench.end(&mut binding, Reason::Verifying, "yet").await;
    assert_eq!(outcome.reason.class(), irsa_core::vocabulary::Class::Settling);
    assert_eq!(binding.condition(ConditionType::Ready).unwrap().status, "Unknown");
    assert_eq!(said(&binding), ("Unknown", "Verifying"));
    assert!(
        binding.is_true(ConditionType::ServiceAccountsSynced),
        "pods get theirs meanwhile"
    );
    bench.aws.take_calls();
    for seconds in [2, 2, 4] {
        advance(Duration::from_secs(seconds)).await;
        bench.end(&mut binding, Reason::Verifying, "yet").await;
    }
    assert_eq!(
        bench.aws.take_calls(),
        ["AssumeRoleWithWebIdentity"; 3],
        "IAM is not read: what it shows of a new role proves nothing"
    );
    bench.aws.sts_sees(ROLE, None);
    advance(Duration::from_secs(8)).await;
    bench.succeed(&mut binding).await;
    assert_eq!(said(&binding), ("True", "Succeeded"));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_stays_is_told_with_its_cause_and_costs_ready() {
    let (bench, mut binding) = (guarded(), binding());
    bench.aws.sts_sees(ROLE, Some(&trust(&json!({"i:sub": "nobody"}))));
    bench.end(&mut binding, Reason::Verifying, "").await;
    advance(PATIENCE).await;
    let outcome = bench.end(&mut binding, Reason::AssumeRoleRefused, "AccessDenied").await;
    // What explain finds comes before STS's own words: here, that this is no token.
    assert!(
        outcome.message.starts_with("What is shown to STS"),
        "{}",
        outcome.message
    );
    assert_eq!(said(&binding), ("False", "AssumeRoleRefused"));
    assert_eq!(binding.condition(ConditionType::Ready).unwrap().status, "False");
    assert_eq!(digest(&binding), None);
    // A restart does not begin to be patient again.
    let bench = bench.restarted();
    bench.end(&mut binding, Reason::AssumeRoleRefused, "AccessDenied").await;
    bench.aws.sts_sees(ROLE, None);
    // Whoever may touch the object is no lever on STS here either.
    bench.aws.take_shown();
    bench.kubernetes.take_asked();
    for number in 0..7 {
        ask(&mut binding, &number.to_string());
        bench.end(&mut binding, Reason::AssumeRoleRefused, "AccessDenied").await;
        handled(&mut binding);
        advance(Duration::from_secs(2)).await;
    }
    assert_eq!(
        (bench.aws.take_shown(), bench.kubernetes.take_asked()),
        (Vec::new(), Vec::new())
    );
    advance(Duration::from_secs(1)).await;
    bench.succeed(&mut binding).await;
    assert!(digest(&binding).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_role_that_somebody_locks_is_not_ready_any_more() {
    let (bench, mut binding) = (guarded(), binding());
    bench.succeed(&mut binding).await;
    bench.shown().await;
    let before = digest(&binding).map(str::to_owned);
    // Whoever answers to an incident leaves the rest of the policy as it is.
    bench.aws.tamper(ROLE, |stored| {
        let mut trust: Value = serde_json::from_str(&stored.role.trust_policy).unwrap();
        let deny = json!({"Sid": "Incident", "Effect": "Deny", "Principal": "*", "Action": "sts:*"});
        trust["Statement"].as_array_mut().unwrap().push(deny);
        stored.role.trust_policy = trust.to_string();
    });
    advance(Duration::from_mins(11)).await;
    bench.end(&mut binding, Reason::Verifying, "yet").await;
    advance(PATIENCE).await;
    bench.end(&mut binding, Reason::AssumeRoleRefused, "AccessDenied").await;
    assert_eq!(binding.condition(ConditionType::Ready).unwrap().status, "False");
    bench.aws.tamper(ROLE, |stored| {
        let mut trust: Value = serde_json::from_str(&stored.role.trust_policy).unwrap();
        trust["Statement"].as_array_mut().unwrap().pop();
        stored.role.trust_policy = trust.to_string();
    });
    advance(Duration::from_mins(11)).await;
    bench.succeed(&mut binding).await;
    assert_eq!(digest(&binding).map(str::to_owned), before);
}

#[tokio::test(start_paused = true)]
async fn a_trust_policy_that_lets_others_in_is_caught_by_what_must_be_refused() {
    for (pins, audience) in [
        (json!({"i:aud": AUDIENCE}), "does not pin sub"),
        (json!({"i:sub": "system:serviceaccount:ns:app"}), "does not pin aud"),
    ] {
        let (bench, mut binding) = (guarded(), binding());
        bench.federate(|federation| federation["spec"]["audiences"] = json!([AUDIENCE, "other"]));
        bench.succeed(&mut binding).await;
        bench.shown().await;
        // Written by hand, and STS sees it before any listing of roles does.
        bench.aws.sts_sees(ROLE, Some(&trust(&pins)));
        bench.federate(|federation| federation["spec"]["audiences"] = json!([AUDIENCE, "other", "third"]));
        let outcome = bench.end(&mut binding, Reason::TooPermissive, audience).await;
        assert!(outcome.message.ends_with("put right."), "{}", outcome.message);
        assert_eq!(said(&binding), ("False", "TooPermissive"));
        assert_eq!(binding.condition(ConditionType::Ready).unwrap().status, "False");
        assert_eq!(digest(&binding), None);
        // The next pass does not believe a listing.
        bench.aws.tamper(ROLE, |stored| stored.role.trust_policy = trust(&pins));
        bench.aws.sts_sees(ROLE, None);
        bench.aws.take_calls();
        bench.succeed(&mut binding).await;
        let calls = bench.aws.take_calls();
        assert!(calls.contains(&"GetRole".to_owned()) && calls.contains(&"UpdateAssumeRolePolicy".to_owned()));
        assert_eq!(said(&binding), ("True", "Succeeded"));
        assert!(bench.metrics().contains("proofs_total{result=\"too_permissive\"} 1"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_no_to_a_proof_that_somebody_asked_for_is_not_forgotten_with_the_next_pass() {
    let (bench, mut binding) = (guarded(), binding());
    bench.succeed(&mut binding).await;
    bench.shown().await;
    for (number, trouble) in ["refused", "throttled", "no token"].into_iter().enumerate() {
        match trouble {
            "refused" => bench.aws.sts_sees(ROLE, Some(&trust(&json!({"i:sub": "nobody"})))),
            "throttled" => bench.aws.fail("AssumeRoleWithWebIdentity", Kind::Throttled),
            _ => bench.kubernetes.grant(Tokens::Down),
        }
        ask(&mut binding, &number.to_string());
        advance(Duration::from_mins(2)).await;
        let first = bench.pass(&mut binding).await;
        handled(&mut binding);
        advance(Duration::from_secs(2)).await;
        let second = bench.pass(&mut binding).await;
        assert_eq!(first.reason, second.reason, "{trouble}");
        assert!(!binding.is_true(ConditionType::Verified), "{trouble}");
        // Nor by a restart.
        assert_eq!(digest(&binding), None, "{trouble}");
        bench.aws.sts_sees(ROLE, None);
        bench.aws.recover();
        bench.kubernetes.grant(Tokens::Guarded);
        advance(Duration::from_mins(2)).await;
        bench.succeed(&mut binding).await;
        assert_eq!(said(&binding), ("True", "Succeeded"), "{trouble}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_role_that_was_closed_is_proven_again_when_it_is_opened_also_by_another_process() {
    let (bench, mut binding) = (guarded(), binding());
    bench.succeed(&mut binding).await;
    bench.shown().await;
    bench.federate(|federation| federation["spec"]["bindings"]["allowedManagedPolicies"] = json!([]));
    bench.end(&mut binding, Reason::PolicyNotAllowed, "").await;
    assert_eq!(digest(&binding), None);
    let bench = bench.restarted();
    bench.aws.take_shown();
    bench.shown().await;
    bench.succeed(&mut binding).await;
    assert!(!bench.aws.take_shown().is_empty());
    assert!(digest(&binding).is_some());
}

#[tokio::test(start_paused = true)]
async fn what_was_proven_of_a_role_is_forgotten_with_one_that_is_closed_while_suspended_or_unreadable() {
    for unreadable in [false, true] {
        let (bench, mut binding) = (guarded(), binding());
        bench.succeed(&mut binding).await;
        bench.shown().await;
        bench.federate(|federation| federation["spec"]["bindings"]["allowedManagedPolicies"] = json!([]));
        let report = if unreadable {
            bench.controller.unreadable(&binding, "spec is odd").await
        } else {
            edit(&mut binding, |spec| spec["suspend"] = json!(true));
            bench.controller.suspended(&binding).await
        };
        let status = report.unwrap().status;
        assert_eq!(
            (status.verified_digest, status.verified_at),
            (None, None),
            "unreadable: {unreadable}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_just_narrowed_may_let_others_in_for_a_while() {
    let (bench, mut binding) = (guarded(), binding());
    bench.kubernetes.put_account("other");
    let wide = trust(&json!({"i:aud": AUDIENCE}));
    bench.aws.sts_sees(ROLE, Some(&wide));
    bench.end(&mut binding, Reason::Verifying, "still lets").await;
    bench.shown().await;
    bench.end(&mut binding, Reason::TooPermissive, "sub").await;
}
