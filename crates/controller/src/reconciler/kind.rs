//! What one kind does in a pass: the port between the driver and a kind's controller.

use std::time::Duration;

use irsa_core::outcome::Outcome;
use irsa_pipeline::{
    object::Managed,
    report::{Cleanup, Report},
};
use kube::runtime::reflector::Store;

use super::driver::Driver;
use crate::{leadership::Leadership, watch::Decoded};

/// What one kind does. The driver calls it for one object at a time, never twice at once for the same object.
pub trait Reconciler: Send + Sync + 'static {
    /// The kind.
    type Kind: Managed;
    /// Who may write.
    type Leadership: Leadership;

    /// The driver's own means.
    fn driver(&self) -> &Driver<Self::Leadership>;

    /// All objects of the kind, as the watch shows them.
    fn store(&self) -> &Store<Decoded<Self::Kind>>;

    /// The object's interval between checks of an unchanged world.
    fn interval(&self, object: &Self::Kind) -> Duration;

    /// Makes the object's spec true. Our finalizer is on the object.
    fn apply(&self, object: &Self::Kind) -> impl Future<Output = Report<<Self::Kind as Managed>::Status>> + Send;

    /// The report on a pass that was cut off at its deadline, beginning with this one. Whatever is still looked at must end by
    /// itself.
    fn cut_off(
        &self,
        _object: &Self::Kind,
        report: Report<<Self::Kind as Managed>::Status>,
    ) -> impl Future<Output = Report<<Self::Kind as Managed>::Status>> + Send {
        std::future::ready(report)
    }

    /// What must go on although `spec.suspend` is true. `None`: nothing had to be done, and the object is reported as
    /// suspended.
    fn suspended(
        &self,
        _object: &Self::Kind,
    ) -> impl Future<Output = Option<Report<<Self::Kind as Managed>::Status>>> + Send {
        std::future::ready(None)
    }

    /// What becomes of an object that cannot be read, for this reason. `object` is what could be saved of it. `None`: it is
    /// left alone.
    fn unreadable(
        &self,
        _object: &Self::Kind,
        _error: &str,
    ) -> impl Future<Output = Option<Report<<Self::Kind as Managed>::Status>>> + Send {
        std::future::ready(None)
    }

    /// Removes what the object's spec made. The spec may be invalid; the tags in AWS are to be trusted.
    fn cleanup(&self, object: &Self::Kind) -> impl Future<Output = Cleanup<<Self::Kind as Managed>::Status>> + Send;

    /// Whether this process has cleaned up after this object, so that nothing is left to do for one that somebody else's
    /// finalizer still holds.
    fn has_released(&self, object: &Self::Kind) -> bool;

    /// Whether it is not known yet if what a cleanup would leave behind is this cluster's, so that giving up must wait.
    fn is_in_doubt(&self, _object: &Self::Kind) -> impl Future<Output = bool> + Send {
        std::future::ready(false)
    }

    /// Records where people find it that a cleanup is given up on request, and what may be left in AWS. `why` is what was in
    /// the way.
    fn abandon(&self, object: &Self::Kind, why: &Outcome) -> impl Future<Output = ()> + Send;
}
