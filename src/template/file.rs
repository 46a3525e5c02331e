//! A template's text with its tree, which is read once.

use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use crate::diagnostic::{Diagnostic, Node, Source};

/// The text of a template. Its copies share the text and the tree.
#[derive(Debug, Clone)]
pub struct TemplateFile(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    source: Source,
    root: OnceLock<Result<Arc<Node>, Diagnostic>>,
}

impl TemplateFile {
    /// Returns the tree of the template. The first call reads it.
    ///
    /// # Errors
    /// The text is not a CloudFormation template, or it has no resources.
    pub(crate) fn root(&self) -> Result<Arc<Node>, Diagnostic> {
        let read = || super::read_template(&self.0.source).map(Arc::new);
        self.0.root.get_or_init(read).clone()
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
            root: OnceLock::new(),
        }))
    }
}

impl Deref for TemplateFile {
    type Target = Source;

    fn deref(&self) -> &Source {
        &self.0.source
    }
}
