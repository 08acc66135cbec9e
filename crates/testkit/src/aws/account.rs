//! One AWS account of a double, to seed and inspect.

use super::{s3::BucketOptions, world::World};

/// One account of a double. Seeding goes past authentication and policies, not past the services' own rules.
#[derive(Debug, Clone)]
pub struct Account<'a> {
    pub(crate) world: &'a World,
    pub(crate) id: String,
}

impl Account<'_> {
    /// Twelve digits.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Makes a bucket of this account, or replaces the one of that name.
    pub fn create_bucket(&self, name: &str, options: BucketOptions) {
        let now = self.world.clock.now();
        self.world.lock().s3.create_bucket(&self.id, name, now, options);
    }
}
