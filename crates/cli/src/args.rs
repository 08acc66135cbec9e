//! The command line.

use std::{ffi::OsString, path::PathBuf};

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use irsa_core::issuer_flags::Distribution;

use crate::failure::Failure;

/// Explains what irsa-anywhere does in a cluster: why a pod has its AWS role, or has not.
///
/// What your rights in the cluster or in AWS do not reach is said to be unknown. No object is written, in neither.
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
    /// Prints what the operator would do for a binding, by its own steps and without a write.
    ///
    /// Ends with 0 where there is nothing to do, with 2 where there is, and with 3 where a binding cannot have what it asks for.
    Plan {
        /// The IamRoleBinding.
        #[arg(required_unless_present = "filename", conflicts_with = "filename")]
        binding: Option<String>,
        /// A file with IamRoleBindings, which are planned for as if they were applied.
        #[arg(long, short)]
        filename: Option<PathBuf>,
        /// Shows policy documents as they are and as they would be.
        #[arg(long)]
        diff: bool,
    },
    /// Prints the policy that the operator needs in AWS for a federation, and no more.
    IamPolicy {
        /// The federation.
        #[arg(default_value = "default")]
        federation: String,
        /// The AWS account, where neither the federation nor its status names it.
        #[arg(long)]
        account: Option<String>,
        /// For whom it is written.
        #[arg(long, value_enum, default_value_t = PolicyForm::Json)]
        form: PolicyForm,
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
