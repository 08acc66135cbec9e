//! Dependencies between the steps of a role's plan: what may still be done when one is refused.
//!
//! A plan's order is what keeps it from widening anything on the way. Whoever refuses a step (an organisation, a quota) must not
//! hold up what does not depend on it, and nobody must gain by it: what gives rights never runs while something that should
//! have been taken away before is still there.

use std::collections::BTreeSet;

use super::{ObservedRole, RoleStep, kept::denies};
use crate::{
    policy_document::only_denies,
    trust::{Divided, TrustPolicy},
};

/// What a step does to what people have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Makes the role, or makes it ours. Everything else needs it.
    Founds,
    /// Only takes rights away.
    Takes,
    /// Puts other rights in the place of some.
    Replaces,
    /// Only gives rights.
    Gives,
    /// Removes a tag that no tenant can have set. It comes in its turn, as it may give as well as take; but nothing waits for
    /// it: the tag was there before, and whoever put it there and keeps it there stands above us.
    Clears,
    /// Neither gives nor takes.
    Settles,
    /// Marks a boundary as ours, or takes the mark off. What sets that boundary, at this place if anywhere, must not come without
    /// it.
    Marks(Option<usize>),
    /// Records that the step at this place was done.
    Records(usize),
    /// Deletes the role, or a denial on a role that goes. Needs everything before it.
    Ends,
}

/// The effects of a plan's steps, place by place.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Order(Vec<Effect>);

impl Order {
    /// Of steps with these effects.
    pub(super) const fn new(effects: Vec<Effect>) -> Self {
        Self(effects)
    }

    /// Of steps that close or remove this role.
    pub fn of_removal(steps: &[RoleStep], role: &ObservedRole) -> Self {
        Self(steps.iter().map(|step| of_removal(step, role)).collect())
    }

    /// Whether the step at `place` may run although the steps at the places `undone`, all before it, were refused, held up or put
    /// off.
    pub fn allows(&self, place: usize, undone: &[usize]) -> bool {
        let is_undone = |wanted: &[Effect]| {
            let mut effects = undone.iter().filter_map(|place| self.0.get(*place));
            effects.any(|effect| wanted.contains(effect))
        };
        if is_undone(&[Effect::Founds, Effect::Marks(Some(place))]) {
            return false;
        }
        match self.0.get(place) {
            Some(Effect::Founds | Effect::Takes | Effect::Settles | Effect::Marks(_)) => true,
            Some(Effect::Records(what)) => !undone.contains(what),
            Some(Effect::Replaces | Effect::Gives | Effect::Clears) => !is_undone(&[Effect::Takes, Effect::Replaces]),
            Some(Effect::Ends) | None => undone.is_empty(),
        }
    }

    /// Whether these two steps, one right after the other, need not wait for each other: both only give, or both only take. Whatever
    /// of them is done, nobody has more than before or than is wanted.
    pub fn are_independent(&self, place: usize, next: usize) -> bool {
        matches!(
            (self.0.get(place), self.0.get(next)),
            (Some(Effect::Gives), Some(Effect::Gives)) | (Some(Effect::Takes), Some(Effect::Takes))
        )
    }

    /// Whether the step at `place` needs all others.
    pub(super) fn is_last(&self, place: usize) -> bool {
        matches!(self.0.get(place), Some(Effect::Ends))
    }

    /// Whether the step at `place` may be put off without leaving anybody more than he should have: who repeats it against
    /// somebody may wait with it.
    pub fn may_be_put_off(&self, place: usize) -> bool {
        matches!(self.0.get(place), Some(Effect::Gives | Effect::Settles))
    }
}

fn of_removal(step: &RoleStep, role: &ObservedRole) -> Effect {
    match step {
        RoleStep::DeleteInline { name } if role.inline.get(name).is_some_and(|text| only_denies(text)) => Effect::Ends,
        RoleStep::Detach { arn } if denies(arn) => Effect::Ends,
        RoleStep::UpdateTrust { .. } | RoleStep::DeleteInline { .. } | RoleStep::Detach { .. } => Effect::Takes,
        RoleStep::Untag { .. } => Effect::Clears,
        _ => Effect::Ends,
    }
}

/// The token subjects that a role lets in once these steps are done, as far as they are of our making.
pub fn subjects_after<'a>(before: Option<&str>, done: impl Iterator<Item = &'a RoleStep>) -> BTreeSet<String> {
    let last = done.fold(before, |trust, step| match step {
        RoleStep::CreateRole { trust, .. } | RoleStep::UpdateTrust { trust } => Some(trust.as_str()),
        _ => trust,
    });
    let policy = last.and_then(|trust| TrustPolicy::read(&Divided::of(trust).rest));
    policy
        .map(|policy| policy.subjects.iter().map(ToString::to_string).collect())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_gives_waits_for_what_takes_and_for_nothing_else() {
        let order = Order::new(vec![
            Effect::Takes,
            Effect::Clears,
            Effect::Settles,
            Effect::Gives,
            Effect::Records(3),
            Effect::Takes,
            Effect::Marks(Some(7)),
            Effect::Takes,
        ]);
        assert!(order.allows(3, &[1, 2]), "a tag and a description hold nobody up");
        assert!(!order.allows(3, &[0]));
        assert!(!order.allows(4, &[0, 3]), "nothing is recorded that was not done");
        assert!(order.allows(4, &[0]));
        assert!(order.allows(5, &[0, 1, 3]), "what takes away is never held up");
        assert!(order.allows(2, &[0]));
        assert!(
            order.allows(5, &[6]) && !order.allows(7, &[6]),
            "no boundary without its mark"
        );
        let waiting: Vec<usize> = (0..8).filter(|place| order.may_be_put_off(*place)).collect();
        assert_eq!(waiting, [2, 3], "a tag may give what nobody should have");
    }

    #[test]
    fn nothing_goes_on_without_the_role_and_a_role_ends_last() {
        let founded = Order::new(vec![Effect::Founds, Effect::Takes, Effect::Settles]);
        assert!(!founded.allows(1, &[0]) && !founded.allows(2, &[0]));
        let steps = [
            RoleStep::UpdateTrust { trust: String::new() },
            RoleStep::DeleteInline { name: String::new() },
            RoleStep::DeleteRole,
        ];
        let removal = Order::of_removal(&steps, &super::super::tests::observed());
        assert!(removal.allows(1, &[0]));
        assert!(!removal.allows(2, &[1]));
    }
}
