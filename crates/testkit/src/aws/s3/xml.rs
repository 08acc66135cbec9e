//! Just enough XML for S3's request bodies, and for writing its answers.

use crate::aws::wire::{Outcome, Reply, xml_escape};

/// One element: its local name, its children, its text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) name: String,
    pub(super) children: Vec<Element>,
    pub(super) text: String,
}

impl Element {
    /// The first child of this name.
    pub(super) fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    /// All children of this name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The text of a child.
    pub(super) fn text_of(&self, name: &str) -> Option<&str> {
        self.child(name).map(|child| child.text.trim())
    }
}

/// The root element; `None` when the text is not one well-formed element. Attributes, comments, processing
/// instructions and namespaces are skipped; doctypes and CDATA are refused (no SDK sends them).
pub(super) fn parse(text: &str) -> Option<Element> {
    let mut open: Vec<Element> = vec![Element::default()];
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        let (before, tag) = rest.split_at(at);
        open.last_mut()?.text.push_str(&unescape(before));
        if let Some(comment) = tag.strip_prefix("<!--") {
            rest = comment.split_once("-->")?.1;
        } else if let Some(instruction) = tag.strip_prefix("<?") {
            rest = instruction.split_once("?>")?.1;
        } else if tag.starts_with("<!") {
            return None;
        } else {
            let (inner, after) = tag.strip_prefix('<')?.split_once('>')?;
            rest = after;
            if let Some(name) = inner.strip_prefix('/') {
                let done = open.pop()?;
                if done.name != local(name) {
                    return None;
                }
                open.last_mut()?.children.push(done);
            } else {
                let (head, empty) = inner.strip_suffix('/').map_or((inner, false), |head| (head, true));
                let name = local(head.split_whitespace().next()?);
                let element = Element {
                    name,
                    ..Element::default()
                };
                if empty {
                    open.last_mut()?.children.push(element)
                } else {
                    open.push(element)
                }
            }
        }
    }
    let [document] = open.as_mut_slice() else { return None };
    let root = document.children.pop()?;
    (document.children.is_empty() && document.text.trim().is_empty() && rest.trim().is_empty()).then_some(root)
}

fn local(name: &str) -> String {
    let name = name.trim();
    name.rsplit_once(':').map_or(name, |(_, local)| local).to_owned()
}

fn unescape(text: &str) -> String {
    let replaced = text
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&apos;", "'");
    replaced
        .replace("&#13;", "\r")
        .replace("&#10;", "\n")
        .replace("&amp;", "&")
}

/// `<name>escaped text</name>`
pub(super) fn leaf(name: &str, text: &str) -> String {
    format!("<{name}>{}</{name}>", xml_escape(text))
}

/// A whole document in S3's namespace.
fn document(root: &str, inner: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{root} xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{inner}</{root}>"
    )
}

/// An answer with this root element.
pub(super) fn answer(root: &str, inner: &str) -> Outcome {
    Ok(Reply::ok("application/xml", document(root, inner)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_sdks_send() {
        let root = parse(
            "<?xml version=\"1.0\"?>\n<Tagging xmlns=\"http://x/\"><!-- c --><TagSet><Tag><Key>a&amp;b</Key><Value/></Tag>\
             <Tag><Key>c</Key><Value>d</Value></Tag></TagSet></Tagging>",
        )
        .expect("well-formed");
        assert_eq!(root.name, "Tagging");
        let tags: Vec<_> = root
            .child("TagSet")
            .expect("set")
            .all("Tag")
            .map(|tag| (tag.text_of("Key"), tag.text_of("Value")))
            .collect();
        assert_eq!(tags, [(Some("a&b"), Some("")), (Some("c"), Some("d"))]);
    }

    #[test]
    fn refuses_what_is_not_one_element() {
        for text in [
            "",
            "x",
            "<a>",
            "<a></b>",
            "<a/><b/>",
            "<a/>x",
            "<!DOCTYPE x><a/>",
            "</a>",
            "<a><b></a></b>",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        let text = document("R", &leaf("K", "<&\">"));
        assert_eq!(
            parse(&text)
                .and_then(|root| root.text_of("K").map(ToOwned::to_owned))
                .as_deref(),
            Some("<&\">")
        );
    }
}
