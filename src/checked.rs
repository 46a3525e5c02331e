//! The templates of a plan and the results of their checks. Each check runs only once.
//!
//! A deployment requires [`Approved`] stacks, so only checked templates can be deployed.

use std::collections::HashSet;

use crate::config::Quotas;
use crate::diagnostic::{Diagnostic, Source};
use crate::lint::{self, LintError, Report, Rule};
use crate::plan::Plan;
use crate::proof::{self, Conclusion, InputError, Inputs, NamedFile, Proof};
use crate::stacks::{self, Stack};
use crate::template::{Template, TemplateFile};

/// The format of templates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TemplateFormat {
    /// With comments and short-form intrinsic functions.
    Yaml,
    /// Without comments, with long-form intrinsic functions.
    Json,
}

impl TemplateFormat {
    /// Returns the file extension of this format.
    pub(crate) fn extension(self) -> &'static str {
        match self {
            Self::Yaml => "yaml",
            Self::Json => "json",
        }
    }
}

/// A synthesized file.
#[derive(Debug, Clone)]
pub struct SynthesizedFile {
    /// Path relative to the output folder, with `/` as the separator.
    pub path: String,
    /// Stack name for a template, or bucket name for a policy.
    pub name: String,
    /// The contents.
    pub file: TemplateFile,
    /// Whether the file is a template or the merged policy of an existing bucket.
    pub is_template: bool,
}

/// The stacks of a plan and their files.
#[derive(Debug, Clone)]
pub struct Synthesis {
    /// The stacks, in the order of a first deployment.
    pub stacks: Vec<Stack>,
    /// The templates, and the merged policy of an existing artifact bucket. The templates of the
    /// stacks come first.
    pub files: Vec<SynthesizedFile>,
}

/// The reason why templates cannot be checked.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// A template cannot be read.
    #[error("`{}` is not a template", .0.name())]
    Template(Box<Source>, Diagnostic),
    /// Guard cannot evaluate the rules.
    #[error(transparent)]
    Lint(#[from] LintError),
    /// The proof cannot use its inputs.
    #[error("the templates cannot be proven")]
    Proof(Vec<InputError>),
}

/// The reason why checked templates are not written or deployed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// The lint found errors.
    #[error("the templates have errors")]
    Lint,
    /// There is no pipeline execution to check.
    #[error("no pipeline execution was checked")]
    Empty,
    /// A call is denied.
    #[error("a pipeline execution would fail")]
    Denied,
    /// An attack is allowed.
    #[error("the templates allow a call that must be denied")]
    Attack,
    /// A statement grants an unknown action.
    #[error("the templates contain unknown actions")]
    UnknownAction,
    /// A call is unproven.
    #[error("with --strict, unproven calls are errors")]
    Unproven,
    /// A statement grants permissions that no call needs.
    #[error("with --strict, unexplained excess permissions are errors")]
    Excess,
}

/// Linted and proven templates, from a synthesis or from the input files of a proof.
#[derive(Debug)]
pub struct Checked<T = Synthesis> {
    /// The templates.
    pub templates: T,
    rules: Vec<Rule>,
    pub(crate) quotas: Quotas,
    /// The findings, by template.
    pub reports: Vec<(Source, Report)>,
    /// The proof of a pipeline execution.
    pub proof: Proof,
}

/// A synthesis that passed its checks, and other templates that were checked later.
#[derive(Debug)]
pub(crate) struct Approved {
    synthesis: Synthesis,
    rules: Vec<Rule>,
    quotas: Quotas,
    /// Text of other templates that passed the lint.
    others: HashSet<String>,
}

/// Permission to deploy the text of a template. Only [`Approved::permit`] creates it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Permit<'t>(&'t str);

/// The reason why a template may not be deployed.
#[derive(Debug)]
pub(crate) enum Unapproved {
    /// The template cannot be checked.
    Unchecked(CheckError),
    /// The lint found errors.
    Errors(Vec<(Source, Report)>),
}

impl Synthesis {
    /// Synthesizes the templates of a plan. `named` maps the path of a file to the name that errors
    /// show.
    pub fn new(plan: &Plan, format: TemplateFormat, named: impl Fn(&str) -> String) -> Self {
        let stacks = stacks::stacks(plan);
        let files = stacks.iter().map(|stack| {
            SynthesizedFile::template(stack.name.clone(), &stack.template, format, &named)
        });
        Self {
            files: files.collect(),
            stacks,
        }
    }

    /// Returns the merged policy of an existing artifact bucket.
    pub(crate) fn merged_policy(&self) -> Option<&str> {
        let mut files = self.files.iter();
        files
            .find(|file| !file.is_template)
            .map(|file| file.file.text())
    }

    /// Checks the templates against the Guard rules and the quotas, and for repeated keys. Without
    /// rules, skips the Guard rules.
    ///
    /// # Errors
    /// Returns an error if a template cannot be read or Guard cannot evaluate the rules.
    pub(crate) fn lint(
        &self,
        rules: &[Rule],
        quotas: &Quotas,
    ) -> Result<Vec<(Source, Report)>, CheckError> {
        let templates = self.files.iter().filter(|file| file.is_template);
        let templates: Vec<TemplateFile> = templates.map(|file| file.file.clone()).collect();
        lint_files(rules, &templates, quotas)
    }

    /// Returns the inputs of the proof. With `dev_step`, they describe the state after the first
    /// deployment of the dev stack.
    pub fn inputs(&self, plan: &Plan, dev_step: bool) -> Inputs {
        let template = |name: &str| {
            let mut files = self.files.iter();
            let file = files.find(|file| file.is_template && file.name == name);
            Ok(file.map_or_else(|| Source::new(name, "").into(), |file| file.file.clone()))
        };
        let Ok(mut inputs) = Inputs::new::<std::convert::Infallible>(plan, dev_step, template);
        let policies = self.files.iter().filter(|file| !file.is_template);
        inputs
            .bucket_policies
            .extend(policies.map(|file| NamedFile {
                name: file.name.clone(),
                source: Some(file.file.source().clone()),
            }));
        inputs
    }

    /// Proves a pipeline execution.
    ///
    /// # Errors
    /// Returns an error if the proof cannot use the templates.
    pub(crate) fn prove(&self, plan: &Plan) -> Result<Proof, CheckError> {
        proof::prove(&self.inputs(plan, false)).map_err(CheckError::Proof)
    }

    /// Lints and proves the templates.
    ///
    /// # Errors
    /// Returns an error if a template cannot be checked.
    pub fn check(self, plan: &Plan, rules: Vec<Rule>) -> Result<Checked, CheckError> {
        Ok(Checked {
            reports: self.lint(&rules, &plan.quotas)?,
            proof: self.prove(plan)?,
            templates: self,
            rules,
            quotas: plan.quotas.clone(),
        })
    }
}

impl SynthesizedFile {
    /// Builds the file of a template. `name` has no extension.
    pub(crate) fn template(
        name: String,
        template: &Template,
        format: TemplateFormat,
        named: &impl Fn(&str) -> String,
    ) -> Self {
        let text = match format {
            TemplateFormat::Yaml => template.to_yaml(),
            TemplateFormat::Json => template.to_json_text(),
        };
        let path = format!("{name}.{}", format.extension());
        Self {
            file: Source::new(named(&path), text).into(),
            path,
            name,
            is_template: true,
        }
    }
}

impl Checked {
    /// Approves the stacks for deployment if all checks pass. With `strict`, unproven results,
    /// unresolved values, and unexplained excess permissions also fail.
    ///
    /// # Errors
    /// Returns an error if a check failed: the first reason not to deploy.
    pub(crate) fn approve(self, strict: bool) -> Result<Approved, Refusal> {
        let refusal = lint_refusal(&self.reports).or_else(|| proof_refusal(&self.proof, strict));
        match refusal {
            None => Ok(Approved {
                synthesis: self.templates,
                rules: self.rules,
                quotas: self.quotas,
                others: HashSet::new(),
            }),
            Some(refusal) => Err(refusal),
        }
    }
}

impl Approved {
    /// Returns the stacks and their files.
    pub(crate) fn synthesis(&self) -> &Synthesis {
        &self.synthesis
    }

    /// Permits the deployment of a template from the synthesis, or of another template, which is
    /// linted first. The proof of the other template is part of planning the change.
    ///
    /// # Errors
    /// Returns an error if the other template has lint errors or cannot be linted.
    pub(crate) fn permit<'t>(
        &mut self,
        name: impl FnOnce() -> String,
        text: &'t str,
    ) -> Result<Permit<'t>, Unapproved> {
        let mut files = self.synthesis.files.iter();
        if files.any(|file| file.is_template && file.file.text() == text)
            || self.others.contains(text)
        {
            return Ok(Permit(text));
        }
        let file = [Source::new(name(), text).into()];
        let reports =
            lint_files(&self.rules, &file, &self.quotas).map_err(Unapproved::Unchecked)?;
        if lint_refusal(&reports).is_some() {
            return Err(Unapproved::Errors(reports));
        }
        self.others.insert(text.to_owned());
        Ok(Permit(text))
    }
}

impl Permit<'_> {
    /// Returns whether the permit covers this text.
    pub(crate) fn covers(self, text: &str) -> bool {
        self.0 == text
    }
}

impl Inputs {
    /// Lints and proves the templates.
    ///
    /// # Errors
    /// Returns an error if a template cannot be checked.
    pub(crate) fn check(
        self,
        rules: Vec<Rule>,
        quotas: Quotas,
    ) -> Result<Checked<Self>, CheckError> {
        let templates = self.stacks.iter().map(|stack| stack.template.clone());
        let templates: Vec<_> = templates.collect();
        Ok(Checked {
            reports: lint_files(&rules, &templates, &quotas)?,
            proof: proof::prove(&self).map_err(CheckError::Proof)?,
            templates: self,
            rules,
            quotas,
        })
    }
}

/// Returns the reason not to deploy templates with these findings, if any.
pub(crate) fn lint_refusal(reports: &[(Source, Report)]) -> Option<Refusal> {
    let fails = reports.iter().any(|(_, report)| report.has_errors());
    fails.then_some(Refusal::Lint)
}

/// Returns the reason not to deploy templates with this proof, if any.
pub(crate) fn proof_refusal(proof: &Proof, strict: bool) -> Option<Refusal> {
    let outcome = proof.outcome();
    if !outcome.fails(strict) {
        return None;
    }
    Some(match outcome.conclusion() {
        Conclusion::Failed if outcome.empty.is_some() => Refusal::Empty,
        Conclusion::Failed if outcome.denied + outcome.obstacles > 0 => Refusal::Denied,
        Conclusion::Failed if outcome.allowed_attacks > 0 => Refusal::Attack,
        Conclusion::Failed => Refusal::UnknownAction,
        Conclusion::Unproven => Refusal::Unproven,
        Conclusion::Excess | Conclusion::Proven => Refusal::Excess,
    })
}

/// Checks templates against the Guard rules and the quotas, and for repeated keys. Without rules,
/// skips the Guard rules.
///
/// # Errors
/// Returns an error if a template cannot be read or Guard cannot evaluate the rules.
pub(crate) fn lint_files(
    rules: &[Rule],
    files: &[TemplateFile],
    quotas: &Quotas,
) -> Result<Vec<(Source, Report)>, CheckError> {
    let mut roots = Vec::new();
    for file in files {
        let root = file
            .root()
            .map_err(|problem| CheckError::Template(Box::new(file.source().clone()), problem))?;
        roots.push(root);
    }
    let sources = files.iter().map(TemplateFile::source);
    let templates: Vec<_> = sources.zip(roots.iter().map(AsRef::as_ref)).collect();
    let mut reports = match rules {
        [] => vec![Report::default(); templates.len()],
        _ => lint::check(rules, &templates)?,
    };
    for ((report, (source, root)), file) in reports.iter_mut().zip(&templates).zip(files) {
        let repeated = lint::repeated::findings(source, root, file.repeated_keys());
        report.add_suppressible(repeated);
        report.add(lint::quotas::findings(source, root, quotas));
    }
    let sources = files.iter().map(|file| file.source().clone());
    Ok(sources.zip(reports).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Document, EXAMPLE};

    fn approved() -> Approved {
        let document = Document::read(Source::new("s3ferry.yaml", EXAMPLE)).expect("valid");
        let plan = Plan::new(&document.config).expect("a plan");
        let synthesis = Synthesis::new(&plan, TemplateFormat::Yaml, str::to_owned);
        let checked = synthesis.check(&plan, lint::embedded()).expect("checked");
        checked.approve(true).expect("no errors")
    }

    #[test]
    fn only_checked_templates_get_a_permit() {
        let mut approved = approved();
        let own = approved.synthesis.files[0].file.text().to_owned();
        let name = || panic!("the template was already checked");
        let permit = approved.permit(name, &own).expect("checked");
        assert!(permit.covers(&own));
        assert!(!permit.covers(&own.replace("us-east-1", "us-east-2")));

        let other = own.replace("EnableKeyRotation: true", "EnableKeyRotation: false");
        let refused = approved.permit(|| "other".to_owned(), &other);
        let Err(Unapproved::Errors(reports)) = refused else {
            panic!("a key without rotation is permitted");
        };
        assert_eq!(reports[0].0.name(), "other");

        let commented = format!("# a comment\n{own}");
        assert!(approved.permit(|| "same".to_owned(), &commented).is_ok());
        assert!(approved.permit(name, &commented).is_ok(), "linted again");
    }
}
