//! The limiters of all accounts.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{
    admission::{Limiter, Load},
    rate::Rate,
};
use crate::attempts::Operation;

/// The limiters of one account, one for each service.
///
/// Each service throttles by limits of its own: what STS or S3 refuses says nothing about IAM. Of IAM it is not published
/// whether each action has a limit of its own, or reads and writes have; one rate for all of it is the careful reading
/// (docs/decisions/0016-the-pace-is-found.md).
#[derive(Debug)]
pub struct AccountLimiters {
    iam: Limiter,
    s3: Limiter,
    sts: Limiter,
}

impl AccountLimiters {
    fn new(most: Rate) -> Self {
        // The standard library seeds each `RandomState` anew.
        let limiter = || Limiter::with_seed(most, RandomState::new().hash_one(0_u8));
        Self {
            iam: limiter(),
            s3: limiter(),
            sts: limiter(),
        }
    }

    /// The one that attempts of this operation pass.
    pub fn of(&self, operation: Operation) -> &Limiter {
        match operation.service() {
            "s3" => &self.s3,
            "sts" => &self.sts,
            _ => &self.iam,
        }
    }

    fn all(&self) -> [&Limiter; 3] {
        [&self.iam, &self.s3, &self.sts]
    }
}

/// The limiters of all accounts. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Limiters {
    most: Rate,
    by_account: Arc<Mutex<HashMap<String, Arc<AccountLimiters>>>>,
}

impl Limiters {
    /// None yet; each account gets limiters that let through at most so much for each service.
    pub fn new(most: Rate) -> Self {
        Self {
            most,
            by_account: Arc::default(),
        }
    }

    /// The limiters of an account.
    pub fn of(&self, account: &str) -> Arc<AccountLimiters> {
        let mut limiters = self.by_account();
        let limiter = limiters
            .entry(account.to_owned())
            .or_insert_with(|| Arc::new(AccountLimiters::new(self.most)));
        Arc::clone(limiter)
    }

    /// What AWS was found to bear as a share of the most that we would call, where that is least; 1 when it throttles nowhere.
    pub fn slowest_share(&self) -> f64 {
        let limiters = self.by_account();
        let shares = limiters.values().flat_map(|account| account.all().map(Limiter::share));
        shares.fold(1.0, f64::min)
    }

    /// The load of the limiter for which most attempts wait, of several that with most under way; and what is under way at all.
    ///
    /// It is for whoever decides how much work to begin. While `waiting` is more than a few, more work at a time only makes the
    /// queue longer; while it is zero, the pace holds nothing up. Cheap: it costs a lock for each account.
    pub fn load(&self) -> Load {
        let limiters = self.by_account();
        let loads = || limiters.values().flat_map(|account| account.all().map(Limiter::load));
        let busiest = loads()
            .max_by_key(|load| (load.waiting, load.under_way))
            .unwrap_or_default();
        Load {
            under_way: loads().map(|load| load.under_way).sum(),
            ..busiest
        }
    }

    fn by_account(&self) -> MutexGuard<'_, HashMap<String, Arc<AccountLimiters>>> {
        self.by_account.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
