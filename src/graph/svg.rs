//! Writes a diagram as SVG: a document, or elements of a page in which every arrow is a link.

use maud::{Markup, PreEscaped, html};

use super::layout::{Frame, Layout, Line, PAPER, Rect, layout};
use super::path::Route;
use super::place::Shape;
use super::{Arrow, Graph, Kind, Node, label};
use crate::proof::Verdict;

/// The style of a diagram, for light and dark mode.
pub(crate) const STYLE: &str = include_str!("style.css");

pub(super) fn document(graph: &Graph) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{}\n",
        element(graph, Shape::Wide, &layout(graph, Shape::Wide), None).into_string()
    )
}

/// The height that remains below a heading on a landscape A4 page.
const PAGE: f64 = 620.0;

/// A diagram for a page, in both shapes. The style of the page shows one of them.
pub(crate) struct Html {
    pub(crate) diagrams: Markup,
    /// The style that selects the visible shape.
    pub(crate) style: String,
}

pub(super) fn html(graph: &Graph, href: &dyn Fn(&Arrow) -> String) -> Html {
    let [wide, tall] = [Shape::Wide, Shape::Tall].map(|shape| layout(graph, shape));
    // Space around the diagram: the page padding and a scroll bar.
    let screen = wide.width + 2.0 * 24.0 + 16.0;
    let (on_paper, height) = match wide.width <= PAPER {
        true => ("wide", wide.height),
        false => ("tall", tall.height),
    };
    // Keep the diagram and its heading on one page. A taller diagram continues on the next pages in
    // any case.
    let breaks = match height <= PAGE {
        true => "page",
        false => "auto",
    };
    let style = format!(
        ".diagram {{ display: none; }} .diagram.tall {{ display: block; }} \
         @media screen and (min-width: {screen:.0}px) {{ .diagram.tall {{ display: none; }} \
         .diagram.wide {{ display: block; }} }} \
         @media print {{ .diagram.tall {{ display: none; }} \
         .diagram.{on_paper} {{ display: block; }} #diagram {{ break-before: {breaks}; }} }}\n"
    );
    Html {
        diagrams: html! {
            (element(graph, Shape::Wide, &wide, Some(href)))
            (element(graph, Shape::Tall, &tall, Some(href)))
        },
        style,
    }
}

fn element(
    graph: &Graph,
    shape: Shape,
    layout: &Layout,
    href: Option<&dyn Fn(&Arrow) -> String>,
) -> Markup {
    let (width, height) = (layout.width, layout.height);
    let alone = href.is_none();
    let (class, name) = match shape {
        Shape::Wide => ("diagram wide", "diagram-name"),
        Shape::Tall => ("diagram tall", "tall-diagram-name"),
    };
    html! {
        svg class=(class) xmlns="http://www.w3.org/2000/svg"
            viewBox=(format!("0 0 {width:.0} {height:.0}"))
            width=(format!("{width:.0}")) height=(format!("{height:.0}"))
            role=(if alone { "img" } else { "group" }) aria-labelledby=(name) {
            title id=(name) { "Calls of a pipeline execution: callers, resources, and accounts" }
            @if alone {
                style { (PreEscaped(STYLE)) }
                rect class="paper" width="100%" height="100%" {}
            }
            @for (side, frame) in graph.sides.iter().zip(&layout.sides) {
                g class=(if side.target.is_none() { "side dev" } else { "side" }) {
                    @if !side.trouble.is_empty() { title { (side.trouble.join("; ")) } }
                    (boxed(&frame.rect, 12.0))
                    (texts(&frame.lines))
                }
            }
            // Later elements are drawn over earlier ones: the arrows and their labels over the
            // boxes.
            @for (node, frame) in graph.nodes.iter().zip(&layout.nodes) {
                (node_box(node, frame))
            }
            @for (arrow, route) in in_order(graph, layout) {
                @let path = route.path();
                @let inner = html! {
                    title { (label::arrow_sentence(graph, arrow)) }
                    path class="hit" d=(path) {}
                    path class="line" d=(path) {}
                    polygon points=(route.head()) {}
                    text x=(number(route.label.0)) y=(number(route.label.1))
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

/// Returns the arrows in drawing order. Arrows that need attention are last, because arrows that
/// share a track cover each other.
fn in_order<'g>(graph: &'g Graph, layout: &'g Layout) -> Vec<(&'g Arrow, &'g Route)> {
    let mut arrows: Vec<_> = graph.arrows.iter().zip(&layout.arrows).collect();
    arrows.sort_by_key(|(arrow, _)| {
        let is_worse = matches!(arrow.verdict, Verdict::Denied | Verdict::Unproven);
        (is_worse, arrow.number().unwrap_or(u8::MAX))
    });
    arrows
}

fn number(value: f64) -> String {
    format!("{value:.1}")
}

fn boxed(rect: &Rect, radius: f64) -> Markup {
    html! {
        rect x=(number(rect.x)) y=(number(rect.y)) width=(number(rect.width))
            height=(number(rect.height)) rx=(radius) {}
    }
}

fn texts(lines: &[Line]) -> Markup {
    html! {
        @for line in lines {
            text class=(line.class) x=(number(line.x)) y=(number(line.y)) { (line.text) }
            // In the text, a space separates the lines of a sentence, but not the lines of a name.
            @if line.class != "name" { " " }
        }
    }
}

fn node_box(node: &Node, frame: &Frame) -> Markup {
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
            (boxed(&frame.rect, if node.kind.is_store() { 3.0 } else { 9.0 }))
            (texts(&frame.lines))
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
