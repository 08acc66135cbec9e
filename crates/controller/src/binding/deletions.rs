//! Which bindings went, whether or not the watch told of it.

use std::collections::HashSet;

use irsa_api::IamRoleBinding;
use irsa_pipeline::object::ObjectKey;
use kube::runtime::{reflector::Store, watcher::Event};

use crate::watch::Decoded;

/// Those of the list that is being received.
#[derive(Debug, Default)]
pub(super) struct Deletions {
    listed: HashSet<ObjectKey>,
}

impl Deletions {
    /// The bindings that this event shows to have gone. `known` is what was known before it. What went while the watch was
    /// interrupted is told of by nothing but that a new list lacks it.
    pub(super) fn by(
        &mut self,
        event: &Event<Decoded<IamRoleBinding>>,
        known: &Store<Decoded<IamRoleBinding>>,
    ) -> Vec<IamRoleBinding> {
        match event {
            Event::Apply(_) => Vec::new(),
            Event::Delete(binding) => binding.whole().into_iter().collect(),
            Event::Init => {
                self.listed.clear();
                Vec::new()
            }
            Event::InitApply(binding) => {
                self.listed.insert(ObjectKey::of(binding));
                Vec::new()
            }
            Event::InitDone => {
                let listed = std::mem::take(&mut self.listed);
                let known = known.state();
                let missing = known
                    .iter()
                    .filter(|binding| !listed.contains(&ObjectKey::of(&***binding)));
                missing.filter_map(|binding| binding.whole()).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use kube::{Resource, ResourceExt};

    use super::*;
    use crate::binding::triggers::tests::{binding, trigger};

    #[test]
    fn a_binding_that_goes_is_told_of_also_when_only_a_new_list_lacks_it() {
        let all = ["a", "b", "c"].map(|name| binding(name, "x", "sa", 1));
        let (trigger, _woken) = self::trigger(&all);
        let mut went = Deletions::default();
        let mut names = |event: Event<Decoded<IamRoleBinding>>| -> Vec<String> {
            let went = went.by(&event, trigger.store());
            went.iter().map(ResourceExt::name_any).collect()
        };
        let none = Vec::<String>::new();
        assert_eq!(names(Event::Apply(all[0].clone())), none);
        assert_eq!(names(Event::Delete(all[0].clone())), ["a"]);
        for _ in 0..2 {
            assert_eq!(names(Event::Init), none);
            assert_eq!(names(Event::InitApply(all[0].clone())), none);
            // Of the same name, and another object: the one that was known is gone.
            let mut again = binding("c", "x", "sa", 1);
            again.meta_mut().uid = Some("another".to_owned());
            assert_eq!(names(Event::InitApply(again)), none);
            let mut gone = names(Event::InitDone);
            gone.sort();
            assert_eq!(gone, ["b", "c"]);
        }
        assert_eq!(names(Event::Init), none);
        for binding in &all {
            assert_eq!(names(Event::InitApply(binding.clone())), none);
        }
        assert_eq!(names(Event::InitDone), none);
    }
}
