//! The AWS double, tested as a stranger would: over the wire, by host name, with a signer of the tests' own.

mod client;
mod conformance;
mod controls;
mod front;
mod issuer;
mod python;
mod stage;
mod web_identity;
