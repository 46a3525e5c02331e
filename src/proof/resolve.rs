//! Resolves each template of the proof for every account and region that it is deployed to.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Arc;

use super::input::{InputError, Inputs};
use crate::diagnostic::Node;
use crate::run::Instance;
use crate::stacks::CREATE_PIPELINE;
use crate::template;

/// The deployment of a template.
#[derive(Debug, Clone)]
pub(super) struct Deployment<'a> {
    pub(super) stack: &'a str,
    pub(super) account: &'a str,
    pub(super) region: &'a str,
    pub(super) partition: &'a str,
    /// Parameter values.
    pub(super) parameters: Arc<HashMap<String, String>>,
    /// Index of its file.
    pub(super) file: usize,
    /// The target that the template belongs to; `None` for the dev account.
    pub(super) target: Option<&'a str>,
    /// Whether the target's deploy role copies the tags of the source object.
    pub(super) tagged_objects: bool,
    /// Its instance, if the template has several.
    pub(super) instance: Option<Arc<Instance>>,
}

/// A resolver with its deployment. It dereferences to the resolver that it wraps.
pub(super) struct Resolver<'a> {
    template: template::Resolver<'a>,
    deployment: Deployment<'a>,
}

impl<'a> Resolver<'a> {
    fn new(root: &'a Node, deployment: Deployment<'a>, key_ids: &'a [(String, String)]) -> Self {
        let known = template::Deployment {
            stack: Some(deployment.stack),
            account: Some(deployment.account),
            region: Some(deployment.region),
            partition: Some(deployment.partition),
            parameters: Arc::clone(&deployment.parameters),
            key_ids,
            number: deployment.file,
        };
        Self {
            template: template::Resolver::new(root, known),
            deployment,
        }
    }

    pub(super) fn deployment(&self) -> &Deployment<'a> {
        &self.deployment
    }
}

impl<'a> Deref for Resolver<'a> {
    type Target = template::Resolver<'a>;

    fn deref(&self) -> &Self::Target {
        &self.template
    }
}

/// Reads the templates.
pub(super) fn read_all(inputs: &Inputs) -> Result<Vec<Arc<Node>>, Vec<InputError>> {
    let mut nodes = Vec::new();
    let mut errors = Vec::new();
    for stack in &inputs.stacks {
        match stack.template.root() {
            Ok(node) => nodes.push(node),
            Err(problem) => errors.push(InputError::new(&stack.template, vec![problem])),
        }
    }
    if errors.is_empty() {
        Ok(nodes)
    } else {
        Err(errors)
    }
}

/// Creates the resolvers. The outputs of the dev template are the parameters of the other
/// templates, by name, unless a value is specified.
pub(super) fn resolvers<'a>(inputs: &'a Inputs, nodes: &'a [Arc<Node>]) -> Vec<Resolver<'a>> {
    let mut found: Vec<Resolver<'a>> = Vec::new();
    let given: HashMap<String, String> = inputs.parameters.iter().cloned().collect();
    let mut parameters = Arc::new(given);
    for (file, (stack, node)) in inputs.stacks.iter().zip(nodes).enumerate() {
        let values = match stack.known.parameters.as_slice() {
            [] => Arc::clone(&parameters),
            known => {
                let mut own: HashMap<String, String> = (*parameters).clone();
                own.extend(known.iter().cloned());
                Arc::new(own)
            }
        };
        for instance in &stack.instances {
            let deployment = Deployment {
                stack: &stack.name,
                account: &instance.account,
                region: &instance.region,
                partition: &inputs.partition,
                parameters: Arc::clone(&values),
                file,
                target: stack.is_target.then_some(&*stack.name),
                tagged_objects: stack.tagged_objects,
                instance: stack.is_generic.then(|| Arc::clone(instance)),
            };
            found.push(Resolver::new(node, deployment, &stack.known.key_ids));
        }
        if file == 0
            && let Some(dev) = found.first()
        {
            let mut values = dev.outputs();
            let given = inputs.parameters.iter();
            values.extend(given.filter(|(name, _)| name != CREATE_PIPELINE).cloned());
            parameters = Arc::new(values);
        }
    }
    found
}
