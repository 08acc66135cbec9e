#!/usr/bin/env bash
# clap_complete for bash: of a program with a hyphen in its name nothing behind a subcommand is completed.
#
# Every plugin of kubectl has such a name. The script looks for the subcommand's words under one label and has them under another: where it finds
# out which subcommand it is, the hyphen of the program's name became two underscores, and in the labels of the words it became what stands
# between a command and its subcommand. Subcommands themselves are offered, their options and their own subcommands never. The same program with
# an underscore in its name is completed; zsh's and fish's scripts are not concerned.
#
# Needs cargo and bash. Exit 0: behaves as described. Exit 1: it does not any more, and says what it saw.
set -euo pipefail
clap=4.6.9
clap_complete=4.6.12

directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
mkdir src
cat > Cargo.toml <<TOML
[package]
name = "finding"
version = "0.0.0"
edition = "2024"

[dependencies]
clap = "=$clap"
clap_complete = "=$clap_complete"

[workspace]
TOML
cat > src/main.rs <<'RUST'
use clap::{Arg, ArgAction, Command};

fn main() {
    let name: &'static str = Box::leak(std::env::args().nth(1).unwrap().into_boxed_str());
    let all = Arg::new("all").long("all").action(ArgAction::SetTrue);
    let mut command = Command::new(name).subcommand(Command::new("get").arg(all));
    clap_complete::generate(clap_complete::Shell::Bash, &mut command, name, &mut std::io::stdout());
}
RUST
CARGO_TARGET_DIR=$directory/target cargo build --quiet

# What bash offers for the last of these words.
offered() {
  local name=$1 function=_${1//-/__}
  shift
  bash -c "$(target/debug/finding "$name")"'
    function=$1 name=$2
    shift 2
    COMP_WORDS=("$name" "$@") COMP_CWORD=$#
    before=("$name" "$@")
    "$function" "$name" "${COMP_WORDS[COMP_CWORD]}" "${before[COMP_CWORD - 1]}"
    echo "${COMPREPLY[*]}"' bash "$function" "$name" "$@"
}
seen=$(
  for name in kubectl_example kubectl-example; do
    echo "$name g: $(offered "$name" g)"
    echo "$name get --a: $(offered "$name" get --a)"
  done
)
expected='kubectl_example g: get
kubectl_example get --a: --all
kubectl-example g: get
kubectl-example get --a: '
echo "clap $clap, clap_complete $clap_complete, bash ${BASH_VERSION%%(*}"
echo "$seen"
if [ "$seen" != "$expected" ]; then
  echo "not as described any more" >&2
  exit 1
fi
