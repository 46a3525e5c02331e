//! The layout of `--help`: commands grouped by task, options in the same groups and order in every
//! command, and text that is wrapped once, to the width of the terminal.
//!
//! The commands declare their options and help text. This module alone controls the layout.

use clap::{Arg, ArgAction, Command};
use unicode_width::UnicodeWidthStr as _;

use super::output::Stream;
use super::table::wrapped;

/// Maximum width of the help. Longer lines are hard to read.
const WIDEST: usize = 100;
/// Minimum width of the help. A narrower terminal breaks the lines itself.
const NARROWEST: usize = 40;
/// Maximum width of the command column in a list of examples. The note of a longer command starts
/// on the next line.
const WIDEST_COMMAND: usize = 38;
/// Minimum width of a note next to its command. With less space, the note goes below the command.
const NARROWEST_NOTE: usize = 24;

/// The indent of a note below its command.
const NOTE_INDENT: usize = 6;

/// The commands by task, in the order in which users typically need them.
const TASKS: [(&str, &[&str]); 6] = [
    ("Start", &["init", "synth", "sample"]),
    ("Check", &["lint", "prove", "authorize"]),
    ("Deploy", &["diff", "deploy", "adopt", "deployer-policy"]),
    (
        "Operate",
        &["push", "status", "events", "doctor", "rollback", "destroy"],
    ),
    ("Review", &["report", "graph", "targets"]),
    ("Tools", &["schema", "completions", "man", "help"]),
];

/// Replaces opening braces in a template, where they would begin a clap tag.
const OPEN: &str = "\u{fffc}";

/// The option group that every command has.
pub(super) const GLOBAL: &str = "Global options";

/// Lays out the help of a command and its subcommands.
pub(super) fn laid_out(command: Command) -> Command {
    let width = Stream::Results.width().unwrap_or(WIDEST);
    laid_out_for(command, width.clamp(NARROWEST, WIDEST))
}

fn laid_out_for(command: Command, width: usize) -> Command {
    let template = overview(&command, width) + &after(&command, width);
    let mut command = each(command)
        .term_width(width)
        .help_template(template)
        .disable_version_flag(true)
        .arg(
            Arg::new("version")
                .short('V')
                .long("version")
                .action(ArgAction::Version)
                .help("Print the version")
                .display_order(1001)
                .help_heading(GLOBAL),
        );
    let names: Vec<String> = (command.get_subcommands())
        .map(|command| command.get_name().to_owned())
        .collect();
    for name in names {
        command = command.mut_subcommand(name, |command| {
            let template = "{about-with-newline}\n{usage-heading} {usage}\n\n{all-args}".to_owned();
            let template = template + &after(&command, width);
            each(command).help_template(template)
        });
    }
    command
}

/// The options of one command.
fn each(command: Command) -> Command {
    command
        .disable_help_flag(true)
        .arg(
            Arg::new("help")
                .short('h')
                .long("help")
                .action(ArgAction::Help)
                .help("Print this help")
                .display_order(1000)
                .help_heading(GLOBAL),
        )
        .mut_args(compact)
}

/// The text after the options. It is part of the template, because clap would otherwise wrap the
/// commands.
fn after(command: &Command, width: usize) -> String {
    let heading = *command.get_styles().get_header();
    let Some(text) = command.get_after_help() else {
        return String::new();
    };
    let lines: Vec<String> = flowed(&text.to_string().replace('{', OPEN), width)
        .lines()
        .map(|line| match line.starts_with(' ') || !line.ends_with(':') {
            true => line.to_owned(),
            false => format!("{heading}{line}{heading:#}"),
        })
        .collect();
    format!("\n\n{}", lines.join("\n"))
}

/// Restores the braces in help text that clap has rendered.
pub(super) fn restored(help: &str) -> String {
    help.replace(OPEN, "{")
}

/// Lists the possible values on the option's line. Otherwise, clap prints one paragraph for each
/// value with a description, and puts blank lines between all options.
fn compact(arg: Arg) -> Arg {
    let values = arg.get_possible_values();
    if !values.iter().any(|value| value.get_help().is_some()) {
        return arg;
    }
    let names: Vec<&str> = values.iter().map(|value| value.get_name()).collect();
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let help = format!("{help} [possible values: {}]", names.join(", "));
    arg.hide_possible_values(true).help(help)
}

/// The template of the program's own help, with the commands by task.
fn overview(command: &Command, width: usize) -> String {
    let heading = *command.get_styles().get_header();
    let literal = *command.get_styles().get_literal();
    let about = |name: &str| match command.find_subcommand(name) {
        Some(found) => found.get_about().map(ToString::to_string),
        None => (name == "help").then(|| "Print help for a command".to_owned()),
    };
    let names = TASKS.iter().flat_map(|(_, names)| names.iter());
    let column = names.map(|name| name.len()).max().unwrap_or(0);
    let mut text = "{about-with-newline}\n{usage-heading} {usage}\n".to_owned();
    for (task, names) in TASKS {
        text += &format!("\n{heading}{task}:{heading:#}\n");
        for name in names {
            // Without the feature `deploy`, some commands do not exist.
            let Some(about) = about(name) else { continue };
            let left = 2 + column + 2;
            let padding = " ".repeat(column - name.len() + 2);
            let lines = wrapped(&about, width - left);
            let about = lines.join(&format!("\n{}", " ".repeat(left)));
            text += &format!("  {literal}{name}{literal:#}{padding}{about}\n");
        }
    }
    text + &format!("\n{heading}{GLOBAL}:{heading:#}\n{{options}}")
}

/// Wraps examples and paragraphs to this width. Never breaks a command.
///
/// Indented lines are entries: a command, two or more spaces, and a note, which can continue below
/// in the same column. Entries without notes, such as JSON, stay unchanged. Other lines are
/// paragraphs.
fn flowed(text: &str, width: usize) -> String {
    let mut out = String::new();
    for section in text.split("\n\n") {
        if !out.is_empty() {
            out += "\n\n";
        }
        let lines: Vec<&str> = section.lines().collect();
        let mut parts: Vec<String> = Vec::new();
        for group in lines.chunk_by(|a, b| a.starts_with(' ') == b.starts_with(' ')) {
            match group.first() {
                Some(first) if first.starts_with(' ') => parts.push(entries(group, width)),
                // Keep the heading of a list on a separate line.
                _ => parts.push(wrapped(&group.join(" "), width).join("\n")),
            }
        }
        out += &parts.join("\n");
    }
    out
}

/// An entry of a list: a command and its note.
fn entry(line: &str) -> (&str, Option<(usize, &str)>) {
    let indent = line.len() - line.trim_start().len();
    match line[indent..].find("  ") {
        Some(end) => {
            let end = indent + end;
            let note = line[end..].trim_start();
            (&line[..end], Some((line.len() - note.len(), note)))
        }
        None => (line, None),
    }
}

fn entries(lines: &[&str], width: usize) -> String {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let noted_at = lines.iter().find_map(|line| match entry(line).1 {
        Some((at, _)) => Some(at),
        None => Some(indent(line)).filter(|indent| *indent >= NOTE_INDENT),
    });
    let Some(noted_at) = noted_at else {
        return lines.join("\n");
    };
    let mut found: Vec<(&str, String)> = Vec::new();
    for line in lines {
        let (command, note) = entry(line);
        match found.last_mut() {
            Some((_, above)) if indent(line) >= noted_at => {
                if !above.is_empty() {
                    above.push(' ');
                }
                above.push_str(line.trim());
            }
            _ => found.push((
                command,
                note.map(|(_, note)| note.to_owned()).unwrap_or_default(),
            )),
        }
    }
    let widths = found.iter().filter(|(_, note)| !note.is_empty());
    let widths = widths.map(|(command, _)| command.width());
    let column = widths.filter(|width| *width <= WIDEST_COMMAND).max();
    let mut column = column.unwrap_or(NOTE_INDENT - 2) + 2;
    if width.saturating_sub(column) < NARROWEST_NOTE {
        column = NOTE_INDENT;
    }
    let mut out = Vec::new();
    for (command, note) in found {
        let mut first = command.to_owned();
        for line in wrapped(&note, width.saturating_sub(column)) {
            if line.is_empty() {
                continue;
            }
            if first.width() + 2 > column {
                out.push(std::mem::take(&mut first));
            }
            let padding = " ".repeat(column - first.width());
            out.push(format!("{}{padding}{line}", std::mem::take(&mut first)));
        }
        if !first.is_empty() {
            out.push(first);
        }
    }
    out.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;
    use clap::CommandFactory as _;

    /// The groups of options, in the order in which each help shows them.
    const GROUPS: [&str; 6] = ["Selection", "Input", "Checks", "Behavior", "Output", "AWS"];

    fn helps(width: usize) -> Vec<(String, String)> {
        let mut command = laid_out_for(Cli::command(), width);
        command.build();
        let mut found = vec![("s3ferry".to_owned(), command.render_help().to_string())];
        let names: Vec<String> = (command.get_subcommands())
            .map(|command| command.get_name().to_owned())
            .filter(|name| name != "help")
            .collect();
        for name in names {
            let help = |option: &str| {
                let parsed = command
                    .clone()
                    .try_get_matches_from(["s3ferry", &name, option]);
                restored(&parsed.expect_err("help").to_string())
            };
            assert_eq!(help("-h"), help("--help"), "{name}");
            found.push((name.clone(), help("-h")));
        }
        found
    }

    #[test]
    fn every_command_has_one_task() {
        let mut listed: Vec<&str> = TASKS
            .iter()
            .flat_map(|(_, names)| *names)
            .copied()
            .collect();
        let command = Cli::command();
        let mut known: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
        known.push("help");
        listed.retain(|name| cfg!(feature = "deploy") || known.contains(name));
        listed.sort_unstable();
        known.sort_unstable();
        assert_eq!(listed, known);
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for width in [60, 80, 100] {
            for (name, help) in helps(width) {
                for line in help
                    .lines()
                    .filter(|line| width >= 80 || !line.contains("s3ferry "))
                {
                    // JSON is not wrapped.
                    if width < 80 && name == "authorize" {
                        continue;
                    }
                    assert!(line.width() <= width, "{name} at {width}: {line}");
                }
            }
        }
    }

    #[test]
    fn options_have_the_same_groups_in_the_same_order() {
        // Different options share these names: `region` is a setting or a filter, and `out` is a
        // folder that is written or read.
        const SEVERAL: [&str; 2] = ["region", "out"];
        let mut seen = std::collections::HashMap::<String, String>::new();
        let mut command = laid_out_for(Cli::command(), 80);
        command.build();
        for command in command
            .get_subcommands()
            .filter(|one| one.get_name() != "help")
        {
            let name = command.get_name();
            let mut last = 0;
            for arg in command.get_arguments().filter(|arg| !arg.is_positional()) {
                let heading = arg.get_help_heading().unwrap_or("none");
                if heading == GLOBAL {
                    continue;
                }
                let id = arg.get_id().as_str();
                let rank = GROUPS.iter().position(|group| *group == heading);
                let rank = rank.unwrap_or_else(|| panic!("{name}: --{id} is in group {heading}"));
                assert!(rank >= last, "{name}: --{id} ({heading}) is out of order");
                last = rank;
                let before = seen.insert(id.to_owned(), heading.to_owned());
                if let Some(before) = before.filter(|_| !SEVERAL.contains(&id)) {
                    assert_eq!(before, heading, "--{id} of {name}");
                }
            }
        }
    }

    #[test]
    fn an_example_stays_in_one_piece_and_its_note_wraps_in_its_column() {
        let text = "Examples:\n  run it          a note that is long enough to wrap\n  run it again\n  \
                    run --with many options that leave no space\n                  below\n\nA paragraph \
                    that\nis wrapped again.";
        assert_eq!(
            flowed(text, 40),
            "Examples:\n  run it  a note that is long enough to\n          wrap\n  run it again\n  run --with \
             many options that leave no space\n          below\n\nA paragraph that is wrapped again."
        );
        let json = "A case:\n  {\"a\": 1,\n   \"b\": 2}";
        assert_eq!(flowed(json, 40), json);
    }
}
