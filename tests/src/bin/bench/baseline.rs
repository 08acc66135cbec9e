//! The memory figures of the last tagged run, which are kept in the repository, and those of this one.

use std::{collections::BTreeMap, fs, path::Path};

use irsa_tests::world::Problem;
use serde::{Deserialize, Serialize};

const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/bench/baseline.json");
const WRITTEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/bench.json");

/// Resident megabytes of one number of bindings, by phase.
pub(crate) type Phases = BTreeMap<String, f64>;

/// A run.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Baseline {
    /// What was measured, and on which machine.
    run: String,
    megabytes: BTreeMap<usize, Phases>,
}

impl Baseline {
    /// The last tagged run.
    pub(crate) fn kept() -> Result<Self, Problem> {
        Ok(serde_json::from_str(&fs::read_to_string(KEPT)?)?)
    }

    /// A run that has just begun.
    pub(crate) fn of_now() -> Self {
        Self {
            run: "copy this file to tests/bench/baseline.json with a tag, and say here which, and on which machine"
                .to_owned(),
            ..Self::default()
        }
    }

    pub(crate) fn note(&mut self, size: usize, phases: Phases) {
        self.megabytes.insert(size, phases);
    }

    /// Each figure of `now` beside its target and beside the kept one.
    pub(crate) fn print_beside(&self, now: &Self, target: impl Fn(usize, &str) -> Option<f64>) {
        println!("\nMemory, beside {}:\n", self.run);
        println!("| bindings | phase | memory | target | before |");
        println!("|---|---|---|---|---|");
        let shown = |figure: Option<f64>| figure.map_or_else(String::new, |figure| format!("{figure:.1} MB"));
        for (size, phases) in &now.megabytes {
            for (phase, memory) in phases {
                let before = self.megabytes.get(size).and_then(|phases| phases.get(phase));
                let (target, before) = (shown(target(*size, phase)), shown(before.copied()));
                println!("| {size} | {phase} | {memory:.1} MB | {target} | {before} |");
            }
        }
    }

    /// Keeps the run where cargo keeps what it makes.
    pub(crate) fn write(&self) -> Result<(), Problem> {
        if Path::new(WRITTEN).parent().is_some_and(Path::is_dir) {
            fs::write(WRITTEN, serde_json::to_string_pretty(self)? + "\n")?;
        }
        Ok(())
    }
}
