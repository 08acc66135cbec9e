//! [`BindingPlan`]: everything that is to be done for a binding, to its role in AWS and to its ServiceAccounts in the cluster.

use std::fmt;

use super::{AccountPlan, AccountStep, Kept, Order, RoleStep};
use crate::{
    plan::{Plan, Step, step::write_line},
    vocabulary::ConditionType,
};

/// Everything that is to be done for a binding.
///
/// **Two sections, because they fail differently.** A step on the role that AWS refuses holds up what its order protects; a
/// ServiceAccount that cannot be written holds up no other, and none is bound that the role does not let in. A role is made before
/// its ServiceAccounts are bound, and removed after they are not: no new pod gets a role that is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindingPlan {
    /// What is to be done to the role.
    pub role: Plan<RoleStep>,
    /// What each of the role's steps does to rights, and so what may go on when one is refused.
    pub order: Order,
    /// What somebody else put on the role and what stays there.
    pub kept: Vec<Kept>,
    /// Names of wanted inline policies that are not put there, because the role has one under the name that only denies and says
    /// something else: whoever put it there must not lose it to a name.
    pub taken_names: Vec<String>,
    /// What is to be done to ServiceAccounts. Those that need nothing are among them.
    pub accounts: Vec<AccountPlan>,
    /// Whether it removes what the binding made.
    pub(super) removes: bool,
}

/// One call that is made for a binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BindingStep<'a> {
    /// To IAM.
    Role(&'a RoleStep),
    /// To the Kubernetes API.
    Account {
        /// The ServiceAccount's name.
        name: &'a str,
        /// What is done to it.
        step: &'a AccountStep,
    },
}

impl BindingPlan {
    /// An empty plan.
    pub fn nothing() -> Self {
        Self {
            role: Plan::nothing(),
            order: Order::default(),
            kept: Vec::new(),
            taken_names: Vec::new(),
            accounts: Vec::new(),
            removes: false,
        }
    }

    /// The same with what is to be done to ServiceAccounts.
    #[must_use]
    pub fn with_accounts(self, accounts: Vec<AccountPlan>) -> Self {
        Self { accounts, ..self }
    }

    /// All calls in the order in which they are made. Those to different ServiceAccounts are independent of each other.
    pub fn steps(&self) -> impl Iterator<Item = BindingStep<'_>> {
        let role = || self.role.steps.iter().map(BindingStep::Role);
        let accounts = self.accounts.iter().flat_map(|account| {
            let steps = account.steps.iter();
            steps.map(|step| BindingStep::Account {
                name: &account.account,
                step,
            })
        });
        let (first, last) = (role().filter(|_| !self.removes), role().filter(|_| self.removes));
        first.chain(accounts).chain(last)
    }
}

impl Step for BindingStep<'_> {
    fn action(&self) -> &'static str {
        match self {
            Self::Role(step) => step.action(),
            Self::Account { step, .. } => step.action(),
        }
    }

    fn aspect(&self) -> ConditionType {
        match self {
            Self::Role(step) => step.aspect(),
            Self::Account { .. } => ConditionType::ServiceAccountsSynced,
        }
    }
}

impl fmt::Display for BindingStep<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Role(step) => step.fmt(f),
            Self::Account { name, .. } => write!(f, "ServiceAccount {name}"),
        }
    }
}

/// What is to be done, a line for each call in the order in which they are made, and what nobody but a person can do.
impl fmt::Display for BindingPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.steps().try_for_each(|step| write_line(f, &step))?;
        let refusals = self
            .accounts
            .iter()
            .filter_map(|account| Some((account, account.refusal.as_ref()?)));
        for (account, refusal) in refusals {
            let what = if account.steps.is_empty() {
                "leave"
            } else {
                "cannot finish"
            };
            writeln!(f, "{what} ServiceAccount {}: {refusal}", account.account)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::binding::{AccountFields, AccountRefusal, tests};

    fn account(name: &str, steps: Vec<AccountStep>, refusal: Option<AccountRefusal>) -> AccountPlan {
        AccountPlan {
            account: name.to_owned(),
            steps,
            refusal,
        }
    }

    #[test]
    fn a_plan_can_be_read_before_anything_is_done_in_the_order_in_which_it_is_done() {
        let fields = AccountFields::default;
        let accounts = vec![
            account(
                "a",
                vec![
                    AccountStep::Create { fields: fields() },
                    AccountStep::Confirm { fields: fields() },
                ],
                None,
            ),
            account("b", vec![], None),
            account("c", vec![], Some(AccountRefusal::Missing)),
        ];
        let plan = BindingPlan::apply(&tests::desired(), None, None).unwrap();
        let printed = plan.with_accounts(accounts).to_string();
        let lines: Vec<&str> = printed.lines().collect();
        assert_eq!(
            lines,
            [
                "create role",
                "attach managed policy arn:aws:iam::aws:policy/A",
                "set inline policy p",
                "create ServiceAccount a",
                "confirm ServiceAccount a",
                "leave ServiceAccount c: it does not exist",
            ]
        );
    }

    #[test]
    fn what_is_removed_goes_from_the_cluster_first() {
        let accounts = vec![account("a", vec![AccountStep::Delete], None)];
        let plan = BindingPlan::remove(&tests::owner(), &tests::observed());
        let printed = plan.with_accounts(accounts).to_string();
        let lines: Vec<&str> = printed.lines().collect();
        assert_eq!(
            (lines.first(), lines.last()),
            (Some(&"delete ServiceAccount a"), Some(&"delete role"))
        );
        assert_eq!(lines.get(1), Some(&"set trust policy"));
    }
}
