//! `s3ferry man`: the manual pages, one for each command.

use std::path::PathBuf;

use clap::Command;

use super::output::{note, print};
use super::{Failure, Global, Outcome, files};

const EXAMPLES: &str = "\
Examples:
  s3ferry man | man -l -
  s3ferry man deploy | man -l -
  s3ferry man --out ~/.local/share/man/man1     then `man s3ferry-deploy`";

/// Options of `man`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// Print the page of this command only
    #[arg(value_name = "COMMAND")]
    command: Option<String>,
    /// Write every page to this folder instead: s3ferry.1, s3ferry-synth.1, …
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    out: Option<PathBuf>,
}

/// Prints the pages (roff), or writes them.
pub(crate) fn run(
    global: &Global,
    options: &Options,
    command: &Command,
) -> Result<Outcome, Failure> {
    let mut pages = vec![page(command.clone(), "s3ferry".to_owned())?];
    for sub in command.get_subcommands() {
        pages.push(page(sub.clone(), format!("s3ferry-{}", sub.get_name()))?);
    }
    if let Some(folder) = &options.out {
        for (name, text) in &pages {
            files::write(&folder.join(format!("{name}.1")), text)?;
        }
        let shown = folder.display();
        note(global, &format!("Wrote {} pages to {shown}.", pages.len()));
        return Ok(Outcome::Done);
    }
    if let Some(wanted) = &options.command {
        let name = format!("s3ferry-{wanted}");
        pages.retain(|(found, _)| *found == name);
        if pages.is_empty() {
            let names = command.get_subcommands().map(Command::get_name);
            let help = match s3ferry::config::near(wanted, names) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "see `s3ferry --help`".to_owned(),
            };
            return Err(Failure::new(
                format!("there is no command `{wanted}`"),
                help,
            ));
        }
    }
    let texts: Vec<&str> = pages.iter().map(|(_, text)| text.as_str()).collect();
    print(&texts.concat())?;
    Ok(Outcome::Done)
}

fn page(command: Command, name: String) -> Result<(String, String), Failure> {
    let mut text = Vec::new();
    clap_mangen::Man::new(command.name(name.clone()))
        .render(&mut text)
        .map_err(|error| Failure::new(format!("cannot make the manual page: {error}"), ""))?;
    Ok((name, String::from_utf8_lossy(&text).into_owned()))
}
