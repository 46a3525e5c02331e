//! The text of a template with its tree, which is read once.

use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use super::read::read_with_repeated_keys;
use crate::diagnostic::{Diagnostic, Node, RepeatedKey, Source};

/// The text of a template. Its copies share the text and the tree.
#[derive(Debug, Clone)]
pub struct TemplateFile(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    source: Source,
    tree: OnceLock<Result<Tree, Diagnostic>>,
}

#[derive(Debug)]
struct Tree {
    root: Arc<Node>,
    repeated: Vec<RepeatedKey>,
}

impl TemplateFile {
    /// Returns the tree of the template. The first call parses the text.
    ///
    /// # Errors
    ///
    /// Returns an error if the text is not a CloudFormation template, or if it has no resources.
    pub(crate) fn root(&self) -> Result<Arc<Node>, Diagnostic> {
        match self.tree() {
            Ok(tree) => Ok(Arc::clone(&tree.root)),
            Err(problem) => Err(problem.clone()),
        }
    }

    /// Returns the repeated keys of the template, in order, or no keys if the template cannot be
    /// read.
    pub(crate) fn repeated_keys(&self) -> &[RepeatedKey] {
        self.tree().as_ref().map_or(&[], |tree| &tree.repeated)
    }

    fn tree(&self) -> &Result<Tree, Diagnostic> {
        self.0.tree.get_or_init(|| {
            let (root, repeated) = read_with_repeated_keys(&self.0.source)?;
            Ok(Tree {
                root: Arc::new(root),
                repeated,
            })
        })
    }

    /// Returns the text with its name.
    pub(crate) fn source(&self) -> &Source {
        &self.0.source
    }
}

impl From<Source> for TemplateFile {
    fn from(source: Source) -> Self {
        Self(Arc::new(Inner {
            source,
            tree: OnceLock::new(),
        }))
    }
}

impl Deref for TemplateFile {
    type Target = Source;

    fn deref(&self) -> &Source {
        &self.0.source
    }
}
