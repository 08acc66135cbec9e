//! The shell blocks of the pages: what they say, and what the comment before each says of it.
//!
//! A fenced block of `sh` or `console` stands behind a comment that a reader does not see:
//!
//! - `<!-- run: SCENE -->`: it is run as it is, in one of [`SCENES`] (`make pages`). With `, shows: TEXT` what it prints must have that text in it.
//! - `<!-- not run: WHY -->`: it cannot be run here.
//!
//! Any other block behind `<!-- save: FILE -->` is what the page tells people to save as that file.

use std::{fs, path::Path};

use crate::world::{Problem, repository};

/// Where blocks are run, in this order. What is `Alone` has an empty cluster of its own for each block; all others share one, which begins
/// empty, with an account that has no bucket.
pub const SCENES: [(&str, Setting); 9] = [
    ("alone", Setting::Alone),
    ("bucket", Setting::Shared),
    ("policy", Setting::Shared),
    ("install", Setting::Shared),
    ("federation", Setting::Shared),
    ("issuer", Setting::Shared),
    ("binding", Setting::Shared),
    ("ready", Setting::Shared),
    ("uninstall", Setting::Shared),
];

/// What a scene's blocks have to do with each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// Nothing.
    Alone,
    /// Each finds what those before it have left.
    Shared,
}

/// What the comment before a block says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Says {
    /// Run it.
    Run {
        /// In this scene.
        scene: String,
        /// What it must print among other things.
        shows: String,
    },
    /// It cannot be run here, for this reason.
    NotRun(String),
    /// Save it under this name.
    Save(String),
    /// Nothing that is known here.
    Nothing,
}

/// A fenced block.
#[derive(Debug, Clone)]
pub struct Block {
    /// Its page, by its path from the root.
    pub page: String,
    /// The line of its fence, from 1.
    pub line: usize,
    /// What follows the fence.
    pub language: String,
    /// Its lines, without the indentation of the fence.
    pub code: String,
    /// What the comment before it says.
    pub says: Says,
}

impl Block {
    /// Whether people would type it into a shell.
    pub fn is_shell(&self) -> bool {
        ["sh", "console", "bash", "shell"].contains(&self.language.as_str())
    }

    /// What they would type: of a transcript the lines behind a `$`.
    pub fn commands(&self) -> String {
        if self.language != "console" {
            return self.code.clone();
        }
        let typed = self.code.lines().filter_map(|line| line.strip_prefix("$ "));
        typed.flat_map(|line| [line, "\n"]).collect()
    }

    /// Page and line, for a message.
    pub fn place(&self) -> String {
        format!("{}:{}", self.page, self.line)
    }
}

/// All pages for people, by their paths from the root.
///
/// # Errors
/// When a directory cannot be read.
pub fn pages() -> Result<Vec<String>, Problem> {
    let root = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"];
    let mut pages: Vec<String> = root.map(str::to_owned).into();
    pages.extend(["charts/irsa-anywhere/README.md", "deploy/README.md"].map(str::to_owned));
    let mut left = vec!["docs".to_owned()];
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(repository().join(&directory))? {
            let entry = entry?;
            let found = format!("{directory}/{}", entry.file_name().to_string_lossy());
            if entry.file_type()?.is_dir() {
                left.push(found);
            } else if Path::new(&found).extension().is_some_and(|extension| extension == "md") {
                pages.push(found);
            }
        }
    }
    pages.sort();
    Ok(pages)
}

/// The blocks of all pages.
///
/// # Errors
/// When a page cannot be read.
pub fn all() -> Result<Vec<Block>, Problem> {
    let mut blocks = Vec::new();
    for page in pages()? {
        let text = fs::read_to_string(repository().join(&page))?;
        blocks.extend(of(&page, &text));
    }
    Ok(blocks)
}

/// The blocks of one page.
pub fn of(page: &str, text: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut before = "";
    // Of the block that is open: how far it is indented.
    let mut open: Option<usize> = None;
    for (line, text) in (1..).zip(text.lines()) {
        let trimmed = text.trim_start();
        let fence = trimmed.strip_prefix("```");
        match (open, fence) {
            (None, Some(language)) => {
                open = Some(text.len().saturating_sub(trimmed.len()));
                blocks.push(Block {
                    page: page.to_owned(),
                    line,
                    language: language.trim().to_owned(),
                    code: String::new(),
                    says: says(before),
                });
            }
            (Some(_), Some(_)) => open = None,
            (Some(indented), None) => {
                let inner = text.get(indented..).unwrap_or(trimmed);
                if let Some(block) = blocks.last_mut() {
                    block.code.push_str(inner);
                    block.code.push('\n');
                }
            }
            (None, None) => {}
        }
        if !trimmed.is_empty() {
            before = trimmed;
        }
    }
    blocks
}

fn says(line: &str) -> Says {
    let comment = line.strip_prefix("<!-- ").and_then(|rest| rest.strip_suffix(" -->"));
    let Some((verb, rest)) = comment.and_then(|comment| comment.split_once(": ")) else {
        return Says::Nothing;
    };
    let rest = rest.trim().to_owned();
    match verb {
        "run" => {
            let (scene, shows) = rest.split_once(", shows: ").unwrap_or((&rest, ""));
            Says::Run {
                scene: scene.to_owned(),
                shows: shows.to_owned(),
            }
        }
        "not run" => Says::NotRun(rest),
        "save" => Says::Save(rest),
        _ => Says::Nothing,
    }
}
