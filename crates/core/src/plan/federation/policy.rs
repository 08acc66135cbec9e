//! The bucket policy statement that makes both documents public: our one statement in a policy that otherwise belongs to
//! somebody else.

use serde_json::{Map, Value, json};

use crate::{
    compare::Policy,
    issuer::{IssuerUrl, Partition},
    json as unique,
    vocabulary::BUCKET_STATEMENT_SID_PREFIX,
};

const VERSION: &str = "2012-10-17";

/// The statement that lets anybody read exactly the two documents: no listing, no other key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PublicReadStatement {
    sid: String,
    resources: [String; 2],
}

/// What to do with a bucket's policy. S3 takes and gives the whole document only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PolicyChange {
    /// It is as it must be.
    Nothing,
    /// Replace it with this.
    Put(String),
    /// Remove it: nothing else was in it.
    Delete,
}

/// Why a policy is left alone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// Somebody else uses our Sid for something else.
    #[error("the bucket's policy has a statement with the Sid {0} that this operator did not write")]
    Taken(String),
    /// What S3 returned has no statements.
    #[error("the bucket's policy is not a policy document")]
    Unreadable,
}

impl PublicReadStatement {
    /// The statement for an issuer's documents in a bucket.
    pub fn new(issuer: &IssuerUrl, bucket: &str, region: &str) -> Self {
        let partition = Partition::of_region(region).as_str();
        let arn = |key: String| format!("arn:{partition}:s3:::{bucket}/{key}");
        Self {
            // A Sid of a bucket policy takes letters and digits only.
            sid: format!("{BUCKET_STATEMENT_SID_PREFIX}{}", issuer.id()),
            resources: [arn(issuer.discovery_key()), arn(issuer.jwks_key())],
        }
    }

    /// The statement's Sid.
    pub fn sid(&self) -> &str {
        &self.sid
    }

    /// The statement as JSON, for somebody else to put it into the policy.
    pub fn to_json(&self) -> String {
        self.statement().to_string()
    }

    fn statement(&self) -> Value {
        json!({
            "Sid": self.sid, "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": self.resources,
        })
    }

    /// How to get the statement into `policy`. `established` tells that we have published here before: a statement
    /// under our Sid that says something else is then drift, and otherwise somebody else's.
    ///
    /// # Errors
    /// See [`StatementError`].
    pub fn put(&self, policy: Option<&str>, established: bool) -> Result<PolicyChange, StatementError> {
        let Some(text) = policy else {
            let policy = json!({ "Version": VERSION, "Statement": [self.statement()] });
            return Ok(PolicyChange::Put(policy.to_string()));
        };
        let mut policy = Document::read(text)?;
        let under_our_sid = policy.of_sid(&self.sid);
        if let [present] = under_our_sid.as_slice()
            && self.is(present)
        {
            return Ok(PolicyChange::Nothing);
        }
        if !under_our_sid.is_empty() && !established {
            return Err(StatementError::Taken(self.sid.clone()));
        }
        policy.statements.retain(|statement| sid(statement) != Some(&self.sid));
        policy.statements.push(self.statement());
        Ok(PolicyChange::Put(policy.write()))
    }

    /// How to get the statement out of `policy`. One under our Sid that says something else is not ours to remove.
    ///
    /// # Errors
    /// See [`StatementError`].
    pub fn remove(&self, policy: Option<&str>) -> Result<PolicyChange, StatementError> {
        let Some(text) = policy else {
            return Ok(PolicyChange::Nothing);
        };
        let mut policy = Document::read(text)?;
        let before = policy.statements.len();
        policy.statements.retain(|statement| !self.is(statement));
        Ok(match policy.statements.len() {
            0 => PolicyChange::Delete,
            left if left == before => PolicyChange::Nothing,
            _ => PolicyChange::Put(policy.write()),
        })
    }

    fn is(&self, statement: &Value) -> bool {
        let alone = |statement: &Value| Policy::of(&json!({ "Version": VERSION, "Statement": [statement] }));
        alone(statement) == alone(&self.statement())
    }
}

/// The statements of a policy; `None` of what is none.
pub(super) fn statements(policy: &str) -> Option<Vec<Value>> {
    Document::read(policy).ok().map(|document| document.statements)
}

/// A policy document of which only the list of statements is understood.
struct Document {
    others: Map<String, Value>,
    statements: Vec<Value>,
}

impl Document {
    fn read(text: &str) -> Result<Self, StatementError> {
        let Ok(Value::Object(mut others)) = unique::read(text.as_bytes()) else {
            return Err(StatementError::Unreadable);
        };
        let statements = match others.remove("Statement") {
            Some(Value::Array(statements)) => statements,
            Some(Value::Object(one)) => vec![Value::Object(one)],
            _ => return Err(StatementError::Unreadable),
        };
        Ok(Self { others, statements })
    }

    fn of_sid(&self, wanted: &str) -> Vec<&Value> {
        self.statements
            .iter()
            .filter(|statement| sid(statement) == Some(wanted))
            .collect()
    }

    fn write(mut self) -> String {
        self.others
            .insert("Statement".to_owned(), Value::Array(self.statements));
        Value::Object(self.others).to_string()
    }
}

fn sid(statement: &Value) -> Option<&str> {
    statement.get("Sid").and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours() -> PublicReadStatement {
        let issuer = IssuerUrl::parse("https://b-1.s3.cn-north-1.amazonaws.com.cn/c").unwrap();
        PublicReadStatement::new(&issuer, "b-1", "cn-north-1")
    }

    fn foreign() -> Value {
        json!({"Sid": "Logs", "Effect": "Allow", "Principal": {"Service": "x"}, "Action": "s3:PutObject", "Resource": "*"})
    }

    fn policy(statements: &[Value]) -> String {
        json!({"Version": "2008-10-17", "Id": "mine", "Statement": statements}).to_string()
    }

    fn put(policy: Option<&str>, established: bool) -> Value {
        let PolicyChange::Put(text) = ours().put(policy, established).unwrap() else {
            panic!("nothing put")
        };
        assert_eq!(ours().put(Some(&text), false), Ok(PolicyChange::Nothing));
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn the_statement_that_somebody_else_is_to_add_is_the_one_that_we_would() {
        let given: Value = serde_json::from_str(&ours().to_json()).unwrap();
        assert_eq!(put(None, false)["Statement"], json!([given]));
    }

    #[test]
    fn the_statement_lets_anybody_read_exactly_two_keys() {
        let policy = put(None, false);
        assert_eq!(
            policy["Statement"],
            json!([{
                "Sid": ours().sid(), "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
                "Resource": [
                    "arn:aws-cn:s3:::b-1/c/.well-known/openid-configuration", "arn:aws-cn:s3:::b-1/c/openid/v1/jwks",
                ],
            }])
        );
        assert!(ours().sid().chars().all(char::is_alphanumeric));
    }

    #[test]
    fn foreign_statements_and_members_stay_as_they_are() {
        let merged = put(Some(&policy(&[foreign()])), false);
        assert_eq!(merged["Statement"], json!([foreign(), ours().statement()]));
        assert_eq!(
            (&merged["Version"], &merged["Id"]),
            (&json!("2008-10-17"), &json!("mine"))
        );
        let single = json!({"Statement": foreign()}).to_string();
        assert_eq!(put(Some(&single), false)["Statement"][0], foreign());
    }

    #[test]
    fn what_s3_rewrites_is_no_difference() {
        let mut stored = ours().statement();
        stored["Principal"] = json!({"AWS": "*"});
        stored["Action"] = json!(["s3:GetObject"]);
        stored["Resource"].as_array_mut().unwrap().reverse();
        assert_eq!(
            ours().put(Some(&policy(&[stored, foreign()])), false),
            Ok(PolicyChange::Nothing)
        );
    }

    #[test]
    fn our_sid_in_other_hands_is_refused_and_our_own_changed_statement_is_put_back() {
        let mut changed = ours().statement();
        changed["Resource"] = json!("arn:aws-cn:s3:::b-1/*");
        let present = policy(&[changed, foreign()]);
        let taken = StatementError::Taken(ours().sid().to_owned());
        assert_eq!(ours().put(Some(&present), false), Err(taken));
        assert_eq!(
            put(Some(&present), true)["Statement"],
            json!([foreign(), ours().statement()])
        );
        assert_eq!(ours().remove(Some(&present)), Ok(PolicyChange::Nothing));
    }

    #[test]
    fn removal_leaves_the_others_and_deletes_a_policy_that_was_only_ours() {
        let both = policy(&[foreign(), ours().statement()]);
        assert_eq!(ours().remove(Some(&both)), Ok(PolicyChange::Put(policy(&[foreign()]))));
        assert_eq!(
            ours().remove(Some(&policy(&[ours().statement()]))),
            Ok(PolicyChange::Delete)
        );
        assert_eq!(ours().remove(Some(&policy(&[foreign()]))), Ok(PolicyChange::Nothing));
        assert_eq!(ours().remove(None), Ok(PolicyChange::Nothing));
    }

    #[test]
    fn what_is_no_policy_is_not_overwritten() {
        for text in ["", "[]", "{}", r#"{"Statement":"x"}"#] {
            assert_eq!(ours().put(Some(text), true), Err(StatementError::Unreadable), "{text}");
            assert_eq!(ours().remove(Some(text)), Err(StatementError::Unreadable), "{text}");
        }
    }
}
