//! `s3ferry man`: the manual page, with every command's options.

use super::output::print;
use super::{Failure, Outcome};

/// Prints the page (roff, for `man -l -`).
pub(crate) fn run(command: &clap::Command) -> Result<Outcome, Failure> {
    let mut page = Vec::new();
    let render = |command: clap::Command, page: &mut Vec<u8>| {
        clap_mangen::Man::new(command)
            .render(page)
            .map_err(|error| Failure::new(format!("cannot make the manual page: {error}"), ""))
    };
    render(command.clone(), &mut page)?;
    for sub in command.get_subcommands() {
        // A man page per command, one after the other, as `git help` readers expect them.
        let name = format!("s3ferry-{}", sub.get_name());
        render(sub.clone().name(name), &mut page)?;
    }
    print(&String::from_utf8_lossy(&page))?;
    Ok(Outcome::Done)
}
