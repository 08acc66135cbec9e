//! Long-lived access keys.

use std::collections::BTreeMap;

use super::state::random_text;
use crate::aws::credentials::Credentials;

/// Whose an access key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum KeyOwner {
    Root,
    /// The user of this name.
    User(String),
}

/// Long-lived access keys of all accounts, by id.
#[derive(Default)]
pub(super) struct AccessKeys(BTreeMap<String, (String, KeyOwner, String)>);

impl std::fmt::Debug for AccessKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl AccessKeys {
    /// A new key: `AKIA` and 16 characters, a secret of 40 [IAMUG-2023 identifiers].
    pub(super) fn issue(&mut self, account: &str, owner: KeyOwner) -> Credentials {
        let access_key_id = format!("AKIA{}", random_text(16, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"));
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let secret_access_key = random_text(40, alphabet);
        self.0.insert(
            access_key_id.clone(),
            (account.to_owned(), owner, secret_access_key.clone()),
        );
        Credentials {
            access_key_id,
            secret_access_key,
            session_token: None,
        }
    }

    /// Account, owner and secret of a key.
    pub(super) fn get(&self, id: &str) -> Option<(&str, &KeyOwner, &str)> {
        self.0
            .get(id)
            .map(|(account, owner, secret)| (account.as_str(), owner, secret.as_str()))
    }
}
