"""Tests the layout of the report on screens and on paper, with the fonts of the browser.

The screenshots and PDF files are in `target/screenshots/` (or `$CARGO_TARGET_DIR/screenshots/`).
"""

import os
import pathlib
import re

from browser import MEASURE, SMALL, BrowserTest, Folder
from test_graph import FLEET

HERE = pathlib.Path(__file__).parent
SCREENSHOTS = (
    pathlib.Path(os.environ.get("CARGO_TARGET_DIR", HERE.parent.parent / "target")) / "screenshots"
)
WIDTHS = [400, 800, 1400]
# A4 landscape without margins of 10 mm, in CSS pixels.
PAPER = {"width": 1046, "height": 718}

LONG = f"""\
dev:
  account: "111111111111"
  source: {{ bucket: {("source-of-the-team-" * 4)[:63]} }}
  pipeline:
    name: {("Central-Pipeline-" * 6)[:90]}
    service_role: arn:aws:iam::111111111111:role/{("ServiceRole" * 6)[:64]}
targets:
  - name: {("production-" * 4)[:40]}
    account: "222222222222"
    bucket: {("site-of-the-product-" * 4)[:63]}
    role: {("deployrole" * 7)[:64]}
"""
EXISTING = f"{SMALL}    create: false\n"


def denied(folder):
    """Breaks the templates: a call is denied, an attack is allowed, and a grant is excess."""
    folder.run("synth")
    folder.edit("stacks/prod.yaml", "- kms:Decrypt", "- kms:Encrypt")
    folder.edit(
        "stacks/prod.yaml",
        "Action: s3:PutObject\n            Resource: arn:aws:s3:::codepipeline-output-bucket/*",
        "Action: [s3:PutObject, s3:DeleteObject]\n"
        "            Resource: arn:aws:s3:::codepipeline-output-bucket/*",
    )


class LayoutTest(BrowserTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)

    def report(self, config, prepare=None):
        folder = Folder(config)
        self.addCleanup(folder.close)
        if prepare:
            prepare(folder)
        return folder.report(code=1 if prepare else 0)

    def check(self, name, address):
        """Measures a report at every size."""
        for width in WIDTHS:
            with self.subTest(report=name, width=width):
                page = self.open(address)
                page.set_viewport_size({"width": width, "height": 900})
                page.evaluate(
                    "document.querySelectorAll('details:not(.source)').forEach(it => it.open = true)"
                )
                # Gives sections that are not on the screen their real size, too.
                page.add_style_tag(content=".group, .source { content-visibility: visible; }")
                page.screenshot(path=SCREENSHOTS / f"{name}-{width}.png", full_page=True)
                self.assertEqual(page.evaluate(MEASURE), [])
                self.assertEqual(len(page.query_selector_all("svg.diagram")), 2)
                shown = [it for it in page.query_selector_all("svg.diagram") if it.is_visible()]
                self.assertEqual(len(shown), 1)
        with self.subTest(report=name, medium="print"):
            page = self.open(address)
            page.set_viewport_size(PAPER)
            page.emulate_media(media="print")
            page.evaluate("dispatchEvent(new Event('beforeprint'))")
            self.assertEqual(page.evaluate(MEASURE), [])
        return self.print(name, address)

    def print(self, name, address, prepare=None, **options):
        """Prints a report to a PDF file, and returns the number of its pages."""
        page = self.open(address, **options)
        if prepare:
            prepare(page)
        pdf = page.pdf(
            path=SCREENSHOTS / f"{name}.pdf", prefer_css_page_size=True, print_background=True
        )
        # A4 landscape, in points.
        sizes = re.findall(rb"/MediaBox \[0 0 ([0-9.]+) ([0-9.]+)\]", pdf)
        self.assertTrue(sizes)
        for width, height in sizes:
            self.assertAlmostEqual(float(width), 842, delta=1)
            self.assertAlmostEqual(float(height), 595, delta=1)
        return len(re.findall(rb"/Type /Page\b", pdf))

    def test_the_example(self):
        address = self.report(SMALL)
        pages = self.check("example", address)
        self.assertLessEqual(pages, 12)
        # The calls are printed without scripts, too.
        without = self.print("example-no-script", address, java_script_enabled=False)
        self.assertLessEqual(abs(without - pages), 1)

    def test_templates_are_printed_on_demand(self):
        address = self.report(SMALL)
        pages = self.print("example", address)

        def open_templates(page):
            page.click("#open-templates")

        with_templates = self.print("example-templates", address, open_templates)
        self.assertGreater(with_templates, pages + 5)

    def test_printing_leaves_the_screen_as_it_was(self):
        page = self.open(self.report(SMALL))
        opened = lambda: page.evaluate("document.querySelectorAll('details[open]').length")
        before = opened()
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        self.assertGreater(opened(), before)
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        self.assertEqual(opened(), before)

    def test_a_fleet(self):
        self.check("fleet", self.report(FLEET))

    def test_names_as_long_as_aws_allows(self):
        self.check("long", self.report(LONG))

    def test_denied_calls(self):
        self.check("denied", self.report(SMALL, denied))

    def test_unproven_calls(self):
        self.check("unproven", self.report(EXISTING))

    def test_the_panel_of_an_arrow(self):
        address = self.report(SMALL)
        for width in WIDTHS:
            with self.subTest(width=width):
                page = self.open(address)
                page.set_viewport_size({"width": width, "height": 900})
                page.click("svg.diagram:visible a[aria-label^='5: decrypt'] text")
                page.screenshot(path=SCREENSHOTS / f"panel-{width}.png")
                self.assertEqual(page.evaluate(MEASURE), [])

    def test_the_dark_report(self):
        address = self.report(SMALL)
        page = self.open(address, color_scheme="dark")
        page.screenshot(path=SCREENSHOTS / "example-dark.png", full_page=True)
