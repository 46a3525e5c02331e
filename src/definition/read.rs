//! Reads a definition. Follows *CodePipeline pipeline structure reference* in the AWS
//! documentation.

use super::model::{self, ActionPart, Tree as _, member};
use crate::diagnostic::{self, Diagnostic, Node, Source, Span};
use crate::plan::SourcePlan;

const HOW_TO_GET_ONE: &str =
    "specify the output of `aws codepipeline get-pipeline --name NAME --output json`";

/// A pipeline's definition, with the text that it was read from.
#[derive(Debug, Clone)]
pub(crate) struct Definition {
    /// The text.
    pub source: Source,
    /// Pipeline name.
    pub name: String,
    /// ARN of the service role.
    pub role_arn: String,
    /// Version, if specified.
    pub version: Option<i64>,
    /// ARN of the pipeline, from the metadata of the response.
    pub arn: Option<String>,
    /// The artifact stores.
    pub stores: Vec<Store>,
    /// The actions of all stages, in order.
    pub actions: Vec<Action>,
    pub(super) root: Node,
}

/// An artifact store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Store {
    /// Region; `None` for a single store, which is in the pipeline's region.
    pub region: Option<String>,
    pub bucket: String,
    /// The key as written: an ID, an ARN, or an alias.
    pub key: Option<String>,
    /// Position of the bucket.
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Action {
    /// Name of its stage.
    pub stage: String,
    pub name: String,
    /// Category, such as `Deploy`.
    pub category: String,
    /// Provider, such as `S3`.
    pub provider: String,
    /// Configuration, by key.
    pub configuration: Vec<(String, String)>,
    /// ARN of its role, if it has one.
    pub role_arn: Option<String>,
    /// Region; `None` for the pipeline's region.
    pub region: Option<String>,
    /// Namespace of its variables.
    pub namespace: Option<String>,
    /// Position of its name.
    pub span: Span,
    /// Index of its stage.
    pub stage_index: usize,
    /// Index in its stage.
    pub index: usize,
}

impl Action {
    /// Returns a value from the action configuration.
    pub(crate) fn setting(&self, key: &str) -> Option<&str> {
        let found = self.configuration.iter().find(|(name, _)| name == key);
        found.map(|(_, value)| value.as_str())
    }

    /// Returns the output bucket of an S3 deploy action.
    pub(crate) fn output_bucket(&self) -> Option<&str> {
        (self.category == "Deploy" && self.provider == "S3")
            .then(|| self.setting("BucketName"))
            .flatten()
    }

    /// Returns whether the action reads an object in S3 or a repository, which a configuration can
    /// describe.
    pub(crate) fn is_known_source(&self) -> bool {
        self.category == "Source"
            && matches!(self.provider.as_str(), "S3" | "CodeStarSourceConnection")
    }

    /// Returns the source that the action reads, or `None` if it is not a known source action.
    fn source(&self) -> Option<ReadSource<'_>> {
        if !self.is_known_source() {
            return None;
        }
        let keys = match self.provider.as_str() {
            "S3" => ["S3Bucket", "S3ObjectKey", ""],
            _ => ["ConnectionArn", "FullRepositoryId", "BranchName"],
        };
        Some((
            &self.provider,
            keys.map(|key| self.setting(key).unwrap_or_default()),
        ))
    }

    /// Returns whether the action reads the planned source.
    pub(crate) fn reads(&self, planned: &SourcePlan) -> bool {
        let planned = match planned {
            SourcePlan::Object(source) => ("S3", [&*source.bucket.name, &source.key, ""]),
            SourcePlan::Repository(source) => (
                "CodeStarSourceConnection",
                [&*source.connection, &source.repository, &source.branch],
            ),
        };
        self.source() == Some(planned)
    }
}

/// A source: the provider of its action, and the settings that identify it.
type ReadSource<'a> = (&'a str, [&'a str; 3]);

impl Definition {
    /// Returns a note about a trigger for pull requests, if the pipeline has one.
    pub(crate) fn note_on_pull_requests(&self) -> Option<String> {
        let triggers = member(self.pipeline(), "Triggers").and_then(Node::items)?;
        let has_one = |trigger: &Node| {
            let git = member(trigger, "GitConfiguration");
            git.is_some_and(|git| member(git, "PullRequest").is_some())
        };
        triggers.iter().any(has_one).then(|| {
            "A trigger starts the pipeline for pull requests: it deploys commits that nobody has \
             merged. Remove the trigger unless every author of a pull request may deploy."
                .to_owned()
        })
    }

    /// Reads a definition: the response of *GetPipeline*, or only its `pipeline`.
    ///
    /// # Errors
    ///
    /// Returns an error if the text is not JSON or is not the definition of a pipeline.
    pub(crate) fn read(source: Source) -> Result<Self, Vec<Diagnostic>> {
        strict_json(&source).map_err(|problem| vec![problem])?;
        let root = diagnostic::read(&source).map_err(|problem| vec![problem])?;
        let mut reader = Reader::default();
        let pipeline = root.get("pipeline").unwrap_or(&root);
        let name = reader.text(pipeline, "name");
        let role_arn = reader.text(pipeline, "roleArn");
        let stores = reader.stores(pipeline);
        let actions = reader.actions(pipeline);
        if !reader.problems.is_empty() {
            return Err(reader.problems);
        }
        let version = pipeline.get("version").and_then(Node::scalar_text);
        let arn = root.at(["metadata", "pipelineArn"]).and_then(Node::as_str);
        Ok(Self {
            name,
            role_arn,
            version: version.and_then(|version| version.parse().ok()),
            arn: arn.map(str::to_owned),
            stores,
            actions,
            root,
            source,
        })
    }

    /// Reads a definition from a response on one line. Formats the response first, so that
    /// differences and positions can be shown.
    ///
    /// # Errors
    ///
    /// Returns the same errors as [`read`](Self::read).
    pub(crate) fn of_answer(name: &str, text: &str) -> Result<Self, (Source, Vec<Diagnostic>)> {
        let source = Source::new(name, super::edit::laid_out(text));
        Self::read(source.clone()).map_err(|problems| (source, problems))
    }

    /// Returns the definition without the rest of the response.
    pub(super) fn pipeline(&self) -> &Node {
        self.root.get("pipeline").unwrap_or(&self.root)
    }

    /// Returns whether the text is only the definition, without the rest of the response.
    pub(crate) fn is_bare(&self) -> bool {
        self.root.get("pipeline").is_none()
    }

    /// Returns the definition as JSON for *UpdatePipeline*, without the rest of the response.
    pub(crate) fn pipeline_text(&self) -> &str {
        let node = self.pipeline();
        let end = super::edit::end(self.source.text(), node);
        &self.source.text()[node.span.start..end]
    }

    /// Returns whether the pipeline is of type V2. A definition without a type is of type V1.
    pub(crate) fn is_v2(&self) -> bool {
        let kind = self.pipeline().get("pipelineType");
        kind.and_then(Node::as_str) == Some("V2")
    }

    /// Returns the region of the pipeline, from its ARN or its only artifact store.
    pub(crate) fn region(&self) -> Option<String> {
        if let Some(arn) = &self.arn {
            return arn.split(':').nth(3).map(str::to_owned);
        }
        match self.stores.as_slice() {
            [
                Store {
                    region: Some(region),
                    ..
                },
            ] => Some(region.clone()),
            _ => None,
        }
    }

    /// Returns the account of the pipeline, from its service role.
    pub(crate) fn account(&self) -> Option<&str> {
        self.role_arn.split(':').nth(4).filter(|id| !id.is_empty())
    }
}

/// Checks that the text is JSON, because the YAML reader accepts more than JSON.
fn strict_json(source: &Source) -> Result<(), Diagnostic> {
    let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(source.text()) else {
        return Ok(());
    };
    let text = source.text();
    let line_start: usize = text
        .split_inclusive('\n')
        .take(error.line().saturating_sub(1))
        .map(str::len)
        .sum();
    let mut at = (line_start + error.column().saturating_sub(1)).min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let said = error.to_string();
    let said = said.split(" at line ").next().unwrap_or_default();
    let empty = text.trim().is_empty();
    let message = if empty {
        "the definition is empty".to_owned()
    } else {
        format!("invalid JSON: {said}")
    };
    Err(Diagnostic::new(Span { start: at, end: at }, message).help(HOW_TO_GET_ONE))
}

#[derive(Default)]
struct Reader {
    problems: Vec<Diagnostic>,
}

impl Reader {
    fn missing(&mut self, node: &Node, key: &str) {
        let span = match node.entries() {
            Some([first, ..]) => first.key_span,
            _ => node.span,
        };
        self.problems.push(
            Diagnostic::new(
                span,
                format!("missing `{key}`: this is not a pipeline definition"),
            )
            .help(HOW_TO_GET_ONE),
        );
    }

    fn wrong(&mut self, node: &Node, key: &str, wanted: &str) {
        self.problems.push(
            Diagnostic::new(
                node.span,
                format!("`{key}` is {}, but must be {wanted}", node.kind()),
            )
            .help(HOW_TO_GET_ONE),
        );
    }

    /// Returns a required string.
    fn text(&mut self, node: &Node, key: &str) -> String {
        match node.get(key) {
            None => self.missing(node, key),
            Some(found) => match found.as_str() {
                Some(text) => return text.to_owned(),
                None => self.wrong(found, key, "a string"),
            },
        }
        String::new()
    }

    /// Returns an optional string.
    fn optional(&mut self, key: &str, found: Option<&Node>) -> Option<String> {
        let found = found?;
        if found.as_str().is_none() {
            self.wrong(found, key, "a string");
        }
        found.as_str().map(str::to_owned)
    }

    fn list<'n>(&mut self, node: &'n Node, key: &str) -> &'n [Node] {
        match node.get(key) {
            None => self.missing(node, key),
            Some(found) => match found.items() {
                Some(items) => return items,
                None => self.wrong(found, key, "a list"),
            },
        }
        &[]
    }

    fn stores(&mut self, pipeline: &Node) -> Vec<Store> {
        let (only, several) = (
            pipeline.get("artifactStore"),
            pipeline.get("artifactStores"),
        );
        match (only, several) {
            (None, None) => self.missing(pipeline, "artifactStore"),
            (None, Some(several)) if several.entries().is_none() => {
                self.wrong(several, "artifactStores", "a mapping of regions");
                return Vec::new();
            }
            _ => {}
        }
        let stores = model::stores(only, several.filter(|_| only.is_none())).into_iter();
        let stores = stores.filter_map(|part| Some((part.store?, part)));
        stores
            .map(|(node, part)| Store {
                region: part.region.map(str::to_owned),
                bucket: self.text(node, "location"),
                key: self.optional("id", part.key()),
                span: part.bucket().unwrap_or(node).span,
            })
            .collect()
    }

    fn actions(&mut self, pipeline: &Node) -> Vec<Action> {
        let mut found = Vec::new();
        for (stage_index, stage) in self.list(pipeline, "stages").iter().enumerate() {
            let stage_name = self.text(stage, "name");
            for (index, node) in self.list(stage, "actions").iter().enumerate() {
                let part = ActionPart(node);
                let kind = part.get("ActionTypeId");
                if kind.is_none() {
                    self.missing(node, "actionTypeId");
                }
                let mut kind_text =
                    |key: &str| kind.map(|kind| self.text(kind, key)).unwrap_or_default();
                let (category, provider) = (kind_text("category"), kind_text("provider"));
                let settings = part.get("Configuration").map(Node::members);
                let settings = settings.unwrap_or_default().into_iter();
                let configuration = settings
                    .filter_map(|(key, value)| Some((key.to_owned(), value.as_str()?.to_owned())))
                    .collect();
                found.push(Action {
                    stage: stage_name.clone(),
                    name: self.text(node, "name"),
                    category,
                    provider,
                    configuration,
                    role_arn: self.optional("roleArn", part.get("RoleArn")),
                    region: self.optional("region", part.get("Region")),
                    namespace: self.optional("namespace", part.get("Namespace")),
                    span: part.get("Name").unwrap_or(node).span,
                    stage_index,
                    index,
                });
            }
        }
        found
    }
}
