//! The output folder of `synth`: compares its files with the generated ones and replaces them.

use std::path::{Path, PathBuf};

use crate::checked::{SynthesizedFile, TemplateFormat};
use crate::stacks;
use similar::TextDiff;

use super::{DEFAULT_FOLDER, SynthOptions};
use crate::cli::output::{self, note, print};
use crate::cli::project::{FormatOption, Project, is_example_folder};
use crate::cli::{Failure, Global, Outcome, files, shell};

/// The output folder and its generated files.
pub(super) struct Folder<'a> {
    options: &'a SynthOptions,
    project: &'a Project,
    generated: &'a [SynthesizedFile],
}

/// The state of a file compared with the generated one.
enum State {
    Current,
    Missing,
    /// The content differs. `is_ours` states whether s3ferry wrote the file.
    Stale {
        found: Vec<u8>,
        is_ours: bool,
    },
}

impl<'a> Folder<'a> {
    pub(super) fn new(
        options: &'a SynthOptions,
        project: &'a Project,
        generated: &'a [SynthesizedFile],
    ) -> Self {
        Self {
            options,
            project,
            generated,
        }
    }

    /// Writes stale and missing files, and removes obsolete ones. Returns whether each generated
    /// file was written.
    ///
    /// # Errors
    /// Returns an error if s3ferry did not write an existing file, or if the folder cannot be
    /// written.
    pub(super) fn write(&self, global: &Global) -> Result<Vec<bool>, Failure> {
        let paths: Vec<PathBuf> = self.generated.iter().map(|file| self.path(file)).collect();
        self.refuse_own_input(&paths)?;
        // Lock before the comparison. Otherwise, a file that another run is replacing could count
        // as current.
        let writer = files::Writer::lock(&paths)?;
        let states = self.states()?;
        let unwanted = self.unwanted()?;
        if !self.options.force {
            self.refuse_foreign(&states, &unwanted)?;
        }
        let mut changed: Vec<(&Path, &[u8])> = Vec::new();
        let mut written = Vec::new();
        for ((file, path), state) in self.generated.iter().zip(&paths).zip(&states) {
            let is_current = matches!(state, State::Current);
            written.push(!is_current);
            if !is_current {
                changed.push((path, file.file.text().as_bytes()));
            }
        }
        writer.replace(&changed)?;
        for path in &unwanted {
            let shown = output::path(path);
            std::fs::remove_file(path).map_err(|error| {
                Failure::new(
                    format!("cannot remove `{shown}`: {}", files::reason(&error)),
                    "remove it manually",
                )
            })?;
            note(
                global,
                &format!("Removed {shown}: it no longer belongs to a target."),
            );
        }
        Ok(written)
    }

    /// Prints the differences between the files and the generated ones.
    ///
    /// # Errors
    /// Returns an error if a file cannot be read.
    pub(super) fn check(&self, global: &Global) -> Result<Outcome, Failure> {
        let mut stale = 0;
        for (file, state) in self.generated.iter().zip(self.states()?) {
            let name = file.file.name();
            let text = file.file.text();
            match state {
                State::Current => continue,
                State::Missing => print(&diff("", text, "/dev/null", name))?,
                State::Stale {
                    found,
                    is_ours: true,
                } => {
                    print(&diff(&String::from_utf8_lossy(&found), text, name, name))?;
                }
                // A symbolic link can point to any file, so the content is not printed.
                State::Stale { is_ours: false, .. } => {
                    print(&format!("{name}: not written by s3ferry\n"))?;
                }
            }
            stale += 1;
        }
        for path in self.unwanted()? {
            stale += 1;
            let name = path.display().to_string();
            let found = files::bytes_if_any(&path, "template")?.unwrap_or_default();
            print(&diff(
                &String::from_utf8_lossy(&found),
                "",
                &name,
                "/dev/null",
            ))?;
        }
        if stale == 0 {
            let count = self.generated.len();
            note(global, &format!("All {count} files are up to date."));
            return Ok(Outcome::Done);
        }
        let files = match stale {
            1 => "1 file is".to_owned(),
            _ => format!("{stale} files are"),
        };
        let synth = rewrite(global, self.options);
        let text = format!("{files} not up to date. Next: run `{synth}` and commit.");
        note(global, &text);
        Ok(Outcome::Findings)
    }

    fn path(&self, file: &SynthesizedFile) -> PathBuf {
        self.options.out.join(&file.path)
    }

    fn states(&self) -> Result<Vec<State>, Failure> {
        let states = self.generated.iter().map(|file| {
            let text = file.file.text().as_bytes();
            Ok(match files::bytes_if_any(&self.path(file), "file")? {
                None => State::Missing,
                Some(found) if found == text => State::Current,
                Some(found) => {
                    let old = String::from_utf8_lossy(&found);
                    let is_ours = if file.is_template {
                        stacks::is_generated(&old)
                    } else {
                        stacks::is_merged_bucket_policy(&self.project.plan, &old)
                    };
                    State::Stale { found, is_ours }
                }
            })
        });
        states.collect()
    }

    /// Returns the templates of this format that an earlier run wrote and that are obsolete.
    fn unwanted(&self) -> Result<Vec<PathBuf>, Failure> {
        let out = &self.options.out;
        let mut found =
            files::paths_in(out).map_err(|error| files::cannot_read_folder(out, &error))?;
        let extension = TemplateFormat::from(self.options.format).extension();
        found.retain(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let is_wanted = self.generated.iter().any(|file| file.path == name);
            if is_wanted || !files::has_extension(path, &[extension]) || !path.is_file() {
                return false;
            }
            let bytes = files::bytes_if_any(path, "file").ok().flatten();
            stacks::is_generated(&String::from_utf8_lossy(&bytes.unwrap_or_default()))
        });
        Ok(found)
    }

    /// Refuses to replace files that s3ferry did not write. With `--example`, refuses to replace
    /// the templates of another configuration.
    fn refuse_foreign(&self, states: &[State], unwanted: &[PathBuf]) -> Result<(), Failure> {
        let is_example = self.options.example.example && !is_example_folder();
        let stale = self.generated.iter().zip(states);
        let mut found: Vec<String> = stale
            .filter(|(_, state)| match state {
                State::Stale { is_ours, .. } => is_example || !is_ours,
                State::Current | State::Missing => false,
            })
            .map(|(file, _)| format!("`{}`", file.file.name()))
            .collect();
        if is_example {
            found.extend(unwanted.iter().map(|path| format!("`{}`", path.display())));
        }
        let names = found.join(", ");
        match (found.len(), is_example) {
            (0, _) => Ok(()),
            (_, true) => Err(Failure::new(
                format!("the example would replace {names}"),
                "choose another folder with --out, or overwrite the files with --force",
            )),
            (count, false) => Err(Failure::new(
                format!(
                    "{names} {} not written by s3ferry",
                    if count == 1 { "was" } else { "were" }
                ),
                "move the files elsewhere, or overwrite them with --force",
            )),
        }
    }

    /// Refuses to replace the existing policy with the merged one, because the next run would merge
    /// it again.
    fn refuse_own_input(&self, paths: &[PathBuf]) -> Result<(), Failure> {
        let Some(input) = &self.project.plan.dev.existing_policy else {
            return Ok(());
        };
        let real = |path: &Path| std::fs::canonicalize(path).ok();
        let input = self.project.path_of(input);
        match paths
            .iter()
            .find(|path| real(path).is_some() && real(path) == real(&input))
        {
            None => Ok(()),
            Some(path) => Err(Failure::new(
                format!(
                    "s3ferry would overwrite the existing policy `{}` with the merged policy",
                    path.display()
                ),
                "move the existing policy to another folder",
            )),
        }
    }
}

/// Returns the command that writes the files that `--check` compares.
fn rewrite(global: &Global, options: &SynthOptions) -> String {
    let out = options.out.to_string_lossy();
    let mut words = options.example.words("synth");
    if out != DEFAULT_FOLDER {
        words.extend(["--out", &out]);
    }
    if options.format != FormatOption::Yaml {
        words.extend(["--format", TemplateFormat::from(options.format).extension()]);
    }
    if options.stack_set_roles {
        words.push("--stack-set-roles");
    }
    shell::command(global, &words)
}

fn diff(old: &str, new: &str, old_name: &str, new_name: &str) -> String {
    TextDiff::from_lines(old, new)
        .unified_diff()
        .context_radius(3)
        .header(old_name, new_name)
        .to_string()
}
