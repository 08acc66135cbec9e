//! Equivalence of IAM policy documents: whether two of them mean the same.
//!
//! IAM does not give back what it was given: documents come URL-encoded (RFC 3986), may have their statements and
//! elements in another order and single-element arrays collapsed to scalars or scalars expanded to arrays. Compared as
//! text, every pass would find drift and write. Compared too loosely, a widened policy would pass as ours.
//!
//! [`Policy`] is a normal form: two documents are equivalent when their normal forms are equal, which makes the
//! comparison an equivalence relation by construction. Differences that AWS documents as meaningless are normalised
//! away; everything else stays a difference, at the price of at most one needless write. Normalised are:
//!
//! - percent-encoding of the whole document; order and repetition of statements and of values; a scalar and an array
//!   of one; a single statement and an array of one;
//! - a missing `Version`, which is `2008-10-17` (IAM reference, "Version");
//! - the case of `Action` and `NotAction` (IAM reference, "Action": prefix and name are case-insensitive) and of
//!   condition *keys* ("Condition": context key names are not case-sensitive). Resources, principals, condition values
//!   and condition *operators* are compared as written;
//! - `"Principal": "*"` and `{"AWS": "*"}` (IAM reference, "Principal": equivalent);
//! - `true` and `"true"`, `5` and `"5"` as condition values (IAM policy grammar: values are strings, quoted or not);
//! - an empty `Condition` and none.
//!
//! A document with a member twice is no policy document: which of the two counts is not written anywhere.
//!
//! A `Sid` decides nothing, but it is what a person asked to be stored: another one is a difference, an empty one and
//! none are the same.

mod json;
mod normal;

pub use normal::Policy;
pub(crate) use normal::decoded;

/// Whether two documents, each URL-encoded or not, mean the same.
pub fn equivalent(one: &str, other: &str) -> bool {
    Policy::read(one) == Policy::read(other)
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
