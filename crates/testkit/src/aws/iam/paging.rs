//! Cutting lists into pages.
//!
//! A client must go on while `IsTruncated` is true, however few items a page has: IAM "might return fewer results, even
//! when there are more results available" [IAM-model maxItems].

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{
    errors::{constraint, validation},
    request::IamRequest,
    xml::Xml,
};
use crate::aws::wire::AwsError;

/// How lists are cut.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Paging {
    /// No page has more items than this, whatever MaxItems asks. `None`: only MaxItems counts.
    pub at_most: Option<usize>,
    /// Each page with items is preceded by an empty one that says there is more.
    pub empty_pages: bool,
}

/// Where a list call starts and how far it goes.
#[derive(Debug)]
pub(super) struct Cursor {
    /// Items with greater keys follow.
    pub(super) after: Option<String>,
    limit: usize,
    empty: bool,
}

/// One page.
#[derive(Debug)]
pub(super) struct Page<T> {
    pub(super) items: Vec<T>,
    marker: Option<String>,
}

impl Cursor {
    /// From `Marker` and `MaxItems` (1..1000, default 100) [IAM-model].
    pub(super) fn of(request: &IamRequest<'_>, paging: &Paging) -> Result<Self, AwsError> {
        let asked = match request.text("MaxItems") {
            None => 100,
            Some(text) => text
                .parse()
                .ok()
                .filter(|max| (1..=1_000).contains(max))
                .ok_or_else(|| constraint("maxItems", "Member must have value between 1 and 1000"))?,
        };
        let (seen_empty, after) = match request.text("Marker") {
            None => (false, None),
            Some(marker) => read_marker(marker).ok_or_else(|| validation("Invalid Marker."))?,
        };
        Ok(Self {
            after,
            limit: paging.at_most.map_or(asked, |most| most.clamp(1, asked)),
            empty: paging.empty_pages && !seen_empty,
        })
    }

    /// The page out of the items (with their keys) that follow `after` in key order.
    pub(super) fn cut<K: AsRef<str>, T>(&self, items: impl Iterator<Item = (K, T)>) -> Page<T> {
        let mut items = items.peekable();
        if self.empty {
            let marker = items.peek().map(|_| write_marker(true, self.after.as_deref()));
            return Page {
                items: Vec::new(),
                marker,
            };
        }
        let mut taken = Vec::new();
        let mut last = None;
        for (key, item) in items.by_ref().take(self.limit) {
            taken.push(item);
            last = Some(key);
        }
        let more = items.peek().is_some();
        let marker = last.filter(|_| more).map(|key| write_marker(false, Some(key.as_ref())));
        Page { items: taken, marker }
    }

    /// The page out of items that are not kept in a table; sorts them by key.
    pub(super) fn cut_sorted<T>(&self, mut items: Vec<(String, T)>) -> Page<T> {
        items.sort_by(|(left, _), (right, _)| left.cmp(right));
        let after = self.after.as_deref();
        self.cut(
            items
                .into_iter()
                .filter(|(key, _)| after.is_none_or(|after| key.as_str() > after)),
        )
    }
}

impl<T> Page<T> {
    /// `IsTruncated` and `Marker`.
    pub(super) fn write_end(&self, xml: &mut Xml) {
        xml.value("IsTruncated", self.marker.is_some());
        if let Some(marker) = &self.marker {
            xml.text("Marker", marker);
        }
    }
}

fn write_marker(seen_empty: bool, after: Option<&str>) -> String {
    let flag = if seen_empty { 'e' } else { 'f' };
    let key = after.map(|key| format!("={key}")).unwrap_or_default();
    URL_SAFE_NO_PAD.encode(format!("{flag}{key}"))
}

fn read_marker(marker: &str) -> Option<(bool, Option<String>)> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(marker).ok()?).ok()?;
    let (flag, rest) = text.split_at_checked(1)?;
    let after = if rest.is_empty() {
        None
    } else {
        Some(rest.strip_prefix('=')?.to_owned())
    };
    match flag {
        "e" => Some((true, after)),
        "f" => Some((false, after)),
        _ => None,
    }
}
