//! What this process remembers of objects between passes: one record for each, in one map, behind one lock.
//!
//! All of it is a convenience. Losing it costs a read, a line in the log or a less exact event, never a wrong write. Each
//! controller has records of its own: the driver's is what both kinds have in common.

mod applied;
mod backoff;
mod last_report;
mod last_status;
mod last_success;
mod locked;
mod object_record;
mod per_object;
pub(crate) mod propagation;
mod rate_limit;
mod spare_room;

#[cfg(test)]
pub(crate) use self::last_report::LastReport;
pub(crate) use self::{
    applied::Applied, locked::Locked, object_record::ObjectRecord, per_object::PerObject, propagation::Propagation,
    spare_room::SpareRoom,
};
