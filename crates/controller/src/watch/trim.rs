//! Objects as they are kept in memory, and references to them.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{
    Resource, ResourceExt,
    runtime::{reflector::ObjectRef, watcher},
};

/// What kubectl notes for itself: the whole object once more.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Objects of one page of the list that a watch begins with. A page is in memory as text and as objects at once, with all
/// that [`slim`] takes off.
const PAGE: u32 = 100;

/// How objects are watched: the list that it begins with comes by the page.
pub(crate) fn paged() -> watcher::Config {
    watcher::Config::default().page_size(PAGE)
}

/// Takes off what nobody here reads and what makes up most of an object that is kept in memory: who set which field, and
/// kubectl's own copy. Nothing that is written goes by it: patches name what they change.
pub(crate) fn slim(metadata: &mut ObjectMeta) {
    metadata.managed_fields = None;
    if let Some(annotations) = &mut metadata.annotations {
        annotations.remove(LAST_APPLIED);
    }
}

/// A reference of one kind as a reference of the same kind as it comes out of a watch (see [`super::Decoded`]).
pub(crate) fn reference_to<K, G>(object: &K) -> ObjectRef<G>
where
    K: Resource<DynamicType = ()>,
    G: Resource<DynamicType = ()> + 'static,
{
    let reference = ObjectRef::new(&object.name_any());
    match object.namespace() {
        Some(namespace) => reference.within(&namespace),
        None => reference,
    }
}
