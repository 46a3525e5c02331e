//! A picture as SVG: a document of its own, or an element of a page in which every arrow is a
//! link.

use maud::{Markup, PreEscaped, html};

use super::layout::{Layout, Rect, Route, layout};
use super::{Arrow, Graph, Kind, Node, label};
use crate::proof::Verdict;

/// The picture's looks, in light and dark.
pub(crate) const STYLE: &str = include_str!("style.css");

/// Characters that a box has room for.
const NAME_LENGTH: usize = 21;
const DETAIL_LENGTH: usize = 27;

pub(super) fn document(graph: &Graph) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{}\n",
        element(graph, None).into_string()
    )
}

pub(super) fn element(graph: &Graph, href: Option<&dyn Fn(&Arrow) -> String>) -> Markup {
    let layout = layout(graph);
    let (width, height) = (layout.width, layout.height);
    let alone = href.is_none();
    html! {
        svg class="picture" xmlns="http://www.w3.org/2000/svg"
            viewBox=(format!("0 0 {width:.0} {height:.0}"))
            width=(format!("{width:.0}")) height=(format!("{height:.0}"))
            role=(if alone { "img" } else { "group" }) aria-labelledby="picture-name" {
            title id="picture-name" { "The run of a pipeline: who calls what, in which account" }
            @if alone {
                style { (PreEscaped(STYLE)) }
                rect class="paper" width="100%" height="100%" {}
            }
            @for (side, rect) in graph.sides.iter().zip(&layout.sides) {
                g {
                    (boxed(if side.target.is_none() { "side dev" } else { "side" }, rect, 12.0))
                    text class="side-title" x=(rect.x + 22.0) y=(rect.y + 28.0) {
                        tspan class="strong" { (label::shortened(&side.title(), 34)) }
                        "  " (label::shortened(&side.accounts(), 48))
                        title { (side.title()) " " (side.accounts()) }
                    }
                    @if !side.trouble.is_empty() {
                        text class="trouble" x=(rect.x + 22.0) y=(rect.y + rect.height - 8.0) {
                            (label::shortened(&side.troubles(), 62))
                            title { (side.trouble.join("; ")) }
                        }
                    }
                }
            }
            @for (node, rect) in graph.nodes.iter().zip(&layout.nodes) {
                (node_box(node, rect))
            }
            @for (arrow, route) in in_order(graph, &layout) {
                @let inner = html! {
                    title { (label::arrow_sentence(graph, arrow)) }
                    path class="hit" d=(route.path) {}
                    path class="line" d=(route.path) {}
                    polygon points=(route.head) {}
                    text x=(format!("{:.1}", route.label.0)) y=(format!("{:.1}", route.label.1))
                        text-anchor=(route.anchor) { (label::arrow(arrow)) }
                };
                @match href {
                    Some(href) => a class=(classes(arrow)) href=(href(arrow))
                        aria-label=(label::arrow_sentence(graph, arrow)) { (inner) },
                    None => g class=(classes(arrow)) { (inner) },
                }
            }
        }
    }
}

/// The arrows in the order of the artifact's way, those that only surround it last. They are drawn
/// over the boxes, so that no label is covered.
fn in_order<'g>(graph: &'g Graph, layout: &'g Layout) -> Vec<(&'g Arrow, &'g Route)> {
    let mut arrows: Vec<_> = graph.arrows.iter().zip(&layout.arrows).collect();
    arrows.sort_by_key(|(arrow, _)| arrow.number().unwrap_or(u8::MAX));
    arrows
}

fn boxed(class: &str, rect: &Rect, radius: f64) -> Markup {
    html! {
        rect class=(class) x=(rect.x) y=(rect.y) width=(rect.width) height=(rect.height)
            rx=(radius) {}
    }
}

fn node_box(node: &Node, rect: &Rect) -> Markup {
    let class = match node.kind {
        kind if kind.is_store() => "node bucket",
        kind if kind.is_key() => "node key",
        Kind::Pipeline => "node pipeline",
        Kind::Account | Kind::EventBridge | Kind::LogDelivery | Kind::Service => "node service",
        _ => "node role",
    };
    html! {
        g class=(class) {
            title { (label::what(node)) " " (node.arn) }
            (boxed("", rect, if node.kind.is_store() { 3.0 } else { 9.0 }))
            text class="strong" x=(rect.x + 13.0) y=(rect.y + 25.0) {
                (label::shortened(&label::name(node), NAME_LENGTH))
            }
            text class="detail" x=(rect.x + 13.0) y=(rect.y + 43.0) {
                (label::shortened(&label::what(node), DETAIL_LENGTH))
            }
        }
    }
}

fn classes(arrow: &Arrow) -> String {
    let mut class = "arrow".to_owned();
    match arrow.verdict {
        Verdict::Allowed | Verdict::NotGranted if label::moves_artifact(arrow) => {
            class.push_str(" artifact");
        }
        Verdict::Allowed | Verdict::NotGranted => {}
        Verdict::Denied => class.push_str(" denied"),
        Verdict::Unproven => class.push_str(" unproven"),
    }
    class
}
