//! An audit as one page of HTML that needs nothing else.
//!
//! Names in it are other people's: all text is escaped, and the page's own policy lets a browser run its one script and load nothing.

use std::fmt::Write as _;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use irsa_core::text::plain;
use ring::digest::{SHA256, digest};

use super::{
    graph::Graph,
    report::{AuditReport, ShownAccount, ShownFinding, ShownRole, ShownRules, short},
};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
/// Characters of a node's label.
const LABEL: [usize; 4] = [24, 36, 48, 40];

impl AuditReport {
    /// As one page.
    pub(crate) fn page(&self) -> String {
        let graph = Graph::of(self);
        let body = [
            format!(
                "<h1>Who can become which role</h1>\n<p class=\"when\">{}</p>\n",
                text(&self.at)
            ),
            section("Too wide", &self.findings_as_table()),
            section(
                "Namespaces, ServiceAccounts, roles, policies",
                &format!(
                    "<p><input type=\"search\" placeholder=\"Show what is connected with …\" aria-label=\"Search\"></p>\n{}",
                    drawn(&graph)
                ),
            ),
            section(
                "Roles",
                &table(
                    &["Role", "ServiceAccounts", "Binding", "Policies", "Boundary", "Others"],
                    self.roles.iter().map(role_row),
                ),
            ),
            section(
                "What tenants may ask for",
                &table(
                    &[
                        "Federation",
                        "Issuer",
                        "Namespaces",
                        "Managed policies",
                        "Inline",
                        "Boundary",
                        "Role names",
                    ],
                    self.federations.iter().map(rules_row),
                ),
            ),
            self.unseen_as_list(),
        ];
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src {}; script-src {}\">\n\
             <title>irsa-anywhere audit</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{}<script>{SCRIPT}</script>\n</body>\n</html>\n",
            source_of(STYLE),
            source_of(SCRIPT),
            body.concat()
        )
    }

    fn findings_as_table(&self) -> String {
        if self.findings.is_empty() {
            return "<p>Nothing is too wide that was seen.</p>\n".to_owned();
        }
        table(
            &["", "About", "What", "What to do"],
            self.findings.iter().map(finding_row),
        )
    }

    fn unseen_as_list(&self) -> String {
        if self.unseen.is_empty() {
            return String::new();
        }
        let items = self.unseen.iter().map(|unseen| format!("<li>{}</li>\n", text(unseen)));
        section("Not seen", &format!("<ul>\n{}</ul>\n", items.collect::<String>()))
    }
}

/// How a content security policy names an inline text [CSP3, "Valid hash sources"].
fn source_of(inline: &str) -> String {
    format!(
        "'sha256-{}'",
        BASE64_STANDARD.encode(digest(&SHA256, inline.as_bytes()))
    )
}

/// Text of somebody else's, within an element or a quoted attribute.
fn text(of: &str) -> String {
    plain(of).chars().fold(String::new(), |mut escaped, c| {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
        escaped
    })
}

fn section(title: &str, body: &str) -> String {
    format!("<section>\n<h2>{title}</h2>\n{body}</section>\n")
}

/// Cells are HTML already.
fn table(headings: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut table = "<table>\n<tr>".to_owned();
    for heading in headings {
        let _ = write!(table, "<th>{heading}</th>");
    }
    table.push_str("</tr>\n");
    for cells in rows {
        table.push_str("<tr>");
        for cell in cells {
            let _ = write!(table, "<td>{cell}</td>");
        }
        table.push_str("</tr>\n");
    }
    table.push_str("</table>\n");
    table
}

fn finding_row(finding: &ShownFinding) -> Vec<String> {
    let severity = finding.severity;
    vec![
        format!("<b class=\"{}\">{severity}</b>", severity.to_lowercase()),
        text(&finding.about),
        text(&finding.message),
        format!("<span class=\"fix\">{}</span>", text(&finding.fix)),
    ]
}

fn lines<'a>(items: impl IntoIterator<Item = &'a str>) -> String {
    let items: Vec<String> = items.into_iter().map(text).collect();
    items.join("<br>")
}

fn role_row(role: &ShownRole) -> Vec<String> {
    let pods = |account: &ShownAccount| match account.pods {
        Some(pods) => format!("{}/{} ({pods} pods)", account.namespace, account.name),
        None => format!("{}/{}", account.namespace, account.name),
    };
    let accounts: Vec<String> = role
        .crowd()
        .into_iter()
        .chain(role.service_accounts.iter().map(pods))
        .collect();
    let policies = role.policies.as_ref().map_or_else(
        || "?".to_owned(),
        |policies| lines(policies.iter().map(|policy| short(policy))),
    );
    vec![
        text(&role.arn),
        lines(accounts.iter().map(String::as_str)),
        lines(role.bindings.iter().map(String::as_str)),
        policies,
        text(role.boundary.as_deref().map(short).unwrap_or_default()),
        lines(role.other_principals.iter().map(String::as_str)),
    ]
}

fn rules_row(rules: &ShownRules) -> Vec<String> {
    vec![
        text(&rules.name),
        text(&rules.issuer),
        rules.namespaces.to_owned(),
        lines(rules.managed_policies.iter().map(String::as_str)),
        if rules.inline_policies { "Allow" } else { "Deny" }.to_owned(),
        text(rules.boundary.as_deref().map(short).unwrap_or_default()),
        rules.role_names.to_owned(),
    ]
}

fn drawn(graph: &Graph) -> String {
    let mut svg = format!(
        "<div class=\"graph\"><svg width=\"1200\" height=\"{}\" role=\"img\" aria-label=\"Who can become which role\">\n",
        graph.height()
    );
    for (heading, left) in [
        ("Namespace", 8),
        ("ServiceAccount", 228),
        ("Role", 528),
        ("Policy", 908),
    ] {
        let _ = writeln!(svg, "<text class=\"head\" x=\"{left}\" y=\"14\">{heading}</text>");
    }
    for (from, to) in &graph.edges {
        let (Some(one), Some(other)) = (graph.nodes.get(*from), graph.nodes.get(*to)) else {
            continue;
        };
        let ((left, top, width), (right, bottom, _)) = (one.place(), other.place());
        let (left, top, bottom) = (left + width, top + 9, bottom + 9);
        let middle = usize::midpoint(left, right);
        let _ = writeln!(
            svg,
            "<path data-from=\"{from}\" data-to=\"{to}\" d=\"M{left} {top}C{middle} {top} {middle} {bottom} {right} {bottom}\"/>"
        );
    }
    for (number, node) in graph.nodes.iter().enumerate() {
        let (left, top, width) = node.place();
        let longest = LABEL.get(node.column).copied().unwrap_or_default();
        let short: String = node.label.chars().take(longest).collect();
        let more = if node.label.chars().count() > longest {
            "…"
        } else {
            ""
        };
        let _ = writeln!(
            svg,
            "<g data-node=\"{number}\" class=\"{}\"><title>{}</title><rect x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"18\" rx=\"4\"/>\
             <text x=\"{}\" y=\"{}\">{}{more}</text></g>",
            node.class,
            text(&node.title),
            left + 6,
            top + 13,
            text(&short)
        );
    }
    svg + "</svg></div>\n"
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeSet;

    use irsa_core::audit::{Audit, AuditInput, AuditedBinding, AuditedFederation, AuditedRole, Workload};
    use serde_json::json;

    use super::{super::gather::Gathered, *};

    const PROVIDER: &str = "arn:aws:iam::123456789012:oidc-provider/b.example";

    /// A role as it must be, and one that everybody takes.
    pub(in super::super) fn report() -> AuditReport {
        let role = |name: &str, claims: serde_json::Value| AuditedRole {
            arn: format!("arn:aws:iam::123456789012:role/{name}"),
            trust: json!({"Statement": {
                "Effect": "Allow", "Principal": {"Federated": PROVIDER}, "Action": "sts:AssumeRoleWithWebIdentity",
                "Condition": {"StringEquals": claims},
            }})
            .to_string(),
            power: None,
        };
        let gathered = Gathered {
            input: AuditInput {
                federations: vec![AuditedFederation {
                    name: "<b onload=x>".to_owned(),
                    provider: PROVIDER.to_owned(),
                    issuer: "b.example".to_owned(),
                    client_ids: vec!["sts.amazonaws.com".to_owned()],
                    guardrails: irsa_core::admission::Guardrails::default(),
                }],
                bindings: vec![AuditedBinding {
                    namespace: "shop".to_owned(),
                    name: "app".to_owned(),
                    role: "arn:aws:iam::123456789012:role/app".to_owned(),
                    accounts: BTreeSet::from(["app".to_owned()]),
                    audiences: BTreeSet::from(["sts.amazonaws.com".to_owned()]),
                }],
                workloads: Some(vec![Workload {
                    namespace: "shop".to_owned(),
                    name: "app".to_owned(),
                    pods: Some(3),
                }]),
                roles: vec![
                    role(
                        "app",
                        json!({"b.example:sub": "system:serviceaccount:shop:app", "b.example:aud": "sts.amazonaws.com"}),
                    ),
                    role("open", json!({"b.example:aud": "sts.amazonaws.com"})),
                ],
            },
            unseen: vec!["Pods & \"more\"".to_owned()],
        };
        let audit = Audit::of(&gathered.input);
        AuditReport::of(&gathered, audit, jiff::Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_page_loads_nothing_and_shows_names_as_text() {
        let page = report().page();
        for outside in ["http://", "src=", "url(", "@import", "<link"] {
            assert!(!page.contains(outside), "{outside}");
        }
        assert!(
            !page.contains("<b onload") && page.contains("&lt;b onload=x&gt;"),
            "{page}"
        );
        assert!(page.contains("Pods &amp; &quot;more&quot;") && page.contains("shop/app (3 pods)"));
        let script = page
            .split_once("<script>")
            .unwrap()
            .1
            .split_once("</script>")
            .unwrap()
            .0;
        assert!(page.contains(&source_of(script)));
    }
}
