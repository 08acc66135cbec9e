//! `completion`: scripts for shells.

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::args::CliArgs;

/// The plugin's own name.
const NAME: &str = "kubectl-irsa";
/// The same for bash: in the scripts of clap_complete 4.6.12 no subcommand of a program with a hyphen in its name is found.
const NAME_IN_BASH: &str = "kubectl_irsa";

/// The script of a shell.
pub(crate) fn script(shell: Shell) -> String {
    let name = if shell == Shell::Bash { NAME_IN_BASH } else { NAME };
    // Not by the name that help shows, which has a space in it.
    let mut command = CliArgs::command().name(name).bin_name(name);
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    // Only whose words are completed is said by the real name.
    script.replace(&format!(" {NAME_IN_BASH}\n"), &format!(" {NAME}\n"))
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    #[test]
    fn each_shell_has_a_script_for_the_plugin_by_its_own_name() {
        for shell in Shell::value_variants() {
            let script = script(*shell);
            assert!(script.contains(NAME) && script.contains("whoami"), "{shell}");
        }
        assert!(script(Shell::Bash).ends_with(" kubectl-irsa\nfi\n"));
    }
}
