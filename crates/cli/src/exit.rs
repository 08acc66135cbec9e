//! Ends of a command, for scripts; 2 is clap's own, for a command line that is none.

/// All is as it must be.
pub(crate) const GOOD: u8 = 0;
/// The command could not do what it was asked for.
pub(crate) const FAILED: u8 = 1;
/// `plan`: there is something to do. A command line that is none ends with the same, and says so.
pub(crate) const CHANGES: u8 = 2;
/// Something is wrong, and has a name.
pub(crate) const CAUSE_FOUND: u8 = 3;
/// Nothing wrong was seen, and not everything could be.
pub(crate) const NOT_PROVEN: u8 = 4;
