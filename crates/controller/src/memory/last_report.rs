//! The trouble that an object was last said to be in, so that each is told once.

/// The trouble that was told last; `None`: there is none.
#[derive(Debug, Default)]
pub(crate) struct LastReport(Option<&'static str>);

impl LastReport {
    /// The object is in this trouble now. Whether that is another than before.
    pub(crate) fn turns(&mut self, trouble: Option<&'static str>) -> bool {
        std::mem::replace(&mut self.0, trouble) != trouble
    }
}
