//! Asking AWS for the listings, as far as it lets us.

use std::{
    collections::{HashMap, HashSet},
    iter,
};

use irsa_aws::{AwsError, DetailedRole, Kind, ListedRole, RoleListings, Roles};
use irsa_core::{
    inventory::{Because, Deep, Method, Shallow, largest_account},
    naming::{PolicyArn, Tags},
    vocabulary::TAG_CLUSTER,
};

/// So many roles without a binding are read by themselves at a time, where no listing shows their tags.
const STRANGERS_AT_A_TIME: usize = 20;

/// What the listings show, by role name in lower case.
#[derive(Debug)]
pub(super) struct Listing {
    /// How far it goes.
    pub(super) method: Method,
    /// What the listing under our path shows.
    pub(super) shallow: HashMap<String, Shallow>,
    /// What the listing of the account shows of roles under our path or with our cluster's mark.
    pub(super) deep: HashMap<String, Deep>,
}

impl Listing {
    /// Lists roles under `path`, and their details unless `no_details` says why not.
    ///
    /// # Errors
    /// Trouble that passes by itself. That a listing is not permitted is none.
    pub(super) async fn take(
        aws: &impl RoleListings,
        path: &str,
        cluster: &str,
        ours: usize,
        no_details: Option<Because>,
    ) -> Result<Self, AwsError> {
        let listed = match aws.roles_under(path).await {
            Ok(listed) => listed,
            Err(error) if error.kind == Kind::AccessDenied => {
                return Ok(Self {
                    method: Method::Each(Because::Denied(error.operation.to_owned())),
                    shallow: HashMap::new(),
                    deep: HashMap::new(),
                });
            }
            Err(error) => return Err(error),
        };
        let (method, deep) = match no_details {
            Some(because) => (Method::Rolling(because), HashMap::new()),
            None => Self::details(aws, path, cluster, ours).await?,
        };
        Ok(Self {
            method,
            shallow: listed.into_iter().map(shallow_of).collect(),
            deep,
        })
    }

    async fn details(
        aws: &impl RoleListings,
        path: &str,
        cluster: &str,
        ours: usize,
    ) -> Result<(Method, HashMap<String, Deep>), AwsError> {
        let keep = |at: &str, tags: &Tags| at == path || tags.get(TAG_CLUSTER).is_some_and(|mark| mark == cluster);
        match aws.detailed_roles(largest_account(ours), keep).await {
            Ok(Some(roles)) => Ok((Method::Inventory, roles.into_iter().map(deep_of).collect())),
            Ok(None) => Ok((Method::Rolling(Because::LargeAccount), HashMap::new())),
            Err(error) if error.kind == Kind::AccessDenied => {
                let because = Because::Denied(error.operation.to_owned());
                Ok((Method::Rolling(because), HashMap::new()))
            }
            Err(error) => Err(error),
        }
    }

    /// The tags of every role that they are known of, by name.
    pub(super) fn tags<'a>(&'a self, strangers: &'a HashMap<String, Tags>) -> Vec<(&'a str, &'a Tags)> {
        // In the case in which it was created, where the listing under our path has it.
        let name = |key: &'a String| {
            let shallow = self.shallow.get(key);
            shallow.and_then(|role| role.arn.rsplit('/').next()).unwrap_or(key)
        };
        let read = self
            .shallow
            .iter()
            .filter_map(|(key, shallow)| Some((name(key), strangers.get(&shallow.id)?)));
        match self.method {
            Method::Inventory => self.deep.iter().map(|(key, deep)| (name(key), &deep.tags)).collect(),
            Method::Rolling(_) | Method::Each(_) => read.collect(),
        }
    }

    /// Where no listing shows tags: those of listed roles that no binding claims, by role id, as far as `known` or read
    /// now.
    ///
    /// # Errors
    /// When one cannot be read.
    pub(super) async fn strangers(
        &self,
        aws: &impl Roles,
        claimed: &HashSet<String>,
        known: &HashMap<String, Tags>,
    ) -> Result<HashMap<String, Tags>, AwsError> {
        let mut strangers = HashMap::new();
        let mut left = STRANGERS_AT_A_TIME;
        if self.method == Method::Inventory {
            return Ok(strangers);
        }
        for (name, shallow) in self.shallow.iter().filter(|(name, _)| !claimed.contains(*name)) {
            if let Some(tags) = known.get(&shallow.id) {
                strangers.insert(shallow.id.clone(), tags.clone());
            } else if left > 0 {
                left -= 1;
                let read = match aws.role(name).await {
                    // One that may not even be read is none of ours to name.
                    Err(error) if error.kind == Kind::AccessDenied => None,
                    read => read?,
                };
                strangers.extend(read.into_iter().flat_map(|role| iter::once((role.id, role.tags))));
            }
        }
        Ok(strangers)
    }
}

fn shallow_of(role: ListedRole) -> (String, Shallow) {
    let shallow = Shallow {
        arn: role.arn,
        id: role.id,
        trust: role.trust_policy,
        description: role.description,
        max_session_seconds: role.max_session_seconds,
    };
    (key(&role.name), shallow)
}

fn deep_of(role: DetailedRole) -> (String, Deep) {
    let deep = Deep {
        id: role.id,
        tags: role.tags,
        boundary: role.permissions_boundary,
        attached: role.attached.into_iter().map(PolicyArn::observed).collect(),
        inline: role.inline,
    };
    (key(&role.name), deep)
}

/// IAM compares names without regard to case.
pub(super) fn key(name: &str) -> String {
    name.to_ascii_lowercase()
}
