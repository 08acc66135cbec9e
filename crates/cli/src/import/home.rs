//! Which federation stands for the roles of an account.

use std::{collections::BTreeSet, env};

use irsa_api::OidcFederation;
use irsa_aws::{CallerIdentity as _, Connect as _, Connection};
use irsa_core::{
    import::region_of_issuer,
    issuer::IssuerUrl,
    naming::{account_of, partition_of, partition_of_region},
};
use irsa_pipeline::spec::federation_view::connection;
use kube::ResourceExt;

use super::{found::Found, options::ImportOptions};
use crate::{aws, doctor, failure::Failure, plan::Live};

/// A federation, there or to be made, and its account.
#[derive(Debug)]
pub(super) struct Home {
    /// Twelve digits.
    pub(super) account: String,
    /// The federation's name.
    pub(super) name: String,
    /// Whether the federation is there.
    pub(super) is_there: bool,
    /// The federation, where it is there and can be read.
    pub(super) existing: Option<OidcFederation>,
    /// What its provider stands for, where it is one that AWS takes.
    pub(super) issuer: Option<IssuerUrl>,
    pub(super) region: String,
    pub(super) partition: String,
}

impl Home {
    /// The ARN of the federation's provider.
    pub(super) fn provider_arn(&self) -> Option<String> {
        let issuer = self.issuer.as_ref()?;
        match &self.existing {
            Some(federation) => doctor::provider_arn(federation, issuer, None),
            None => Some(issuer.provider_arn(&self.partition, &self.account)),
        }
    }

    /// How whoever asks reaches the account.
    pub(super) fn connection(&self) -> Connection {
        Connection {
            region: self.region.clone(),
            account_id: Some(self.account.clone()),
            // The role that the operator takes is not the role of whoever asks.
            assume_role: None,
        }
    }

    fn of(federation: &OidcFederation, account: String) -> Self {
        let region = connection(federation).region;
        Self {
            account,
            name: federation.name_any(),
            issuer: IssuerUrl::parse(&federation.spec.issuer).ok(),
            partition: partition_of_region(&region).to_owned(),
            region,
            is_there: true,
            existing: Some(federation.clone()),
        }
    }
}

/// One for each account that a role or a federation is in; where nothing names one, for the account of whoever asks.
///
/// # Errors
/// The federation that is named is not there.
pub(super) async fn homes(
    live: Option<&Live>,
    found: &mut Found,
    options: &ImportOptions,
) -> Result<Vec<Home>, Failure> {
    let roles = found.input.annotated.iter().map(|one| one.role.clone());
    let roles: BTreeSet<String> = roles.collect();
    let of_roles = roles.iter().filter_map(|role| account_of(role)).map(str::to_owned);
    if let Some(name) = &options.federation {
        let federation = live.map(|live| live.federation(name)).transpose()?;
        let account = federation.as_ref().and_then(doctor::account);
        // Whoever may annotate a ServiceAccount names any account there, so those of roles come last.
        let account = match account {
            Some(account) => Some(account),
            None => own_account(found).await.or_else(|| of_roles.clone().next()),
        };
        let Some(account) = account else {
            return Ok(Vec::new());
        };
        return Ok(vec![match &federation {
            Some(federation) => Home::of(federation, account),
            None => Home {
                is_there: true,
                ..new(found, account, name.clone(), &roles)
            },
        }]);
    }
    let federations = live.map(|live| live.federations.as_slice()).unwrap_or_default();
    let all: BTreeSet<String> = of_roles.chain(federations.iter().filter_map(doctor::account)).collect();
    let mut accounts: Vec<String> = all.into_iter().collect();
    let own = if accounts.len() == 1 {
        None
    } else {
        own_account(found).await
    };
    if let Some(own) = own.filter(|own| accounts.is_empty() || accounts.contains(own)) {
        // The first has the name that bindings have by default.
        accounts.retain(|account| *account != own);
        accounts.insert(0, own);
    }
    let mut names: BTreeSet<String> = federations.iter().map(ResourceExt::name_any).collect();
    let mut homes = Vec::new();
    for account in accounts {
        let home = if let Some(federation) = there(federations, found, &account) {
            Home::of(federation, account)
        } else {
            let name = free_name(&names, &account);
            names.insert(name.clone());
            new(found, account, name, &roles)
        };
        homes.push(home);
    }
    Ok(homes)
}

/// The federation of an account: the one of the API server's issuer rather than another.
fn there<'a>(federations: &'a [OidcFederation], found: &Found, account: &str) -> Option<&'a OidcFederation> {
    let is_current = |federation: &&OidcFederation| Some(&federation.spec.issuer) == found.issuer.as_ref();
    // Of one that no pass has succeeded for nobody knows the account: a second one for its issuer would be refused.
    let may_be = |federation: &&OidcFederation| doctor::account(federation).is_none_or(|of| of == account);
    let is_of = |federation: &&OidcFederation| doctor::account(federation).as_deref() == Some(account);
    let mut current = federations.iter().filter(is_current);
    let of_account = current.clone().find(is_of).or_else(|| current.find(may_be));
    of_account.or_else(|| federations.iter().find(is_of))
}

fn free_name(taken: &BTreeSet<String>, account: &str) -> String {
    let wished = ["default".to_owned(), format!("account-{account}")].into_iter();
    let free = wished.into_iter().find(|name| !taken.contains(name));
    free.unwrap_or_else(|| format!("imported-{account}"))
}

fn new(found: &Found, account: String, name: String, roles: &BTreeSet<String>) -> Home {
    let mut of_account = roles.iter().filter(|role| account_of(role) == Some(&account));
    let partition = of_account.next().and_then(|role| partition_of(role));
    let region = region(found, partition);
    Home {
        partition: partition.unwrap_or(partition_of_region(&region)).to_owned(),
        account,
        name,
        is_there: false,
        existing: None,
        issuer: found.issuer.as_deref().and_then(|issuer| IssuerUrl::parse(issuer).ok()),
        region,
    }
}

/// What the issuer says, or the environment, or else a region that every account of the partition has.
fn region(found: &Found, partition: Option<&str>) -> String {
    let named = ["AWS_REGION", "AWS_DEFAULT_REGION"]
        .into_iter()
        .find_map(|name| env::var(name).ok());
    let of_issuer = found.issuer.as_deref().and_then(region_of_issuer).map(str::to_owned);
    let fits = |region: &String| !region.is_empty() && partition.is_none_or(|one| one == partition_of_region(region));
    of_issuer.filter(fits).or(named.filter(fits)).unwrap_or_else(|| {
        match partition {
            Some("aws-cn") => "cn-north-1",
            Some("aws-us-gov") => "us-gov-west-1",
            _ => "us-east-1",
        }
        .to_owned()
    })
}

async fn own_account(found: &mut Found) -> Option<String> {
    let reach = Connection {
        region: region(found, None),
        account_id: None,
        assume_role: None,
    };
    let connect = aws::connect().ok()?;
    match connect.connect(&reach).await {
        Ok(aws) => Some(aws.caller().account.clone()),
        Err(error) => {
            found.unseen_account("of your credentials", &error);
            None
        }
    }
}
