//! Ends of a command, for scripts.

/// All is as it must be.
pub(crate) const GOOD: u8 = 0;
/// The command could not do what it was asked for, or its command line is none.
pub(crate) const FAILED: u8 = 1;
/// `plan`: there is something to do.
pub(crate) const CHANGES: u8 = 2;
/// Something is wrong, and has a name.
pub(crate) const CAUSE_FOUND: u8 = 3;
/// Nothing wrong was seen, and not everything could be.
pub(crate) const NOT_PROVEN: u8 = 4;
