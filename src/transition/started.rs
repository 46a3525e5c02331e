//! Finds the pipelines that run in a given state of a transition: the first one, and the chain of
//! pipelines that it starts.

use super::piece::Piece;
use crate::stacks::Side;
use crate::template::{Resource, Template};

/// Returns the pipeline of a template and its name.
pub(super) fn pipeline(template: &Template) -> Option<(&Resource, &str)> {
    let mut all = template.resources.iter();
    let found = all.find(|resource| resource.kind == "AWS::CodePipeline::Pipeline")?;
    Some((found, found.properties.field("Name")?.as_text()?))
}

/// Returns for each stack whether it belongs to the running pipelines, if the stacks have these
/// templates. The stack of an additional pipeline that was removed from the configuration does not,
/// unless a running pipeline starts that pipeline.
pub(super) fn started(pieces: &[Piece], templates: &[Option<&Template>]) -> Vec<bool> {
    let is_pipeline = |piece: &Piece| matches!(piece.side, Side::Pipeline(_));
    let is_left = |piece: &Piece| piece.is_removed && is_pipeline(piece);
    let mut found: Vec<bool> = pieces.iter().map(|piece| !is_left(piece)).collect();
    if found.iter().all(|is_started| *is_started) {
        return found;
    }
    let texts: Vec<String> = (pieces.iter().zip(templates))
        .map(|(piece, template)| match template {
            Some(one) if is_pipeline(piece) || piece.side == Side::Dev => one.to_json().to_string(),
            _ => String::new(),
        })
        .collect();
    loop {
        let next = (0..pieces.len()).find(|&number| {
            let name = templates[number].and_then(pipeline).map(|(_, name)| name);
            let text = name.map(|name| format!("\"PipelineName\":\"{name}\""));
            !found[number]
                && text.is_some_and(|text| {
                    let mut others = texts.iter().zip(&found);
                    others.any(|(other, is_started)| *is_started && other.contains(&text))
                })
        });
        match next {
            Some(number) => found[number] = true,
            None => return found,
        }
    }
}
