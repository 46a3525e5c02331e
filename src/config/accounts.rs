//! Accounts files: the accounts of a target as comma-separated values, such as an export from a
//! spreadsheet or from AWS Organizations.

use std::collections::HashMap;

use super::invalidation::{DISTRIBUTION_HELP, distribution_problem};
use super::places::region_problem;
use super::{Document, Listed, Target, near};
use crate::aws::names::account_id_problem;
use crate::diagnostic::{Diagnostic, Source, Span};
use crate::escape;

const COLUMNS: [&str; 4] = ["account", "region", "distribution", "name"];

/// A field: its text without quotes, and its position.
struct Field {
    text: String,
    span: Span,
}

impl Document {
    /// Returns the accounts files to read: the index of the target and the path in the
    /// configuration.
    pub(crate) fn accounts_files(&self) -> Vec<(usize, String)> {
        let targets = self.config.targets.iter().enumerate();
        targets
            .filter_map(|(number, target)| Some((number, target.accounts_file.clone()?)))
            .collect()
    }

    /// Adds the accounts of an accounts file.
    ///
    /// # Errors
    /// Returns an error if the file is invalid. The error contains all problems, in the order of
    /// the file. Their positions refer to `file`.
    pub(crate) fn take_accounts(
        &mut self,
        target: usize,
        file: &Source,
    ) -> Result<(), Vec<Diagnostic>> {
        let mut lines = lines(file.text())
            .map_err(|problem| vec![problem])?
            .into_iter();
        let header = lines.next().unwrap_or_default();
        let columns = columns(&header)?;
        let Some(settings) = self.config.targets.get(target) else {
            return Ok(());
        };
        let given = settings.region.is_some() || settings.regions.is_some();
        if let Some(at) = columns.region.filter(|_| given) {
            let problem = Diagnostic::new(
                header[at].span,
                format!(
                    "target `{}` already has regions in the configuration",
                    settings.name
                ),
            );
            return Err(vec![problem.help(
                "remove this column, or remove `region` and `regions` from the target",
            )]);
        }
        if let Some(problem) = distributions_problem(settings, &header, &columns) {
            return Err(vec![problem]);
        }
        let mut problems = Vec::new();
        let mut listed = Vec::new();
        let mut seen: HashMap<(String, Option<String>), usize> = HashMap::new();
        for line in lines {
            match self.line(&settings.name, &line, &columns, header.len()) {
                Ok(found) => {
                    let span = line[columns.account].span;
                    let key = (found.account.clone(), found.region.clone());
                    let here = file.position(span.start).line;
                    if let Some(first) = seen.insert(key, here) {
                        let place = found.region.as_deref().unwrap_or_default();
                        let entry = format!("{} {place}", found.account);
                        let entry = entry.trim_end();
                        let message =
                            format!("duplicate entry `{entry}`, first listed on line {first}");
                        problems
                            .push(Diagnostic::new(span, message).help("remove one of the lines"));
                    }
                    listed.push(found);
                }
                Err(found) => problems.extend(found),
            }
        }
        if listed.is_empty() && problems.is_empty() {
            let span = header.first().map_or(Span::default(), |field| field.span);
            problems.push(
                Diagnostic::new(span, "the file lists no accounts")
                    .help("add a line for each account after the first line"),
            );
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        self.config.targets[target].listed = listed;
        Ok(())
    }

    fn line(
        &self,
        target: &str,
        line: &[Field],
        columns: &Columns,
        count: usize,
    ) -> Result<Listed, Vec<Diagnostic>> {
        if line.len() != count {
            let span = line.last().map_or(Span::default(), |field| field.span);
            let message = format!(
                "wrong number of fields: expected {count}, found {}",
                line.len()
            );
            return Err(vec![
                Diagnostic::new(span, message).help("write one field for each column"),
            ]);
        }
        let mut problems = Vec::new();
        let account = &line[columns.account];
        if let Some(message) = account_id_problem(&account.text) {
            let help = if account.text.len() < 12 {
                "write all 12 digits: spreadsheets often drop leading zeros"
            } else {
                "write the 12 digits of the account ID"
            };
            problems.push(Diagnostic::new(account.span, message).help(help));
        }
        let region = columns.region.map(|at| &line[at]);
        if let Some(region) = region
            && let Some((message, help)) = region_problem(&self.config, target, &region.text)
        {
            problems.push(Diagnostic::new(region.span, message).help(help));
        }
        let distribution = columns.distribution.map(|at| &line[at]);
        if let Some(distribution) = distribution
            && let Some(message) = distribution_problem(&distribution.text)
        {
            problems.push(Diagnostic::new(distribution.span, message).help(DISTRIBUTION_HELP));
        }
        if problems.is_empty() {
            Ok(Listed {
                account: account.text.clone(),
                region: region.map(|region| region.text.clone()),
                distribution: distribution.map(|distribution| distribution.text.clone()),
            })
        } else {
            Err(problems)
        }
    }
}

/// The columns of a file.
struct Columns {
    account: usize,
    region: Option<usize>,
    distribution: Option<usize>,
}

/// Returns the problem with the column `distribution`, which a target has if it invalidates caches.
fn distributions_problem(
    target: &Target,
    header: &[Field],
    columns: &Columns,
) -> Option<Diagnostic> {
    let name = &target.name;
    match (columns.distribution, &target.invalidate) {
        (Some(at), None) => Some(
            Diagnostic::new(
                header[at].span,
                format!("target `{name}` has no `invalidate`, so its distributions are not used"),
            )
            .help("add `invalidate: {}` to the target, or remove this column"),
        ),
        (None, Some(_)) => {
            let span = header.first().map_or(Span::default(), |field| field.span);
            let message = format!(
                "target `{name}` has `invalidate`, but the file has no `distribution` column"
            );
            Some(
                Diagnostic::new(span, message)
                    .help("add a column `distribution` with the ID of each account's distribution"),
            )
        }
        _ => None,
    }
}

fn columns(header: &[Field]) -> Result<Columns, Vec<Diagnostic>> {
    let at = |name: &str| header.iter().position(|field| field.text == name);
    let mut problems = Vec::new();
    for (number, field) in header.iter().enumerate() {
        let wanted = "use the columns `account`, `region`, `distribution`, and `name`";
        if !COLUMNS.contains(&field.text.as_str()) {
            let help = match near(&field.text, COLUMNS) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => wanted.to_owned(),
            };
            let message = format!("unknown column {}", escape::key(&field.text));
            problems.push(Diagnostic::new(field.span, message).help(help));
        } else if at(&field.text) != Some(number) {
            let message = format!("duplicate column `{}`", field.text);
            problems.push(Diagnostic::new(field.span, message).help("remove one of them"));
        }
    }
    match at("account") {
        Some(account) if problems.is_empty() => Ok(Columns {
            account,
            region: at("region"),
            distribution: at("distribution"),
        }),
        None if problems.is_empty() => {
            let span = header.first().map_or(Span::default(), |field| field.span);
            Err(vec![
                Diagnostic::new(span, "the first line has no `account` column")
                    .help("begin the file with a line such as `account` or `account,region`"),
            ])
        }
        _ => Err(problems),
    }
}

/// Returns the fields of each line that is not empty. Follows RFC 4180, except that fields in
/// quotes cannot contain line breaks.
fn lines(text: &str) -> Result<Vec<Vec<Field>>, Diagnostic> {
    let mut found = Vec::new();
    // Spreadsheets write a byte order mark at the beginning of a file.
    let mut start = if text.starts_with('\u{feff}') { 3 } else { 0 };
    for line in text[start..].split_inclusive('\n') {
        let content = line.trim_end_matches(['\n', '\r']);
        if !content.trim().is_empty() {
            found.push(fields(content, start)?);
        }
        start += line.len();
    }
    Ok(found)
}

fn fields(line: &str, start: usize) -> Result<Vec<Field>, Diagnostic> {
    let mut found = Vec::new();
    let mut at = 0;
    loop {
        let rest = &line[at..];
        let blank = rest.len() - rest.trim_start().len();
        let (text, length) = match rest[blank..].strip_prefix('"') {
            Some(quoted) => {
                let Some(end) = quoted.find('"') else {
                    let span = Span {
                        start: start + at + blank,
                        end: start + line.len(),
                    };
                    return Err(Diagnostic::new(span, "unclosed quote")
                        .help("add a closing quote, or remove this one"));
                };
                let behind = quoted[end + 1..]
                    .find(',')
                    .unwrap_or(quoted.len() - end - 1);
                (&quoted[..end], blank + 1 + end + 1 + behind)
            }
            None => {
                let length = rest.find(',').unwrap_or(rest.len());
                (rest[..length].trim(), length)
            }
        };
        let shown = rest[..length].trim();
        found.push(Field {
            text: text.to_owned(),
            span: Span {
                start: start + at + blank.min(length),
                end: start + at + blank.min(length) + shown.len(),
            },
        });
        at += length + 1;
        if at > line.len() {
            return Ok(found);
        }
    }
}
