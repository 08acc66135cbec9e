//! The command line.

use std::{ffi::OsString, path::PathBuf};

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use irsa_core::issuer_flags::Distribution;

use crate::failure::Failure;

/// Where `config/default` and the chart put the operator.
const OPERATOR_NAMESPACE: &str = "irsa-anywhere-system";

/// Explains what irsa-anywhere does in a cluster: why a pod has its AWS role, or has not.
///
/// What your rights in the cluster or in AWS do not reach is said to be unknown. Only bootstrap --publish and --hand-over write, in AWS.
#[derive(Debug, Parser)]
#[command(name = "kubectl-irsa", bin_name = "kubectl irsa", version)]
pub(crate) struct CliArgs {
    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(subcommand)]
    pub(crate) command: CliCommand,
}

/// Which cluster, and as whom.
#[derive(Debug, ClapArgs)]
pub(crate) struct ClusterArgs {
    /// The kubeconfig file; default: as kubectl finds it.
    #[arg(long, global = true)]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig; default: its current one.
    #[arg(long, global = true)]
    pub(crate) context: Option<String>,
    /// The namespace; default: the context's.
    #[arg(long, short, global = true)]
    pub(crate) namespace: Option<String>,
    /// The user to impersonate.
    #[arg(long = "as", global = true, value_name = "USER")]
    pub(crate) as_user: Option<String>,
    /// A group to impersonate; may be given several times, with --as.
    #[arg(long = "as-group", global = true, value_name = "GROUP")]
    pub(crate) as_groups: Vec<String>,
}

impl ClusterArgs {
    /// Whom to impersonate, and with which groups; `None`: whoever the kubeconfig says.
    ///
    /// clap's `requires` is not used: it does not see a global flag that stands on the other side of the command.
    ///
    /// # Errors
    /// Groups without a user.
    pub(crate) fn impersonated(&self) -> Result<Option<(&str, &[String])>, Failure> {
        match &self.as_user {
            Some(user) => Ok(Some((user, &self.as_groups))),
            None if self.as_groups.is_empty() => Ok(None),
            None => Err("--as-group needs --as: groups are impersonated together with a user".into()),
        }
    }
}

/// What is shown, and how.
#[derive(Debug, ClapArgs)]
pub(crate) struct OutputArgs {
    /// The form of what is shown.
    #[arg(long, short, global = true, value_enum, default_value_t = Format::Table)]
    pub(crate) output: Format,
    /// Shows every check, those that pass too.
    #[arg(long, short, global = true)]
    pub(crate) verbose: bool,
}

/// A form of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Table,
    /// For programs.
    Json,
    /// For programs, and people.
    Yaml,
}

/// A command.
#[derive(Debug, Subcommand)]
pub(crate) enum CliCommand {
    /// Says why a pod gets credentials, or does not: the first cause on top.
    ///
    /// Asks for a token of the ServiceAccount for ten minutes, has the API server review it, and shows it to STS: that makes a session of
    /// the role for 15 minutes, which is dropped at once, is in CloudTrail as irsa-anywhere-doctor, and moves the role's last-used date.
    /// --no-token asks for none.
    ///
    /// Ends with 0 where the pod asks for its role and STS accepts (of a federation: where every check passes), with 3 where a cause was found,
    /// with 4 where none was and not everything that counts could be seen.
    Doctor {
        #[command(subcommand)]
        target: DoctorTarget,
        /// Asks for no token, and STS nothing: what only a token shows is unknown then.
        #[arg(long, global = true)]
        no_token: bool,
    },
    /// Shows who in the cluster can become which role, and what tenants may ask for: what is too wide comes first.
    ///
    /// Looks at the whole cluster, and at all roles of the accounts of its federations that a ServiceAccount of the cluster gets into, whoever
    /// made them. Reads only.
    ///
    /// Ends with 0 where nothing is too wide, with 3 where something is, and with 4 where nothing was seen to be and not everything could
    /// be seen.
    Audit {
        /// Prints one page of HTML that needs nothing else.
        #[arg(long)]
        html: bool,
    },
    /// Publishes an issuer before there is a cluster, so that its API servers come up with one that AWS knows.
    ///
    /// Takes the OidcFederation that will be applied later, and the public keys that the API servers will sign with. Without --publish the
    /// documents are printed, and nothing is asked or written anywhere. --hand-over offers what was published to the operator of the cluster,
    /// once there is one.
    ///
    /// Ends with 0 where it is done, and with 3 where it is, and nobody can read the documents.
    Bootstrap {
        /// A file with the OidcFederation; -: standard input.
        #[arg(long, short)]
        filename: PathBuf,
        /// A file with a public key as PEM (sa.pub); may be given several times.
        #[arg(long = "key", value_name = "FILE", required_unless_present = "hand_over")]
        keys: Vec<PathBuf>,
        /// Writes the documents and makes the identity provider.
        #[arg(long, conflicts_with = "hand_over")]
        publish: bool,
        /// Offers what was published to the operator of the cluster.
        #[arg(long, conflicts_with = "keys")]
        hand_over: bool,
    },
    /// Writes manifests for what the cluster has already: annotated ServiceAccounts, the roles that name them, the objects of irsa-manager.
    ///
    /// A binding names a role that is there, and leaves it with whoever keeps it; with --adopt the role becomes the operator's, once an AWS
    /// administrator has handed it over by the tag that is shown. Beside each stands what the operator would do. Reads only.
    ///
    /// Ends with 0 where all that was found is in the manifests and will be taken as it is, with 3 where something is not, and with 4 where
    /// not everything could be seen.
    Import {
        /// The federation that bindings refer to; default: that of the role's account, or a new one.
        #[arg(long)]
        federation: Option<String>,
        /// Writes roles as the operator's own, with the policies that they have.
        #[arg(long)]
        adopt: bool,
    },
    /// Says what the API servers must be started with to sign as a federation's issuer, and in which order.
    ///
    /// Ends with 0 where the API server that was asked does, and with 3 where there is something to do.
    Flags {
        /// The federation.
        #[arg(default_value = "default")]
        federation: String,
        /// The distribution; default: the one that the cluster looks like, or all.
        #[arg(long, value_enum)]
        distribution: Option<DistributionName>,
    },
    /// Takes the role of a ServiceAccount as its pods would, and says who that is; or runs a command as it.
    ///
    /// The session is in CloudTrail as irsa-anywhere-whoami, and moves the role's last-used date. Nothing is written to disk. With a command
    /// it ends with what the command ends with.
    Whoami {
        /// The ServiceAccount.
        #[arg(long, short, conflicts_with = "binding", required_unless_present = "binding")]
        service_account: Option<String>,
        /// The IamRoleBinding, by its first ServiceAccount.
        #[arg(long, short)]
        binding: Option<String>,
        /// Seconds that the session lasts, from 900 up to the role's limit.
        #[arg(long, default_value_t = 3600, value_parser = clap::value_parser!(i32).range(900..=43_200))]
        duration: i32,
        /// A command to run with the session's credentials in its environment.
        #[arg(last = true)]
        command: Vec<OsString>,
    },
    /// Prints what the operator would do for a binding or a federation, by its own steps and without a write.
    ///
    /// Ends with 0 where there is nothing to do, with 2 where there is, with 3 where an object cannot have what it asks for, and with 4 where
    /// your own rights or credentials do not suffice to tell.
    Plan {
        /// The IamRoleBinding.
        #[arg(required_unless_present_any = ["filename", "federation"], conflicts_with_all = ["filename", "federation"])]
        binding: Option<String>,
        /// An OidcFederation.
        #[arg(long, conflicts_with = "filename")]
        federation: Option<String>,
        /// A file with OidcFederations and IamRoleBindings, which are planned for as if they were applied; -: standard input.
        #[arg(long, short)]
        filename: Option<PathBuf>,
        /// Shows documents and policies as they are and as they would be.
        #[arg(long)]
        diff: bool,
        /// The operator's namespace, where its record of keys is.
        #[arg(long, default_value = OPERATOR_NAMESPACE)]
        operator_namespace: String,
    },
    /// Prints the policy that the operator needs in AWS for a federation, and no more; or what a user or role has of it.
    ///
    /// With --diff it ends with 0 where that is the same as far as was asked, and with 3 where something is missing or too much.
    IamPolicy {
        /// The federation.
        #[arg(default_value = "default")]
        federation: String,
        /// The AWS account, where neither the federation nor its status names it.
        #[arg(long)]
        account: Option<String>,
        /// The ARN of a role of somebody else's that a binding is to take over; may be given several times. One that a binding has taken over
        /// already is in the policy without it.
        #[arg(long, value_name = "ROLE_ARN")]
        adopt: Vec<String>,
        /// For whom it is written.
        #[arg(long, value_enum, default_value_t = PolicyForm::Json)]
        form: PolicyForm,
        /// The ARN of the user or role that the operator is: what it lacks of the policy, and what it has beyond it, by IAM's policy simulator.
        #[arg(long, value_name = "ARN", conflicts_with = "form")]
        diff: Option<String>,
    },
    /// Prints a completion script for a shell.
    ///
    /// kubectl asks an executable kubectl_complete-irsa; this one is for the plugin called by its own name.
    Completion {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// For whom it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PolicyForm {
    /// The policy itself, for the AWS command line.
    Json,
    /// A resource `aws_iam_policy`.
    Terraform,
    /// A template with an `AWS::IAM::ManagedPolicy`.
    Cloudformation,
}

/// A way to run Kubernetes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DistributionName {
    Kubeadm,
    /// RKE2, too.
    #[value(alias = "rke2")]
    K3s,
    Talos,
    Kind,
    Minikube,
}

impl From<DistributionName> for Distribution {
    fn from(name: DistributionName) -> Self {
        match name {
            DistributionName::Kubeadm => Self::Kubeadm,
            DistributionName::K3s => Self::K3s,
            DistributionName::Talos => Self::Talos,
            DistributionName::Kind => Self::Kind,
            DistributionName::Minikube => Self::Minikube,
        }
    }
}

/// What is looked at.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum DoctorTarget {
    /// A pod, its containers included.
    #[command(visible_aliases = ["po", "pods"])]
    Pod {
        /// Its name.
        name: String,
    },
    /// A ServiceAccount: what a pod of it would get.
    #[command(visible_aliases = ["sa", "serviceaccounts"])]
    Serviceaccount {
        /// Its name.
        name: String,
    },
    /// An OidcFederation: its issuer, documents, keys and identity provider.
    #[command(visible_aliases = ["oidcfed", "oidcfederation"])]
    Federation {
        /// Its name.
        #[arg(default_value = "default")]
        name: String,
    },
    /// An IamRoleBinding, by its first ServiceAccount.
    #[command(visible_aliases = ["irb", "iamrolebinding"])]
    Binding {
        /// Its name.
        name: String,
        /// Another of its ServiceAccounts.
        #[arg(long)]
        service_account: Option<String>,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        CliArgs::command().debug_assert();
    }

    fn cluster_args(words: &[&str]) -> ClusterArgs {
        CliArgs::try_parse_from([&["kubectl-irsa"], words].concat())
            .unwrap()
            .cluster
    }

    #[test]
    fn a_group_is_impersonated_with_a_user_alone_wherever_either_stands() {
        let groups = ["ops".to_owned()];
        for words in [
            &["--as", "alice", "--as-group", "ops", "flags"][..],
            &["--as", "alice", "flags", "--as-group", "ops"],
            &["--as-group", "ops", "flags", "--as", "alice"],
            &["flags", "--as-group", "ops", "--as", "alice"],
        ] {
            let args = cluster_args(words);
            assert_eq!(args.impersonated().unwrap(), Some(("alice", &groups[..])), "{words:?}");
        }
        assert_eq!(cluster_args(&["flags"]).impersonated().unwrap(), None);
        let refused = cluster_args(&["flags", "--as-group", "ops"])
            .impersonated()
            .unwrap_err();
        assert!(refused.to_string().contains("--as-group needs --as"), "{refused}");
    }

    #[test]
    fn flags_may_stand_behind_the_command_as_with_kubectl() {
        let args = CliArgs::try_parse_from([
            "kubectl-irsa",
            "doctor",
            "pod",
            "app",
            "-n",
            "shop",
            "-o",
            "json",
            "--as",
            "alice",
        ])
        .unwrap();
        assert_eq!(args.cluster.namespace.as_deref(), Some("shop"));
        assert_eq!(args.cluster.as_user.as_deref(), Some("alice"));
        assert_eq!(args.output.output, Format::Json);
        let CliCommand::Doctor { target, no_token } = args.command else {
            panic!("{:?}", args.command)
        };
        assert!(!no_token);
        assert!(matches!(target, DoctorTarget::Pod { name } if name == "app"));
    }
}
