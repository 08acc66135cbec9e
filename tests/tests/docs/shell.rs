//! Commands of the pages: each block says whether it is run, and the targets that pages name exist.

use std::collections::BTreeSet;

use irsa_tests::shell_blocks::{self, SCENES, Says};

use super::pages::{outside_of_code, pages, read};

#[test]
fn every_shell_block_is_run_or_says_why_not() {
    let mut run = 0;
    let mut problems = Vec::new();
    for block in shell_blocks::all().unwrap() {
        let known = |scene: &str| SCENES.iter().any(|(name, _)| *name == scene);
        match &block.says {
            Says::Run { scene, .. } if block.is_shell() && known(scene) => run += 1,
            Says::NotRun(why) if block.is_shell() && why.len() > 8 => {}
            Says::Save(_) | Says::Nothing if !block.is_shell() => {}
            other => problems.push(format!("{}: ```{} behind {other:?}", block.place(), block.language)),
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(run >= 25, "{run} blocks are run");
}

#[test]
fn blocks_are_found_with_what_is_said_of_them() {
    let page = "text\n<!-- run: ready, shows: x: y -->\n```sh\na\n```\n\n1. item\n\n   <!-- not run: needs a node -->\n\n   ```console\n   $ b\n   out\n   $ c\n   ```\n```yaml\nd: e\n```\n";
    let blocks = shell_blocks::of("page.md", page);
    let [first, second, third] = blocks.as_slice() else {
        panic!("{blocks:?}")
    };
    assert_eq!((first.line, first.commands().as_str()), (3, "a\n"));
    let [scene, shows] = ["ready", "x: y"].map(str::to_owned);
    assert_eq!(first.says, Says::Run { scene, shows });
    assert_eq!(second.says, Says::NotRun("needs a node".to_owned()));
    assert_eq!(second.commands(), "b\nc\n");
    assert_eq!((&third.says, third.is_shell()), (&Says::Nothing, false));
}

#[test]
fn every_target_that_a_page_names_is_one() {
    let makefile = read("Makefile");
    let targets: BTreeSet<&str> = makefile
        .lines()
        .filter_map(|line| {
            let (target, rest) = line.split_once(':')?;
            let is_rule = rest.starts_with(' ') || rest.is_empty();
            (is_rule && !target.contains([' ', '\t', '='])).then_some(target)
        })
        .collect();
    assert!(targets.len() > 30, "{targets:?}");
    let mut named = 0;
    let mut call = |place: &str, code: &str| {
        let Some(call) = code.strip_prefix("make ") else { return };
        let target = call.split([' ', ',', ';']).next().unwrap_or_default();
        named += 1;
        assert!(targets.contains(target), "{place}: there is no target {target:?}");
    };
    for page in pages() {
        let text: String = outside_of_code(&read(&page)).flat_map(|line| [line, "\n"]).collect();
        text.split('`').skip(1).step_by(2).for_each(|code| call(&page, code));
    }
    for block in shell_blocks::all().unwrap() {
        block.commands().lines().for_each(|line| call(&block.place(), line));
    }
    assert!(named > 40, "{named} targets were named");
}
