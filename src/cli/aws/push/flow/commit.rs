//! Follows or starts the execution of a commit, if the source is a repository. CodePipeline detects
//! new commits itself, so nothing is uploaded.

use crate::deploy::Observer as _;
use crate::deploy::execution::{self, Execution, Revision};
use crate::plan::RepositorySource;

use super::{Push, START_LIMIT, options::PushOptions};
use crate::cli::aws::push::document::Document;
use crate::cli::aws::screen::Screen;
use crate::cli::project::Project;
use crate::cli::{Failure, Outcome};

/// Length of a full commit ID (SHA-1).
const FULL: usize = 40;
/// Minimum length of an abbreviated commit ID, as in Git.
const SHORTEST: usize = 7;

/// The task of a push for a repository.
pub(in crate::cli::aws::push) enum Task {
    /// Follow the execution of the commit, or the newest execution.
    Follow(Option<String>),
    /// Start an execution of the commit, or of the newest commit.
    Start(Option<String>),
}

/// Returns the task of a push for a repository.
///
/// # Errors
/// Returns an error if the options describe an upload, or if the argument is not a commit ID.
pub(in crate::cli::aws::push) fn task(
    options: &PushOptions,
    project: &Project,
    repository: &RepositorySource,
) -> Result<Task, Failure> {
    let pipeline = &project.plan.dev.pipeline;
    let source = format!(
        "the source of pipeline `{pipeline}` is repository `{}`",
        repository.repository
    );
    let push = format!(
        "push to branch `{}` to deploy; to follow a commit, use `s3ferry push --watch COMMIT`",
        repository.branch
    );
    if options.hidden || options.strict || !options.allow.is_empty() {
        let message = format!("{source}: --hidden, --strict, and --allow require an upload");
        return Err(Failure::new(message, push));
    }
    let text = options.path.as_deref().map(|path| path.to_string_lossy());
    let commit = match text {
        None if !options.watch && !options.start => {
            let message = format!("{source}, so there is nothing to upload");
            return Err(Failure::new(message, push));
        }
        None => None,
        Some(text) if is_commit(&text) => Some(text.to_ascii_lowercase()),
        Some(text) => {
            let message = format!("{source}, and `{text}` is not a commit ID");
            return Err(Failure::new(message, push));
        }
    };
    match (options.start, options.no_watch) {
        (true, _) => match commit {
            // CodePipeline does not resolve abbreviated IDs.
            Some(short) if short.len() < FULL => Err(Failure::new(
                format!("`{short}` is abbreviated, but --start requires the full commit ID"),
                format!("run `git rev-parse {short}` to get the full ID"),
            )),
            commit => Ok(Task::Start(commit)),
        },
        (false, true) => Err(Failure::new(
            format!("{source}, so --no-watch has no effect without --start"),
            push,
        )),
        (false, false) => Ok(Task::Follow(commit)),
    }
}

/// Returns whether a text is a commit ID, which may be abbreviated.
fn is_commit(text: &str) -> bool {
    (SHORTEST..=FULL).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Runs the task.
pub(in crate::cli::aws::push) async fn run(
    options: &PushOptions,
    project: &Project,
    screen: &Screen<'_>,
    task: Task,
) -> Result<Outcome, Failure> {
    let result = Document::of_repository(&project.plan);
    let (mut push, _) = Push::open(options, project, screen, result).await?;
    match task {
        Task::Start(commit) => push.start_commit(commit.as_deref()).await,
        Task::Follow(commit) => push.follow_commit(commit.as_deref()).await,
    }
}

impl Push<'_> {
    async fn start_commit(&mut self, commit: Option<&str>) -> Result<Outcome, Failure> {
        const NEXT: &str = "to follow the pipeline, run `s3ferry push --watch`";
        let Some(version) = commit else {
            return self.begin(None, NEXT).await;
        };
        let Some(action) = self.source_action().await? else {
            return Err(Failure::new(
                format!(
                    "pipeline `{}` cannot be started with a commit: it is not of type V2, or no \
                     source action reads the configured branch",
                    self.pipeline()
                ),
                "use `--start` without a commit to deploy the newest one",
            ));
        };
        self.source(version, false)?;
        let revision = Revision {
            action: &action,
            version,
            is_commit: true,
        };
        self.begin(Some(revision), NEXT).await
    }

    async fn follow_commit(&mut self, commit: Option<&str>) -> Result<Outcome, Failure> {
        let limit = START_LIMIT.min(self.options.aws.wait_timeout);
        let pipeline = self.pipeline().to_owned();
        self.screen.begins("pipeline to start");
        let takes = |one: &&Execution| match commit {
            Some(commit) => one
                .versions
                .iter()
                .any(|version| version.starts_with(commit)),
            None => true,
        };
        let pick = |found: &[Execution]| found.iter().find(takes).cloned();
        let found = execution::appears(&self.access, &pipeline, limit, pick).await;
        self.screen.clear();
        let Some(found) = found? else {
            let message = match commit {
                Some(commit) => {
                    format!("no execution of pipeline `{pipeline}` uses commit {commit}")
                }
                None => format!("pipeline `{pipeline}` has no executions"),
            };
            return Err(Failure::finding(
                message,
                "check that the commit is on the branch and matches the trigger filters, and that \
                 the connection is available; to deploy a commit now, use `s3ferry push --start \
                 COMMIT`",
            ));
        };
        let version = match commit {
            Some(commit) => (found.versions.iter()).find(|version| version.starts_with(commit)),
            None => found.versions.first(),
        };
        if let Some(version) = version.cloned() {
            self.source(&version, false)?;
        }
        self.follow(&found.id).await
    }
}

#[cfg(test)]
mod tests {
    use super::is_commit;

    #[test]
    fn commits_are_hexadecimal() {
        assert!(is_commit("4f3c2b1"));
        assert!(is_commit("4F3C2B1a90"));
        assert!(is_commit(&"a".repeat(40)));
        for text in ["site/", "4f3c2b", "main", "", "4f3c2bg", &"a".repeat(41)] {
            assert!(!is_commit(text), "{text}");
        }
    }
}
