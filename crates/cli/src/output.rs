//! How what a command found is shown.

use std::{
    fmt::Write as _,
    io::{IsTerminal as _, stdout},
};

use irsa_core::text::plain;
use serde::Serialize;

use crate::{
    args::Format,
    doctor::{Diagnosis, Line, LineResult, StsAnswer, Summary},
    failure::Failure,
};

/// Columns of a line of text, where it may be broken.
const WIDTH: usize = 110;

/// Something in the form that was asked for, with a line break at its end; `table` writes it for people.
///
/// # Errors
/// It cannot be written in this form, which does not happen.
pub(crate) fn render(
    shown: &impl Serialize,
    format: Format,
    table: impl FnOnce(&Paint) -> String,
) -> Result<String, Failure> {
    match format {
        Format::Json => Ok(serde_json::to_string_pretty(shown)? + "\n"),
        Format::Yaml => Ok(serde_saphyr::to_string(shown)?),
        Format::Table => {
            let colours = stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
            Ok(table(&Paint { colours }))
        }
    }
}

/// Colours, where there is a terminal.
pub(crate) struct Paint {
    colours: bool,
}

impl Paint {
    fn with(&self, code: &str, text: &str) -> String {
        if self.colours {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }

    fn mark(&self, result: LineResult) -> String {
        match result {
            LineResult::Pass => self.with("32", "✓"),
            LineResult::Fail => self.with("31", "✗"),
            LineResult::Unknown => self.with("33", "?"),
        }
    }

    /// Text that stands out.
    pub(crate) fn bold(&self, text: &str) -> String {
        self.with("1", text)
    }

    /// How much something matters: `High`, `Medium` or `Low`.
    pub(crate) fn severity(&self, severity: &str) -> String {
        let code = match severity {
            "High" => "31",
            "Medium" => "33",
            _ => "36",
        };
        self.with(code, &format!("{severity:<6}"))
    }
}

/// A diagnosis for people.
pub(crate) fn diagnosis(diagnosis: &Diagnosis, verbose: bool, paint: &Paint) -> String {
    let mut text = heading(diagnosis, paint);
    let cause = diagnosis.cause.as_ref().map(|line| line.check);
    if let Some(line) = &diagnosis.cause {
        text.push('\n');
        text.push_str(&block(line, paint));
    }
    let rest: Vec<&Line> = diagnosis
        .checks
        .iter()
        .filter(|line| Some(line.check) != cause)
        .filter(|line| {
            verbose || line.result == LineResult::Fail || (cause.is_none() && line.result == LineResult::Unknown)
        })
        .collect();
    if !rest.is_empty() {
        let title = match (verbose, cause) {
            (true, _) => "All checks, in the order in which one thing follows from another:",
            (false, Some(_)) => "Also wrong, because of that or by itself:",
            (false, None) => "Also seen:",
        };
        let _ = writeln!(text, "\n{title}");
        for line in rest {
            text.push_str(&block(line, paint));
        }
    }
    let _ = writeln!(text, "\n{}", counts(diagnosis, verbose));
    text
}

fn heading(diagnosis: &Diagnosis, paint: &Paint) -> String {
    let about = &diagnosis.about;
    let mut text = String::new();
    let mut row = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            let _ = writeln!(text, "{name:<16}{}", plain(value));
        }
    };
    let namespace = about.namespace.as_deref().unwrap_or_default();
    let qualified = |name: &str| format!("{namespace}/{name}");
    row("Pod", about.pod.as_deref().map(qualified).as_deref());
    row(
        "ServiceAccount",
        about.service_account.as_deref().map(qualified).as_deref(),
    );
    let ready = about.ready.as_deref().unwrap_or_default();
    let with_ready = |name: &str| format!("{name} ({ready})");
    let federation = about.federation.as_deref();
    match &about.binding {
        Some(binding) => {
            row("Binding", Some(&with_ready(binding)));
            row("Federation", federation);
        }
        None => row("Federation", federation.map(with_ready).as_deref()),
    }
    row("Role", about.role.as_deref());
    let sts = match &diagnosis.sts {
        StsAnswer::Accepted(arn) => format!("accepts a new token of the ServiceAccount, as {arn}"),
        StsAnswer::Refused(says) => format!("refuses a new token of the ServiceAccount: {says}"),
        StsAnswer::NotAsked(why) => format!("was not asked, or has not answered: {why}"),
    };
    row("STS", Some(&sts));
    let what = match (&about.pod, &about.service_account) {
        (Some(_), _) => "The pod",
        (None, Some(_)) => "A new pod of the ServiceAccount",
        (None, None) => return heading_of_issuer(text, diagnosis.verdict, paint),
    };
    let verdict = match diagnosis.verdict {
        Summary::Good => paint.with("32", &format!("{what} gets credentials of its role.")),
        Summary::CauseFound => paint.with(
            "31",
            &format!("{what} gets no credentials of its role. The first cause:"),
        ),
        Summary::NotProven => paint.with("33", "Nothing wrong was seen, and not everything could be."),
    };
    let _ = writeln!(text, "\n{verdict}");
    text
}

fn heading_of_issuer(mut text: String, verdict: Summary, paint: &Paint) -> String {
    let verdict = match verdict {
        Summary::Good => paint.with("32", "AWS can take the tokens of this issuer."),
        Summary::CauseFound => paint.with("31", "AWS takes no token of this issuer. The first cause:"),
        Summary::NotProven => paint.with("33", "Nothing wrong was seen, and not everything could be."),
    };
    let _ = writeln!(text, "\n{verdict}");
    text
}

fn block(line: &Line, paint: &Paint) -> String {
    let mut text = format!(
        "{} {}  ({})\n",
        paint.mark(line.result),
        paint.bold(line.title),
        line.check
    );
    text.push_str(&wrapped("  ", &line.message));
    if let Some(fix) = &line.fix {
        text.push_str(&wrapped("  → ", fix));
    }
    text
}

/// Rows under their headings, each column as wide as what is in it; nothing of anybody else's moves the cursor.
pub(crate) fn columns(headings: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let headings: Vec<String> = headings.iter().map(|heading| (*heading).to_owned()).collect();
    let rows = rows.into_iter().map(|row| row.iter().map(|cell| plain(cell)).collect());
    let rows: Vec<Vec<String>> = std::iter::once(headings).chain(rows).collect();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..rows.first().map_or(0, Vec::len)).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        let line = cells.collect::<Vec<_>>().join("  ");
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Text in lines of at most [`WIDTH`] columns where it has spaces; all but the first line are indented as far as the first.
pub(crate) fn wrapped(lead: &str, text: &str) -> String {
    let indent = " ".repeat(lead.chars().count());
    let mut lines = String::new();
    let mut line = lead.to_owned();
    let mut length = lead.chars().count();
    let start = length;
    for word in text.split(' ') {
        let size = word.chars().count();
        if length > start && length + 1 + size > WIDTH {
            lines.push_str(&line);
            lines.push('\n');
            line.clone_from(&indent);
            length = start;
        }
        if length > start {
            line.push(' ');
            length += 1;
        }
        line.push_str(word);
        length += size;
    }
    lines + &line + "\n"
}

fn counts(diagnosis: &Diagnosis, verbose: bool) -> String {
    let count = |result| diagnosis.checks.iter().filter(|line| line.result == result).count();
    let hint = if verbose { "" } else { " (-v shows all)" };
    format!(
        "{} pass, {} fail, {} could not be made{hint}",
        count(LineResult::Pass),
        count(LineResult::Fail),
        count(LineResult::Unknown)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_sentence_is_broken_at_its_spaces() {
        let text = "word ".repeat(40);
        let lines = wrapped("  → ", text.trim());
        assert_eq!(lines.lines().count(), 2);
        for line in lines.lines() {
            assert!(line.chars().count() <= WIDTH && line.starts_with("  "), "{line:?}");
        }
        let unbroken = "x".repeat(200);
        assert_eq!(wrapped("  ", &unbroken), format!("  {unbroken}\n"));
    }

    #[test]
    fn without_a_terminal_there_is_no_colour() {
        let paint = Paint { colours: false };
        assert_eq!(paint.mark(LineResult::Fail), "✗");
        assert_eq!(paint.bold("a"), "a");
        assert!(Paint { colours: true }.bold("a").starts_with('\u{1b}'));
    }
}
