//! Circles among files: sets in which each file leads to every other.

use std::{
    collections::{BTreeSet, VecDeque},
    fmt::Write,
};

use super::{
    arrows::{Arrows, Places, arrows},
    names::Names,
    source::{FileId, Source},
};

/// A crate's files and what leads from one to another.
pub(crate) struct Graph {
    files: Vec<String>,
    arrows: Arrows,
}

impl Graph {
    pub(crate) fn of(source: Source) -> Self {
        let names = Names::of(source);
        let arrows = arrows(&names);
        Self {
            files: names.source.files,
            arrows,
        }
    }

    /// The circles, the largest first.
    pub(crate) fn circles(&self) -> Vec<BTreeSet<FileId>> {
        let reached: Vec<BTreeSet<FileId>> = (0..self.files.len()).map(|file| self.reached_from(file)).collect();
        let mut found: Vec<BTreeSet<FileId>> = Vec::new();
        for file in 0..self.files.len() {
            if !reached[file].contains(&file) || found.iter().any(|circle| circle.contains(&file)) {
                continue;
            }
            let circle = reached[file].iter().filter(|other| reached[**other].contains(&file));
            found.push(circle.copied().collect());
        }
        found.sort_by_key(|circle| std::cmp::Reverse(circle.len()));
        found
    }

    fn reached_from(&self, file: FileId) -> BTreeSet<FileId> {
        let mut reached = BTreeSet::new();
        let mut left = vec![file];
        while let Some(from) = left.pop() {
            let next = self.arrows.range((from, 0)..=(from, FileId::MAX));
            left.extend(next.map(|((_, to), _)| *to).filter(|to| reached.insert(*to)));
        }
        reached
    }

    /// The shortest way round within a circle, as files in order.
    fn shortest(&self, circle: &BTreeSet<FileId>) -> Vec<FileId> {
        let mut best: Vec<FileId> = Vec::new();
        for start in circle {
            let mut ways = VecDeque::from([vec![*start]]);
            let mut seen = BTreeSet::new();
            while let Some(way) = ways.pop_front() {
                let end = way[way.len() - 1];
                let next = self.arrows.range((end, 0)..=(end, FileId::MAX)).map(|((_, to), _)| *to);
                for to in next.filter(|to| circle.contains(to)) {
                    if to == *start && (best.is_empty() || way.len() < best.len()) {
                        best.clone_from(&way);
                    }
                    if seen.insert(to) {
                        ways.push_back(way.iter().copied().chain([to]).collect());
                    }
                }
            }
        }
        best
    }

    /// A circle for the one who is to open it: its files, the shortest way round, each arrow with the lines that make it.
    pub(crate) fn report(&self, circle: &BTreeSet<FileId>) -> String {
        let mut text = format!("circle of {} files, the shortest way round it:\n", circle.len());
        let way = self.shortest(circle);
        for (from, to) in way.iter().zip(way.iter().cycle().skip(1)) {
            self.arrow(&mut text, *from, *to);
        }
        text += "all its arrows:\n";
        for (from, to) in self.arrows.keys() {
            if circle.contains(from) && circle.contains(to) {
                self.arrow(&mut text, *from, *to);
            }
        }
        text
    }

    /// Every arrow of the crate.
    pub(crate) fn all(&self) -> String {
        let mut text = String::new();
        for (from, to) in self.arrows.keys() {
            self.arrow(&mut text, *from, *to);
        }
        text
    }

    fn arrow(&self, text: &mut String, from: FileId, to: FileId) {
        const SHOWN: usize = 4;
        let nothing = Places::new();
        let places = self.arrows.get(&(from, to)).unwrap_or(&nothing);
        let _ = write!(text, "  {} -> {}:", self.files[from], self.files[to]);
        for (line, what) in places.iter().take(SHOWN) {
            let _ = write!(text, " {line} `{what}`");
        }
        let more = places.len().saturating_sub(SHOWN);
        let _ = if more == 0 {
            writeln!(text)
        } else {
            writeln!(text, " and {more} more")
        };
    }

    /// Every arrow: from which file, to which, and the lines that make it.
    pub(crate) fn named_arrows(&self) -> impl Iterator<Item = (&str, &str, String)> {
        self.arrows.iter().map(|((from, to), places)| {
            let lines: Vec<String> = places.iter().map(|(line, what)| format!("{line} `{what}`")).collect();
            (self.files[*from].as_str(), self.files[*to].as_str(), lines.join(", "))
        })
    }

    /// The names of a circle's files.
    pub(crate) fn named(&self, circle: &BTreeSet<FileId>) -> Vec<&str> {
        circle.iter().map(|file| self.files[*file].as_str()).collect()
    }
}
