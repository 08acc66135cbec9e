//! One runbook for each reason and for each alert: none missing, none of something that is gone.

use std::collections::BTreeSet;

use irsa_core::vocabulary::{Class, Reason};

use super::{
    pages::{read, sections},
    prometheus::alerts,
};

fn headings(page: &str) -> BTreeSet<String> {
    let sections = sections(&read(page));
    let count = sections.len();
    let headings: BTreeSet<String> = sections.into_iter().map(|section| section.heading).collect();
    assert_eq!(headings.len(), count, "{page} has a section twice");
    headings
}

fn reasons(classes: &[Class]) -> BTreeSet<String> {
    let all = Reason::ALL.iter().filter(|reason| classes.contains(&reason.class()));
    all.map(|reason| reason.as_str().to_owned()).collect()
}

#[test]
fn every_reason_that_is_not_done_has_a_runbook() {
    for (page, classes) in [
        ("docs/runbooks/stalled.md", &[Class::Stalled][..]),
        ("docs/runbooks/wait.md", &[Class::Wait]),
    ] {
        assert_eq!(headings(page), reasons(classes), "{page}");
    }
    assert_eq!(
        headings("docs/runbooks/retry.md"),
        reasons(&[Class::Retry, Class::Settling])
    );
}

#[test]
fn every_reason_of_a_condition_that_ready_does_not_depend_on_has_a_runbook() {
    let mut advisory = reasons(&[Class::Done]);
    for verdict in [Reason::Succeeded, Reason::Suspended] {
        assert!(advisory.remove(verdict.as_str()));
    }
    assert_eq!(headings("docs/runbooks/aspects.md"), advisory);
    // No trouble, and looked for all the same.
    assert!(headings("docs/runbooks/README.md").contains(Reason::Suspended.as_str()));
}

#[test]
fn every_reason_leads_from_the_first_page_to_its_runbook() {
    let first = read("docs/runbooks/README.md");
    for page in ["stalled", "wait", "retry", "aspects"] {
        let begin = format!("{page}.md#");
        let rows = first.lines().filter(|line| line.starts_with('|'));
        let named: BTreeSet<String> = rows
            .flat_map(|row| row.split('[').skip(1))
            .filter_map(|link| {
                let (reason, target) = link.split_once("](")?;
                let (anchor, _) = target.strip_prefix(begin.as_str())?.split_once(')')?;
                assert_eq!(anchor, reason.to_lowercase());
                Some(reason.to_owned())
            })
            .collect();
        assert_eq!(named, headings(&format!("docs/runbooks/{page}.md")), "{page}");
    }
}

#[test]
fn every_alert_has_a_runbook_and_leads_to_it() {
    let page = "docs/runbooks/alerts.md";
    let names: BTreeSet<String> = alerts().iter().map(|alert| alert.name.clone()).collect();
    assert_eq!(headings(page), names);
    for alert in alerts() {
        let expected = format!(
            "https://github.com/irsa-anywhere/irsa-anywhere/blob/main/{page}#{}",
            alert.name.to_lowercase()
        );
        assert_eq!(alert.annotation("runbook_url"), expected);
    }
}

#[test]
fn every_runbook_says_what_it_means_how_to_see_it_what_to_do_and_what_pods_have() {
    for page in ["stalled", "wait", "retry", "aspects", "alerts"] {
        for section in sections(&read(&format!("docs/runbooks/{page}.md"))) {
            let mut rest = section.text.as_str();
            for part in ["Means", "See", "Do", "Pods"] {
                let begin = format!("- **{part}**: ");
                let (_, behind) = rest
                    .split_once(&begin)
                    .unwrap_or_else(|| panic!("{page}.md, {}: {part} is missing", section.heading));
                assert!(behind.len() > 2, "{page}.md, {}: {part} is empty", section.heading);
                rest = behind;
            }
        }
    }
}
