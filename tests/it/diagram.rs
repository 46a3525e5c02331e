//! The geometry of the diagram, read back from the SVG: nothing overlaps, and every name is whole.
//! `tests/browser` measures the same with the fonts of a browser.

use std::collections::BTreeMap;

use quick_xml::events::{BytesStart, Event};
use serde_json::Value;

use crate::support::{Project, SMALL};

/// A rectangle: left, top, right, bottom.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Rect(f64, f64, f64, f64);

impl Rect {
    fn touches(&self, other: &Self) -> bool {
        self.0 < other.2 && other.0 < self.2 && self.1 < other.3 && other.1 < self.3
    }

    fn holds(&self, other: &Self, margin: f64) -> bool {
        self.0 + margin <= other.0
            && self.1 + margin <= other.1
            && other.2 + margin <= self.2
            && other.3 + margin <= self.3
    }
}

#[derive(Debug, Clone)]
struct Text {
    class: String,
    text: String,
    rect: Rect,
}

/// A side, a node, or an arrow.
#[derive(Debug, Clone, Default)]
struct Group {
    class: String,
    rect: Option<Rect>,
    texts: Vec<Text>,
    /// The corners of an arrow.
    points: Vec<(f64, f64)>,
}

impl Group {
    fn is(&self, class: &str) -> bool {
        self.class.split(' ').any(|part| part == class)
    }

    fn rect(&self) -> Rect {
        self.rect.expect("a rectangle")
    }
}

fn attribute(element: &BytesStart<'_>, name: &str) -> String {
    let found = element.try_get_attribute(name).expect("attributes");
    let value = found.map(|found| found.value.into_owned());
    String::from_utf8(value.unwrap_or_default()).expect("UTF-8")
}

fn number(element: &BytesStart<'_>, name: &str) -> f64 {
    attribute(element, name).parse().expect("a number")
}

/// Returns the corners of a path. The control point of a rounded corner counts as the corner.
fn points(path: &str) -> Vec<(f64, f64)> {
    let mut points = Vec::new();
    let mut after_curve = false;
    for part in path.split(' ') {
        let at = part.trim_start_matches(['M', 'L', 'Q']);
        let (x, y) = at.split_once(',').expect("a point");
        // The end of a curve is on the next line.
        if !after_curve {
            points.push((x.parse().expect("a number"), y.parse().expect("a number")));
        }
        after_curve = part.starts_with('Q');
    }
    points
}

/// Reads a diagram. The widths of texts are estimates for a common font.
fn groups(svg: &str) -> Vec<Group> {
    let mut reader = quick_xml::Reader::from_str(svg);
    let mut groups: Vec<Group> = Vec::new();
    let mut text: Option<(String, f64, f64, bool)> = None;
    loop {
        match reader.read_event().expect("XML") {
            Event::Eof => return groups,
            Event::Start(element) | Event::Empty(element) => match element.name().as_ref() {
                b"g" | b"a" => groups.push(Group {
                    class: attribute(&element, "class"),
                    ..Group::default()
                }),
                b"rect" if attribute(&element, "class") != "paper" => {
                    let [x, y] = ["x", "y"].map(|name| number(&element, name));
                    let [width, height] = ["width", "height"].map(|name| number(&element, name));
                    let group = groups.last_mut().expect("a group");
                    group.rect = Some(Rect(x, y, x + width, y + height));
                }
                b"path" if attribute(&element, "class") == "line" => {
                    let group = groups.last_mut().expect("a group");
                    group.points = points(&attribute(&element, "d"));
                }
                b"text" => {
                    let ends = attribute(&element, "text-anchor") == "end";
                    let class = attribute(&element, "class");
                    text = Some((class, number(&element, "x"), number(&element, "y"), ends));
                }
                _ => {}
            },
            Event::Text(content) => {
                let Some((class, x, y, ends)) = text.take() else {
                    continue;
                };
                let shown = content.decode().expect("text").into_owned();
                let advance = if class == "name" { 7.83 } else { 7.2 };
                let width = shown.chars().count() as f64 * advance;
                let left = if ends { x - width } else { x };
                let rect = Rect(left, y - 11.0, left + width, y + 3.0);
                let group = groups.last_mut().expect("a group");
                group.texts.push(Text {
                    class,
                    text: shown,
                    rect,
                });
            }
            _ => {}
        }
    }
}

/// Returns the segments of a line as rectangles with the width of the line.
fn strokes(points: &[(f64, f64)]) -> Vec<Rect> {
    const HALF: f64 = 1.5;
    let lines = points.windows(2).map(|ends| {
        let [(x1, y1), (x2, y2)] = [ends[0], ends[1]];
        Rect(
            x1.min(x2) - HALF,
            y1.min(y2) - HALF,
            x1.max(x2) + HALF,
            y1.max(y2) + HALF,
        )
    });
    lines.collect()
}

/// Returns a description of every overlap in a diagram.
fn overlaps(groups: &[Group]) -> Vec<String> {
    let of = |class: &'static str| groups.iter().filter(move |group| group.is(class));
    let mut found = Vec::new();
    for group in of("node") {
        let rect = group.rect();
        for text in &group.texts {
            if !rect.holds(&text.rect, 4.0) {
                found.push(format!("`{}` touches its box", text.text));
            }
        }
        if !of("side").any(|side| side.rect().holds(&rect, 10.0)) {
            found.push(format!("a box is in no side: {group:?}"));
        }
    }
    let nodes: Vec<&Group> = of("node").collect();
    for (number, node) in nodes.iter().enumerate() {
        for other in &nodes[number + 1..] {
            if node.rect().touches(&other.rect()) {
                found.push(format!("boxes overlap: {node:?} {other:?}"));
            }
        }
    }
    let titles = of("side").flat_map(|side| &side.texts);
    let labels = of("arrow").flat_map(|arrow| &arrow.texts);
    let texts: Vec<&Text> = titles.chain(labels).collect();
    for (number, text) in texts.iter().enumerate() {
        for other in &texts[number + 1..] {
            if text.rect.touches(&other.rect) {
                found.push(format!("`{}` overlaps `{}`", text.text, other.text));
            }
        }
        for node in &nodes {
            if text.rect.touches(&node.rect()) {
                found.push(format!("`{}` overlaps a box", text.text));
            }
        }
        for side in of("side").map(Group::rect) {
            if text.rect.touches(&side) && !side.holds(&text.rect, 2.0) {
                found.push(format!("`{}` is on the border of a side", text.text));
            }
        }
    }
    for arrow in of("arrow") {
        for stroke in strokes(&arrow.points) {
            for text in &texts {
                if text.rect.touches(&stroke) {
                    found.push(format!("`{}` is on the line {:?}", text.text, arrow.points));
                }
            }
            for node in &nodes {
                // A line ends at the edge of a box, and the head of its arrow touches the box.
                let Rect(left, top, right, bottom) = node.rect();
                if Rect(left + 4.0, top + 4.0, right - 4.0, bottom - 4.0).touches(&stroke) {
                    found.push(format!("the line {:?} crosses a box", arrow.points));
                }
            }
        }
    }
    found
}

/// Asserts that each box shows a complete name, and that no two boxes on a side show the same name.
fn assert_complete_names(groups: &[Group], graph: &Value) {
    let nodes = graph["nodes"].as_array().expect("nodes");
    let boxes: Vec<&Group> = groups.iter().filter(|group| group.is("node")).collect();
    assert_eq!(boxes.len(), nodes.len());
    let mut shown: BTreeMap<(u64, String), &str> = BTreeMap::new();
    for (group, node) in boxes.iter().zip(nodes) {
        let lines = group.texts.iter().filter(|line| line.class == "name");
        let name: String = lines.map(|line| line.text.replace('\u{a0}', "")).collect();
        let whole = match node["kind"].as_str().expect("a kind") {
            "event-bridge" => "EventBridge",
            "log-delivery" => "S3",
            _ => node["name"].as_str().expect("a name"),
        };
        let rest = name.strip_prefix(whole).expect(whole).trim_start();
        assert!(rest.is_empty() || rest.starts_with('×'), "{name} {whole}");
        let text: Vec<&str> = group.texts.iter().map(|line| line.text.as_str()).collect();
        let side = node["side"].as_u64().expect("a side");
        let arn = node["arn"].as_str().expect("an ARN");
        let known = shown.insert((side, text.join(" ")), arn);
        assert!(
            known.is_none_or(|known| known == arn),
            "{text:?} is shown twice"
        );
    }
}

/// Checks the diagrams of a project: the SVG document, and both shapes in the report.
fn check(project: &Project, targets: usize) {
    let svg = project.run("graph --format svg").stdout;
    let graph: Value =
        serde_json::from_str(&project.run("graph --format json").stdout).expect("JSON");
    project.run("report");
    let page = project.read("report.html");
    let in_page = page.split("<svg ").skip(1).map(|part| {
        let end = part.find("</svg>").expect("an end");
        format!("<svg {}</svg>", &part[..end])
    });
    let diagrams: Vec<String> = std::iter::once(svg).chain(in_page).collect();
    assert_eq!(diagrams.len(), 3);
    for diagram in &diagrams {
        assert!(!diagram.contains('…'));
        let groups = groups(diagram);
        let sides = groups.iter().filter(|group| group.is("side")).count();
        assert_eq!(sides, targets + 1);
        let arrows = graph["arrows"].as_array().expect("arrows").len();
        let drawn = groups.iter().filter(|group| group.points.len() > 1).count();
        assert_eq!(drawn, arrows);
        assert_complete_names(&groups, &graph);
        let found = overlaps(&groups);
        assert!(found.is_empty(), "{}", found.join("\n"));
    }
}

/// Returns a name with this length.
fn long(word: &str, length: usize) -> String {
    word.chars().cycle().take(length).collect()
}

#[test]
fn the_example() {
    check(&Project::with(SMALL), 1);
}

#[test]
fn names_as_long_as_aws_allows() {
    let [source, artifacts] = ["source-of-the-team-", "artifacts"].map(|word| long(word, 63));
    let (pipeline, role) = (long("Central-Pipeline-", 90), long("ServiceRole", 64));
    let mut config = format!(
        "dev:\n  account: \"111111111111\"\n  region: ap-southeast-1\n  \
         key: {{ multi_region: true }}\n  source: {{ bucket: {source} }}\n  artifacts: {{ bucket: {artifacts} }}\n  \
         pipeline:\n    name: {pipeline}\n    \
         service_role: arn:aws:iam::111111111111:role/{role}\ntargets:\n"
    );
    for (number, region) in ["ap-southeast-1", "eu-central-1"].iter().enumerate() {
        let (name, bucket) = (long("production-", 39), long("site-of-the-product-", 62));
        let role = long("deployrole", 63);
        config += &format!(
            "  - name: {name}{number}\n    account: \"{number}22222222222\"\n    region: {region}\n    \
             bucket: {bucket}{number}\n    role: {role}{number}\n"
        );
    }
    check(&Project::with(&config), 2);
}

#[test]
fn many_regions_and_accounts() {
    let project = Project::with(
        "organization: o-exampleorg1
dev:
  account: \"111111111111\"
  key: { multi_region: true }
targets:
  - name: canary
    account: \"222222222222\"
    bucket: site-canary
  - name: fleet
    accounts: [\"333333333333\", \"444444444444\"]
    regions: [us-east-1, eu-west-1, eu-central-1, ap-southeast-1, us-west-2]
    bucket: \"site-{account}-{region}\"
",
    );
    check(&project, 2);
}

#[test]
fn six_targets_and_many_equal_ones() {
    for (count, drawn) in [(6, 6), (9, 1)] {
        let targets: String = (0..count)
            .map(|number| {
                format!(
                    "  - name: t{number}\n    account: \"22222222222{number}\"\n    \
                     bucket: site-{number}\n"
                )
            })
            .collect();
        let config = format!("dev:\n  account: \"111111111111\"\ntargets:\n{targets}");
        check(&Project::with(&config), drawn);
    }
}

#[test]
fn keys_of_existing_buckets_are_unproven() {
    let key = "key/12345678-1234-1234-1234-123456789012";
    let project = Project::with(&format!(
        "organization: o-exampleorg1
dev:
  account: \"111111111111\"
  source:
    bucket: my-source
    create: false
    encryption_key: arn:aws:kms:us-east-1:111111111111:{key}
targets:
  - name: prod
    account: \"222222222222\"
    bucket: my-site
    create: false
    encryption_key: arn:aws:kms:us-east-1:222222222222:{key}
"
    ));
    let svg = project.run("graph --format svg").stdout;
    assert!(svg.contains("unproven"), "{svg}");
    check(&project, 1);
}

#[test]
fn denied_calls_and_problems_of_a_side() {
    let project = Project::with(SMALL);
    project.expect("synth", 0);
    let prod = project.read("stacks/prod.yaml");
    let before = "          - Sid: DecryptArtifacts";
    let more = "          - Effect: Allow\n            Action: iam:PassRole\n            Resource: \"*\"\n";
    let prod = prod.replace(before, &format!("{more}{before}"));
    project.write(
        "stacks/prod.yaml",
        prod.replace("- kms:Decrypt", "- kms:Encrypt"),
    );
    let svg = project.run("graph --format svg").stdout;
    assert!(svg.contains("decrypt DENIED"), "{svg}");
    assert!(svg.contains("Review: "), "{svg}");
    check(&project, 1);
}
