//! Roles of a listing as they are kept until the next one: each as what tells it apart from another.
//!
//! Roles that one operator makes are alike but for a name here and there: the trust policies of a cluster differ in a
//! subject, the tags in a name. Kept in full, a listing of some thousand roles would be the largest thing in memory.

use std::{collections::BTreeMap, sync::Arc};

use super::{Deep, Shallow};
use crate::naming::{PolicyArn, Tags};

/// So many texts are tried as the one that another resembles. Each shape of role needs one.
const EXAMPLES: usize = 8;
/// A text of which more than this share, in hundredths, is its own becomes an example itself.
const OWN_SHARE: usize = 50;

/// A text as the part in which it differs from an example. Equal when the texts are, whatever their examples.
#[derive(Debug, Clone)]
struct PackedText {
    example: Arc<str>,
    /// Bytes that it has in common with the beginning of the example, and with its end.
    begins: u32,
    ends: u32,
    own: Box<str>,
}

impl PackedText {
    fn parts(&self) -> [&str; 3] {
        let begins = self.begins as usize;
        let ends = self.example.len().saturating_sub(self.ends as usize);
        [
            self.example.get(..begins).unwrap_or_default(),
            &self.own,
            self.example.get(ends..).unwrap_or_default(),
        ]
    }

    fn unpack(&self) -> String {
        self.parts().concat()
    }
}

impl PartialEq for PackedText {
    fn eq(&self, other: &Self) -> bool {
        let bytes = |text: &Self| text.parts().iter().map(|part| part.len()).sum::<usize>();
        let all = |parts: [&'_ str; 3]| parts.map(str::as_bytes).concat();
        bytes(self) == bytes(other) && all(self.parts()) == all(other.parts())
    }
}

impl Eq for PackedText {}

/// The examples of one kind of text, the last one that served first.
#[derive(Debug, Default)]
struct Examples(Vec<Arc<str>>);

impl Examples {
    fn pack(&mut self, text: &str) -> PackedText {
        let by_own = |(_, (begins, ends)): &(usize, (usize, usize))| text.len() - begins - ends;
        let candidates = self.0.iter().map(|example| in_common(example, text)).enumerate();
        let best = candidates.min_by_key(by_own);
        let close = best.filter(|candidate| by_own(candidate) * 100 <= text.len() * OWN_SHARE);
        let (begins, ends) = if let Some((at, common)) = close {
            self.0.get_mut(..=at).unwrap_or_default().rotate_right(1);
            common
        } else {
            self.0.truncate(EXAMPLES - 1);
            self.0.insert(0, Arc::from(text));
            (text.len(), 0)
        };
        PackedText {
            // There is one: it has served, or has just been put there.
            example: self.0.first().cloned().unwrap_or_else(|| Arc::from(text)),
            begins: u32::try_from(begins).unwrap_or_default(),
            ends: u32::try_from(ends).unwrap_or_default(),
            own: text.get(begins..text.len() - ends).unwrap_or_default().into(),
        }
    }
}

/// Bytes that a text has in common with the beginning of an example, and of what is left with its end.
fn in_common(example: &str, text: &str) -> (usize, usize) {
    let same = |(one, other): &(char, char)| one == other;
    let sum = |pairs: &mut dyn Iterator<Item = (char, char)>| pairs.map(|(one, _)| one.len_utf8()).sum::<usize>();
    let begins = sum(&mut example.chars().zip(text.chars()).take_while(same));
    let rest = |text| str::get(text, begins..).unwrap_or_default().chars().rev();
    let ends = sum(&mut rest(example).zip(rest(text)).take_while(same));
    (begins, ends)
}

/// A [`Shallow`], packed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackedShallow {
    id: Box<str>,
    arn: PackedText,
    trust: PackedText,
    description: PackedText,
    max_session_seconds: u32,
}

impl PackedShallow {
    /// The stable unique id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What was packed.
    pub fn unpack(&self) -> Shallow {
        Shallow {
            arn: self.arn.unpack(),
            id: self.id.to_string(),
            trust: self.trust.unpack(),
            description: self.description.unpack(),
            max_session_seconds: self.max_session_seconds,
        }
    }

    /// Its name, in the case in which it was created.
    pub fn name(&self) -> String {
        let arn = self.arn.unpack();
        arn.rsplit('/').next().unwrap_or_default().to_owned()
    }
}

/// A [`Deep`], packed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackedDeep {
    id: Box<str>,
    /// Keys, values, names and documents as JSON.
    tags: PackedText,
    boundary: Option<PackedText>,
    attached: PackedText,
    inline: PackedText,
}

impl PackedDeep {
    /// What was packed.
    pub fn unpack(&self) -> Deep {
        let attached: Vec<String> = read(&self.attached);
        Deep {
            id: self.id.to_string(),
            tags: self.tags(),
            boundary: self.boundary.as_ref().map(PackedText::unpack),
            attached: attached.into_iter().map(PolicyArn::observed).collect(),
            inline: read::<BTreeMap<String, String>>(&self.inline),
        }
    }

    /// Its tags.
    pub fn tags(&self) -> Tags {
        read(&self.tags)
    }
}

/// Packs roles; those that resemble each other share what they have in common.
#[derive(Debug, Default)]
pub struct RolePacker {
    arns: Examples,
    trusts: Examples,
    descriptions: Examples,
    tags: Examples,
    boundaries: Examples,
    attached: Examples,
    inline: Examples,
}

impl RolePacker {
    /// Packs what `ListRoles` shows.
    pub fn shallow(&mut self, role: &Shallow) -> PackedShallow {
        PackedShallow {
            id: role.id.as_str().into(),
            arn: self.arns.pack(&role.arn),
            trust: self.trusts.pack(&role.trust),
            description: self.descriptions.pack(&role.description),
            max_session_seconds: role.max_session_seconds,
        }
    }

    /// Packs what it does not show.
    pub fn deep(&mut self, role: &Deep) -> PackedDeep {
        let attached: Vec<&str> = role.attached.iter().map(PolicyArn::as_str).collect();
        PackedDeep {
            id: role.id.as_str().into(),
            tags: self.tags.pack(&write(&role.tags)),
            boundary: role.boundary.as_ref().map(|boundary| self.boundaries.pack(boundary)),
            attached: self.attached.pack(&write(&attached)),
            inline: self.inline.pack(&write(&role.inline)),
        }
    }
}

/// Lists and maps of texts are always JSON.
fn write(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn read<T: serde::de::DeserializeOwned + Default>(text: &PackedText) -> T {
    serde_json::from_str(&text.unpack()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn deep(number: usize, document: &str) -> Deep {
        let tags = [
            ("cluster", "c"),
            ("name", &format!("app-{number}")),
            ("namespace", "team"),
        ];
        Deep {
            id: format!("AROA{number}"),
            tags: tags.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
            boundary: Some("arn:aws:iam::123456789012:policy/limits".to_owned()),
            attached: [PolicyArn::observed("arn:aws:iam::aws:policy/ReadOnlyAccess".to_owned())].into(),
            inline: [("list".to_owned(), document.to_owned())].into(),
        }
    }

    proptest! {
        #[test]
        fn what_is_unpacked_is_what_was_packed(texts in prop::collection::vec("[aä\u{1F600}b\"]{0,12}", 0..40)) {
            let mut examples = Examples::default();
            let packed: Vec<PackedText> = texts.iter().map(|text| examples.pack(text)).collect();
            let unpacked: Vec<String> = packed.iter().map(PackedText::unpack).collect();
            prop_assert_eq!(&unpacked, &texts);
            // Another order, other examples.
            let mut others = Examples::default();
            let again: Vec<PackedText> = texts.iter().rev().map(|text| others.pack(text)).collect();
            for (text, one) in texts.iter().zip(&packed) {
                for (other, another) in texts.iter().rev().zip(&again) {
                    prop_assert_eq!(text == other, one == another);
                }
            }
        }
    }

    #[test]
    fn a_role_comes_out_as_it_went_in() {
        let mut packer = RolePacker::default();
        for number in 0..30 {
            let shallow = Shallow {
                arn: format!("arn:aws:iam::123456789012:role/irsa/App-{number}"),
                id: format!("AROA{number}"),
                trust: format!("{{\"sub\":\"system:serviceaccount:team:app-{number}\"}}"),
                description: String::new(),
                max_session_seconds: 3600,
            };
            let packed = packer.shallow(&shallow);
            assert_eq!(packed.unpack(), shallow);
            assert_eq!(
                (packed.id(), packed.name()),
                (shallow.id.as_str(), format!("App-{number}"))
            );
            let deep = deep(number, "{\"Statement\":[\"ü\"]}");
            assert_eq!(packer.deep(&deep).unpack(), deep);
        }
    }

    #[test]
    fn of_roles_that_differ_in_a_name_little_more_than_the_name_is_kept() {
        let mut packer = RolePacker::default();
        let document = "a long document ".repeat(100);
        let packed: Vec<PackedDeep> = (0..1_000).map(|number| packer.deep(&deep(number, &document))).collect();
        let own = |role: &PackedDeep| role.tags.own.len() + role.attached.own.len() + role.inline.own.len();
        let most = packed.iter().map(own).max().unwrap();
        assert!(most <= 8, "{most} bytes of one role");
        let examples: std::collections::HashSet<*const u8> =
            packed.iter().map(|role| role.inline.example.as_ptr()).collect();
        assert_eq!(examples.len(), 1, "the document is there once");
    }
}
