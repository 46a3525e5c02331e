"""Tests the diagrams with the programs that render their formats."""

import json
import os
import re
import subprocess
import xml.etree.ElementTree as ElementTree

from browser import MEASURE, BrowserTest, Folder

FLEET = """\
organization: o-exampleorg1
dev:
  account: "111111111111"
  key: { multi_region: true }
targets:
  - name: canary
    account: "222222222222"
    bucket: site-canary
  - name: fleet
    accounts: ["333333333333", "444444444444"]
    regions: [us-east-1, eu-west-1]
    bucket: "site-{account}-{region}"
"""


class GraphTest(BrowserTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folders = [Folder(), Folder(FLEET)]

    @classmethod
    def tearDownClass(cls):
        for folder in cls.folders:
            folder.close()
        super().tearDownClass()

    def each(self):
        for folder in self.folders:
            shape = json.loads(folder.run("graph", "--format", "json"))
            yield folder, len(shape["sides"]), len(shape["nodes"]), len(shape["arrows"])

    def test_mermaid_renders_the_diagram(self):
        script = os.environ["S3FERRY_MERMAID"]
        for folder, sides, nodes, arrows in self.each():
            page = self.open("about:blank")
            page.add_script_tag(path=script)
            svg = page.evaluate(
                """async text => {
                    mermaid.initialize({ startOnLoad: false });
                    return (await mermaid.render("run", text)).svg;
                }""",
                folder.run("graph"),
            )
            page.set_content(svg)
            self.assertEqual(page.locator("g.cluster").count(), sides)
            self.assertEqual(page.locator("g.node").count(), nodes)
            self.assertEqual(page.locator("path.flowchart-link").count(), arrows)
            self.assertIn("prods3role" if sides == 2 else "canarys3role", svg)

    def test_graphviz_renders_the_diagram(self):
        for folder, sides, nodes, arrows in self.each():
            done = subprocess.run(
                ["dot", "-Tsvg"],
                input=folder.run("graph", "--format", "dot"),
                capture_output=True,
                text=True,
            )
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            count = lambda what: len(re.findall(f'class="{what}"', done.stdout))
            self.assertEqual(count("cluster"), sides)
            self.assertEqual(count("node"), nodes)
            self.assertEqual(count("edge"), arrows)

    def test_the_svg_is_valid_and_nothing_overlaps(self):
        for folder, _, nodes, arrows in self.each():
            folder.run("graph", "--format", "svg", "--out", "run.svg")
            root = ElementTree.parse(folder.path / "run.svg").getroot()
            self.assertEqual(root.tag, "{http://www.w3.org/2000/svg}svg")
            page = self.open((folder.path / "run.svg").as_uri())
            self.assertEqual(page.locator("g.node").count(), nodes)
            self.assertEqual(page.locator("g.arrow").count(), arrows)
            self.assertEqual(page.evaluate(MEASURE), [])
