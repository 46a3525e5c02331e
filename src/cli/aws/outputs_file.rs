//! The outputs file, which is stored next to the configuration.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::deploy::stack::Deployed;
use crate::deploy::{Outputs, StackOutputs, StackStep, Unusable};
use crate::stacks::KEY_ID;

use crate::cli::project::Project;
use crate::cli::{Global, diagnostics, files};

/// Path of the outputs file, relative to the folder of the configuration.
const OUTPUTS: &str = ".s3ferry/outputs.json";

/// The contents of the outputs file.
///
/// The file replaces calls to the dev account. It never stops a command that can make these calls:
/// a file that cannot be used or written causes only a warning.
pub(crate) struct OutputsFile<'a> {
    global: &'a Global,
    path: PathBuf,
    /// The outputs in the file, or the outputs to write.
    pub(crate) known: Outputs,
    /// Why the file is ignored. An ignored file is not overwritten.
    unusable: Option<Unusable>,
    /// Whether a warning about a failed write was shown.
    is_warned: bool,
}

impl<'a> OutputsFile<'a> {
    /// Reads the outputs file of a project. Returns empty outputs if the file does not exist or
    /// cannot be used.
    pub(crate) fn read(global: &'a Global, project: &Project) -> Self {
        let path = project.path_of(OUTPUTS);
        let read = if path.exists() {
            match files::read_text(&path, "outputs file") {
                Ok(source) => Outputs::from_json(source.text()),
                Err(failure) => Err(Unusable::Invalid(failure.message())),
            }
        } else {
            Ok(Outputs::default())
        };
        let (known, unusable) = match read {
            Ok(known) => (known, None),
            Err(unusable) => (Outputs::default(), Some(unusable)),
        };
        if let Some(unusable) = &unusable {
            let message = format!("ignoring `{}`: {unusable}", path.display());
            let help = format!(
                "{}; until then, s3ferry does not change the file",
                unusable.help()
            );
            diagnostics::warn(global, &message, &help);
        }
        Self {
            global,
            path,
            known,
            unusable,
            is_warned: false,
        }
    }

    /// Returns the outputs of a stack, if the file contains them.
    pub(crate) fn of(&self, step: &StackStep) -> Option<&BTreeMap<String, String>> {
        let known = &self.known;
        known.of(&step.account, &step.region, &step.stack)
    }

    /// Returns the key that a stack was last deployed with.
    pub(crate) fn key_of(&self, step: &StackStep) -> Option<&str> {
        let known = &self.known;
        known.key_of(&step.account, &step.region, &step.stack)
    }

    /// Returns whether a stack was last deployed with the template of the current configuration.
    pub(crate) fn is_current(&self, step: &StackStep) -> bool {
        let known = &self.known;
        known.template_of(&step.account, &step.region, &step.stack) == Some(&*step.configured)
    }

    /// Returns why the file does not contain the outputs of a stack.
    pub(crate) fn lack(&self) -> String {
        match &self.unusable {
            Some(unusable) => format!("`{OUTPUTS}` cannot be used: {unusable}"),
            None => format!("`{OUTPUTS}` does not contain the ID"),
        }
    }

    /// Stores the outputs of a stack, and writes the file if it changed.
    pub(crate) fn put(&mut self, step: &StackStep, stack: &Deployed) {
        let key = stack.parameters.get(KEY_ID).cloned();
        self.put_outputs(step, stack.outputs.clone(), key);
    }

    /// Stores the outputs of a stack or a stack set, and writes the file if it changed.
    pub(crate) fn put_outputs(
        &mut self,
        step: &StackStep,
        outputs: BTreeMap<String, String>,
        key: Option<String>,
    ) {
        let entry = StackOutputs {
            account: step.account.to_string(),
            region: step.region.to_string(),
            stack: step.stack.clone(),
            outputs,
            template: (!step.configured.is_empty()).then(|| step.configured.clone()),
            key,
        };
        if self.known.put(entry) {
            self.write();
        }
    }

    /// Removes a stack, and writes the file if it changed.
    pub(crate) fn forget(&mut self, step: &StackStep) {
        if self.known.remove(&step.account, &step.region, &step.stack) {
            self.write();
        }
    }

    fn write(&mut self) {
        if self.unusable.is_some() {
            return;
        }
        if let Err(failure) = files::write(&self.path, &self.known.to_json())
            && !self.is_warned
        {
            self.is_warned = true;
            diagnostics::warn(
                self.global,
                &failure.message(),
                "make the folder writable and run the command again; users who deploy targets \
                 without access to the dev account need this file",
            );
        }
    }
}
