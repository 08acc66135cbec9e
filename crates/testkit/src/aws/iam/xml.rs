//! XML answers of IAM's query protocol.

use jiff::Timestamp;

use crate::aws::wire::{Reply, xml_escape};

/// Elements, one after the other.
#[derive(Debug, Default)]
pub(super) struct Xml(String);

impl Xml {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// `<name>value</name>`. A carriage return would not survive an XML parser unescaped.
    pub(super) fn text(&mut self, name: &str, value: &str) -> &mut Self {
        let value = xml_escape(value).replace('\r', "&#xD;");
        self.raw(name, &value)
    }

    /// An element with a number or a boolean.
    pub(super) fn value(&mut self, name: &str, value: impl ToString) -> &mut Self {
        self.raw(name, &value.to_string())
    }

    /// A time, to the second as IAM shows it.
    pub(super) fn time(&mut self, name: &str, time: Timestamp) -> &mut Self {
        self.raw(name, &time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
    }

    /// An element that holds others.
    pub(super) fn element(&mut self, name: &str, fill: impl FnOnce(&mut Self)) -> &mut Self {
        let mut inner = Self::new();
        fill(&mut inner);
        self.raw(name, &inner.0)
    }

    /// `<name><member>…</member>…</name>`.
    pub(super) fn list<T>(
        &mut self,
        name: &str,
        items: impl IntoIterator<Item = T>,
        mut fill: impl FnMut(&mut Self, T),
    ) -> &mut Self {
        self.element(name, |list| {
            for item in items {
                list.element("member", |member| fill(member, item));
            }
        })
    }

    /// A list of texts.
    pub(super) fn texts<'t>(&mut self, name: &str, items: impl IntoIterator<Item = &'t String>) -> &mut Self {
        self.element(name, |list| {
            for item in items {
                list.text("member", item);
            }
        })
    }

    fn raw(&mut self, name: &str, content: &str) -> &mut Self {
        self.0.extend(["<", name, ">", content, "</", name, ">"]);
        self
    }

    /// The whole answer. Operations without output have no result element [IAM-model `resultWrapper`].
    pub(super) fn reply(result: Option<Self>, action: &str, request_id: &str) -> Reply {
        let mut body = Self::new();
        if let Some(result) = result {
            body.raw(&format!("{action}Result"), &result.0);
        }
        body.element("ResponseMetadata", |metadata| {
            metadata.text("RequestId", request_id);
        });
        let text = format!(
            "<{action}Response xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\">{}</{action}Response>",
            body.0
        );
        Reply::ok("text/xml", text)
    }
}
