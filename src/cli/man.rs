//! `s3ferry man`: prints or writes the manual pages, one for each command.

use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, Command};

use super::output::{self, Text, note, print};
use super::{Failure, Global, Outcome, files};

const EXAMPLES: &str = "\
Examples:
  s3ferry man | man -l -
  s3ferry man deploy | man -l -
  s3ferry man --out ~/.local/share/man/man1
                                             then run `man s3ferry-deploy`";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ManOptions {
    /// Print only the page for this command
    #[arg(value_name = "COMMAND")]
    command: Option<String>,
    /// Write all pages to this folder (s3ferry.1, s3ferry-synth.1, …), or to standard output if `-`
    #[arg(
        long,
        value_name = "DIR",
        conflicts_with = "command",
        help_heading = "Output"
    )]
    out: Option<PathBuf>,
}

/// Prints or writes the pages in roff.
pub(crate) fn run(
    global: &Global,
    options: &ManOptions,
    command: &Command,
) -> Result<Outcome, Failure> {
    let mut pages = vec![("s3ferry".to_owned(), page(command, "s3ferry", "s3ferry")?)];
    for sub in command.get_subcommands() {
        let called = format!("s3ferry {}", sub.get_name());
        let name = called.replace(' ', "-");
        let text = page(sub, &name, &called)?;
        pages.push((name, text));
    }
    if let Some(folder) = options.out.as_ref().filter(|out| !files::is_stdout(out)) {
        let paths = pages
            .iter()
            .map(|(name, _)| folder.join(format!("{name}.1")));
        let paths: Vec<PathBuf> = paths.collect();
        let texts = pages.iter().map(|(_, text)| text.as_bytes());
        let files: Vec<(&Path, &[u8])> = paths.iter().map(PathBuf::as_path).zip(texts).collect();
        files::Writer::lock(&paths)?.replace(&files)?;
        let shown = output::path(folder);
        note(global, &format!("Wrote {} pages to {shown}.", pages.len()));
        return Ok(Outcome::Done);
    }
    if let Some(wanted) = &options.command {
        let name = format!("s3ferry-{wanted}");
        pages.retain(|(found, _)| *found == name);
        if pages.is_empty() {
            let names = command.get_subcommands().map(Command::get_name);
            let help = match crate::config::near(wanted, names) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "see `s3ferry --help`".to_owned(),
            };
            return Err(Failure::new(format!("unknown command `{wanted}`"), help));
        }
    }
    let texts: Vec<&str> = pages.iter().map(|(_, text)| text.as_str()).collect();
    print(Text::own(texts.concat()))?;
    Ok(Outcome::Done)
}

/// The exit codes of all commands.
const EXIT_STATUS: [(&str, &str); 7] = [
    ("0", "Success."),
    (
        "1",
        "Findings, a failed proof, stale files, or a failed stack or pipeline execution.",
    ),
    (
        "2",
        "Invalid usage, configuration, or input; an unused input; or the wrong account.",
    ),
    ("3", "AWS cannot be reached or rejects a request."),
    (
        "4",
        "Only doctor: no findings, but not everything could be read or evaluated.",
    ),
    ("130", "Interrupted by Ctrl-C (SIGINT)."),
    ("129, 143", "Interrupted by SIGHUP or SIGTERM."),
];

fn page(command: &Command, name: &str, called: &str) -> Result<String, Failure> {
    let man = clap_mangen::Man::new(command.clone().name(name.to_owned()));
    let mut text = Vec::new();
    sections(&man, command, called, &mut text)
        .map_err(|error| Failure::new(format!("cannot create the manual page: {error}"), ""))?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// Writes the sections in order. The synopsis and the examples do not come from clap_mangen, which
/// omits the values and joins the lines of examples.
fn sections(
    man: &clap_mangen::Man,
    command: &Command,
    called: &str,
    out: &mut Vec<u8>,
) -> std::io::Result<()> {
    man.render_title(out)?;
    man.render_name_section(out)?;
    out.extend(synopsis(command, called).bytes());
    man.render_description_section(out)?;
    man.render_options_section(out)?;
    if command.has_subcommands() {
        man.render_subcommands_section(out)?;
    }
    out.extend(b".SH \"EXIT STATUS\"\n");
    for (code, meaning) in EXIT_STATUS {
        out.extend(format!(".TP\n{code}\n{}\n", escaped(meaning)).bytes());
    }
    if let Some(help) = command.get_after_help() {
        out.extend(examples(&help.to_string()).bytes());
    }
    if command.get_version().is_some() {
        man.render_version_section(out)?;
    }
    Ok(())
}

/// Returns the synopsis: the options in brackets, with their values.
fn synopsis(command: &Command, called: &str) -> String {
    // Hyphenation is off, because it would change the names of options.
    let mut text = format!(".SH SYNOPSIS\n.nh\n\\fB{}\\fR\n", escaped(called));
    let is_shown = |argument: &&Arg| !argument.is_hide_set();
    let positional = command.get_positionals().filter(is_shown);
    let options = (command.get_arguments()).filter(|argument| !argument.is_positional());
    let options = options.filter(is_shown);
    for argument in options.chain(positional) {
        let mut shown = match (argument.get_long(), argument.get_short()) {
            (Some(long), _) => format!("\\fB{}\\fR", escaped(&format!("--{long}"))),
            (None, Some(short)) => format!("\\fB{}\\fR", escaped(&format!("-{short}"))),
            (None, None) => String::new(),
        };
        if argument.get_action().takes_values() {
            if !shown.is_empty() {
                shown.push_str("\\ ");
            }
            let names = argument.get_value_names().unwrap_or_default();
            let names: Vec<String> = names.iter().map(|name| escaped(name)).collect();
            let name = if names.is_empty() {
                escaped(argument.get_id().as_str())
            } else {
                names.join("\\ ")
            };
            shown.push_str(&format!("\\fI{name}\\fR"));
        }
        let many = argument
            .get_num_args()
            .is_some_and(|count| count.max_values() > 1)
            || matches!(argument.get_action(), ArgAction::Append);
        if many {
            shown.push_str("...");
        }
        if !argument.is_required_set() {
            shown = format!("[{shown}]");
        }
        text.push_str(&format!("{shown}\n"));
    }
    if command.has_subcommands() {
        text.push_str("\\fICOMMAND\\fR\n");
    }
    text.push_str(".hy\n");
    text
}

/// Returns the text after the options: examples line by line, other text as paragraphs.
fn examples(help: &str) -> String {
    let mut text = ".SH EXAMPLES\n".to_owned();
    let (mut as_it_is, mut is_after_gap) = (false, false);
    // The exit codes have a separate section.
    let help = help.split("\nExit codes:\n").next().unwrap_or_default();
    for line in help.lines().filter(|line| *line != "Examples:") {
        let is_example = line.starts_with(' ');
        if line.is_empty() {
            is_after_gap = true;
            continue;
        }
        let request = match (as_it_is, is_example) {
            (false, true) => ".nf\n",
            (true, false) => ".fi\n.PP\n",
            (true, true) if is_after_gap => "\n",
            (false, false) if is_after_gap => ".PP\n",
            _ => "",
        };
        text.push_str(request);
        (as_it_is, is_after_gap) = (is_example, false);
        text.push_str(&format!("{}\n", escaped(line)));
    }
    if as_it_is {
        text.push_str(".fi\n");
    }
    text
}

/// Escapes a line for roff.
fn escaped(line: &str) -> String {
    let line = line.replace('\\', "\\(rs").replace('-', "\\-");
    // At the start of a line, these characters would begin a request.
    match line.starts_with(['.', '\'']) {
        true => format!("\\&{line}"),
        false => line,
    }
}
