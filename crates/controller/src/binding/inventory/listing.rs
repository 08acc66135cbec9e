//! Asking AWS for the listings, as far as it lets us.

use std::{
    collections::{HashMap, HashSet},
    iter,
};

use irsa_aws::{AwsError, DetailedRole, Kind, ListedRole, RoleListings, Roles};
use irsa_core::{
    inventory::{Because, Deep, Method, PackedDeep, PackedShallow, RolePacker, Shallow, largest_account},
    naming::{Owner, PolicyArn, Tags},
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
    pub(super) shallow: HashMap<String, PackedShallow>,
    /// What the listing of the account shows of roles under our path or with our cluster's mark.
    pub(super) deep: HashMap<String, PackedDeep>,
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
        let (mut packer, mut shallow) = (RolePacker::default(), HashMap::new());
        let visit = |role: ListedRole| {
            let (key, role) = shallow_of(role);
            shallow.insert(key, packer.shallow(&role));
        };
        match aws.roles_under(path, visit).await {
            Ok(()) => {}
            Err(error) if error.kind == Kind::AccessDenied => {
                return Ok(Self {
                    method: Method::Each(Because::Denied(error.operation.to_owned())),
                    shallow: HashMap::new(),
                    deep: HashMap::new(),
                });
            }
            Err(error) => return Err(error),
        }
        let (method, deep) = match no_details {
            Some(because) => (Method::Rolling(because), HashMap::new()),
            None => Self::details(aws, path, cluster, ours, &mut packer).await?,
        };
        Ok(Self { method, shallow, deep })
    }

    async fn details(
        aws: &impl RoleListings,
        path: &str,
        cluster: &str,
        ours: usize,
        packer: &mut RolePacker,
    ) -> Result<(Method, HashMap<String, PackedDeep>), AwsError> {
        let keep = |at: &str, tags: &Tags| at == path || tags.get(TAG_CLUSTER).is_some_and(|mark| mark == cluster);
        let mut deep = HashMap::new();
        let visit = |role: DetailedRole| {
            let (key, role) = deep_of(role);
            deep.insert(key, packer.deep(&role));
        };
        match aws.detailed_roles(largest_account(ours), keep, visit).await {
            Ok(true) => Ok((Method::Inventory, deep)),
            Ok(false) => Ok((Method::Rolling(Because::LargeAccount), HashMap::new())),
            Err(error) if error.kind == Kind::AccessDenied => {
                let because = Because::Denied(error.operation.to_owned());
                Ok((Method::Rolling(because), HashMap::new()))
            }
            Err(error) => Err(error),
        }
    }

    /// Whose each role says that it is, by name, where its tags are known and say so.
    pub(super) fn owners<'a>(
        &'a self,
        strangers: &'a HashMap<String, Tags>,
    ) -> Box<dyn Iterator<Item = (String, Owner)> + 'a> {
        // In the case in which it was created, where the listing under our path has it.
        let name = |key: &String| self.shallow.get(key).map_or_else(|| key.clone(), PackedShallow::name);
        let read = self.shallow.values().filter_map(|shallow| {
            let owner = Owner::named_by(strangers.get(shallow.id())?)?;
            Some((shallow.name(), owner))
        });
        match self.method {
            Method::Inventory => Box::new(
                self.deep
                    .iter()
                    .filter_map(move |(key, deep)| Some((name(key), Owner::named_by(&deep.tags())?))),
            ),
            Method::Rolling(_) | Method::Each(_) => Box::new(read),
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
            if let Some(tags) = known.get(shallow.id()) {
                strangers.insert(shallow.id().to_owned(), tags.clone());
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
