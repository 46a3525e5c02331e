"""Tests the report as a reviewer uses it."""

import re

from axe_playwright_python.sync_playwright import Axe

from playwright.sync_api import expect

from browser import BrowserTest, Folder


def find(page, words, found):
    """Filters the page, and waits for the number of matches to appear."""
    page.fill("#find", words)
    # The largest pages take a while on a busy machine.
    expect(page.locator("#found")).to_have_text(re.compile(found), timeout=30_000)


def visible(page, selector):
    return [element for element in page.query_selector_all(selector) if element.is_visible()]


class ReportTest(BrowserTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder = Folder()
        cls.folder.run("synth")
        cls.address = cls.folder.report()

    @classmethod
    def tearDownClass(cls):
        cls.folder.close()
        super().tearDownClass()

    def test_the_report_requests_no_other_file(self):
        page = self.open(self.address)
        page.click(".diagram.wide a text >> nth=0")
        self.assertEqual(self.requests, [self.address])
        text = (self.folder.path / "report.html").read_text()
        markup = re.sub(r"<script>.*</script>", "", text, flags=re.DOTALL)
        loads = re.findall(r"""(?:src|href)\s*=\s*["']?([^"' >]+)""", markup)
        self.assertTrue(loads)
        self.assertEqual([to for to in loads if not to.startswith("#")], [])

    def test_every_arrow_opens_its_calls_and_the_statements_of_both_sides(self):
        page = self.open(self.address)
        arrows = page.query_selector_all(".diagram.wide a")
        self.assertEqual(len(arrows), 13)
        for arrow in arrows:
            label = arrow.get_attribute("aria-label")
            arrow.focus()
            page.keyboard.press("Enter")
            self.assertTrue(page.is_visible("#panel"), label)
            # The panel repeats the text of the page.
            calls = page.locator(arrow.get_attribute("href"))
            self.assertEqual(
                page.inner_text("#panel-title").strip(),
                " ".join(calls.locator("summary").text_content().split()),
            )
            self.assertGreater(page.locator("#panel tbody tr").count(), 0, label)
            lines = page.locator("#panel .excerpt pre").all_inner_texts()
            self.assertTrue(lines, label)
            self.assertTrue(all("Effect: Allow" in text for text in lines), lines)
            page.keyboard.press("Escape")
            self.assertFalse(page.is_visible("#panel"))
            focused = page.evaluate("document.activeElement.getAttribute('aria-label')")
            self.assertEqual(focused, label)

    def test_reading_needs_both_sides(self):
        page = self.open(self.address)
        page.click(".diagram.wide a[aria-label^='5: decrypt'] text")
        excerpts = page.locator("#panel .excerpt").all_inner_texts()
        self.assertEqual(len(excerpts), 2)
        self.assertIn("DecryptArtifacts stacks/prod.yaml", excerpts[0])
        self.assertIn("DeployRoleDecryptsArtifactsProd stacks/dev.yaml", excerpts[1])
        self.assertIn("aws:PrincipalArn: arn:aws:iam::222222222222:role/prods3role", excerpts[1])

    def test_a_statement_links_to_its_line(self):
        page = self.open(self.address)
        page.click(".diagram.wide a[aria-label^='4: check, assume'] text")
        at = page.locator("#panel .at").first.inner_text()
        file, line = at.split(":")
        link = page.locator("#panel td a").first
        sid, anchor = link.inner_text(), link.get_attribute("href")
        link.click()
        self.assertFalse(page.is_visible("#panel"))
        mark = page.locator(f"mark{anchor}")
        self.assertTrue(mark.evaluate("""mark => {
            const box = mark.getBoundingClientRect();
            return box.height > 0 && box.top >= 0 && box.top < innerHeight;
        }"""))
        written = (self.folder.path / file).read_text().splitlines()[int(line) - 1]
        self.assertIn(f"Sid: {sid}", written)
        self.assertTrue(mark.inner_text().startswith(f"Sid: {sid}"))

    def test_the_templates_are_complete(self):
        page = self.open(self.address)
        for number, name in enumerate(["dev", "prod"]):
            written = (self.folder.path / f"stacks/{name}.yaml").read_text()
            shown = page.locator(f"#file-{number} pre code").text_content()
            self.assertEqual(shown, written)

    def test_the_filter_shows_only_matches(self):
        page = self.open(self.address)
        everything = len(visible(page, "[data-find]"))
        page.keyboard.press("/")
        self.assertTrue(page.evaluate("document.activeElement.id === 'find'"))
        find(page, "kms:Decrypt prods3role", "^[1-9][0-9]* of ")
        shown = visible(page, "[data-find]")
        self.assertLess(0, len(shown))
        self.assertLess(len(shown), everything)
        for element in shown:
            text = element.text_content().lower()
            self.assertTrue("kms:decrypt" in text and "prods3role" in text, text[:200])
        self.assertIn(f"{len(shown)} of ", page.inner_text("#found"))
        find(page, "nothing of the kind", "^0 of ")
        self.assertEqual(visible(page, "[data-find]"), [])
        page.press("#find", "Escape")
        self.assertEqual(len(visible(page, "[data-find]")), everything)

    def test_printing_and_links_clear_the_filter(self):
        page = self.open(self.address)
        everything = len(visible(page, "[data-find]"))
        find(page, "nothing of the kind", "^0 of ")
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        self.assertGreaterEqual(len(visible(page, "[data-find]")), everything)
        find(page, "nothing of the kind", "^0 of ")
        page.click(".diagram.wide a[aria-label^='5: decrypt'] text")
        page.click("#panel td a >> nth=0")
        focused = page.evaluate("document.activeElement.textContent")
        self.assertTrue(focused.startswith("Sid: DecryptArtifacts"), focused[:80])

    def test_every_link_has_a_target(self):
        page = self.open(self.address)
        dead = page.evaluate("""[...document.querySelectorAll("a[href^='#']")]
            .map(link => link.getAttribute("href"))
            .filter(href => !document.getElementById(href.slice(1)))""")
        self.assertEqual(dead, [])
        ids = page.evaluate("[...document.querySelectorAll('[id]')].map(it => it.id)")
        self.assertEqual(len(ids), len(set(ids)))

    def test_the_report_is_complete_without_scripts(self):
        page = self.open(self.address, java_script_enabled=False)
        self.assertFalse(page.is_visible("#finder"))
        self.assertFalse(page.is_visible("#panel"))
        arrow = page.locator(".diagram.wide a").nth(3)
        target = arrow.get_attribute("href")
        arrow.focus()
        page.keyboard.press("Enter")
        self.assertTrue(page.url.endswith(target))
        calls = page.locator(target)
        self.assertTrue(calls.is_visible())
        calls.locator("summary").click()
        self.assertTrue(calls.locator("table").is_visible())

    def test_the_report_is_accessible(self):
        for scheme in ["light", "dark"]:
            page = self.open(self.address, color_scheme=scheme)
            page.evaluate("document.querySelectorAll('details').forEach(it => it.open = true)")
            found = Axe().run(page)
            self.assertEqual(found.violations_count, 0, found.generate_report())
            page.click(".diagram.wide a text >> nth=5")
            found = Axe().run(page)
            self.assertEqual(found.violations_count, 0, found.generate_report())

    def test_the_light_and_dark_colors_differ(self):
        colors = set()
        for scheme in ["light", "dark"]:
            page = self.open(self.address, color_scheme=scheme)
            colors.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        self.assertEqual(len(colors), 2)


class BrokenTest(BrowserTest):
    """Reports about edited templates."""

    def setUp(self):
        super().setUp()
        self.folder = Folder()
        self.addCleanup(self.folder.close)
        self.folder.run("synth")

    def test_a_denied_call_is_shown_and_explained(self):
        self.folder.edit("stacks/prod.yaml", "- kms:Decrypt", "- kms:Encrypt")
        page = self.open(self.folder.report(code=1))
        self.assertEqual(page.locator(".diagram.wide a.denied").count(), 1)
        self.assertIn("Do not deploy", page.inner_text(".verdict"))
        page.click(".diagram.wide a.denied text")
        panel = page.inner_text("#panel")
        self.assertIn("denied", panel)
        self.assertIn("Add to DevKmsS3Access", panel)
        self.assertIn("kms:Decrypt", page.inner_text("#panel .why pre"))
        # The excess grant is marked in the template.
        page.keyboard.press("Escape")
        marked = page.locator(".code mark.excess").all_text_contents()
        self.assertEqual(len([text for text in marked if "kms:Encrypt" in text]), 1)

    def test_an_allowed_attack_is_shown(self):
        self.folder.edit(
            "stacks/prod.yaml",
            "Action: s3:PutObject\n            Resource: arn:aws:s3:::codepipeline-output-bucket/*",
            "Action: [s3:PutObject, s3:DeleteObject]\n"
            "            Resource: arn:aws:s3:::codepipeline-output-bucket/*",
        )
        page = self.open(self.folder.report(code=1))
        row = page.locator("#attacks tbody tr").first
        self.assertIn("ALLOWED", row.inner_text())
        self.assertIn("s3:DeleteObject", row.inner_text())

    def test_markup_in_a_template_is_shown_as_text(self):
        nasty = "x</code></script><script>alert(1)</script><img src=x onerror=alert(2)>"
        self.folder.edit(
            "stacks/prod.yaml",
            "Sid: DecryptArtifacts\n",
            f"Sid: DecryptArtifacts\n            # {nasty}\n",
        )
        self.folder.edit(
            "stacks/prod.yaml", "Description: \"", f"Description: \"{nasty} "
        )
        page = self.open(self.folder.report())
        self.assertIn(nasty, page.locator("#file-1 pre code").text_content())
        self.assertEqual(page.locator("script").count(), 1)
        self.assertEqual(page.locator("img").count(), 0)


class ManyTargetsTest(BrowserTest):
    def report(self, config):
        folder = Folder(config)
        self.addCleanup(folder.close)
        return self.open(folder.report())

    def test_one_target_represents_many_and_each_target_lists_its_calls(self):
        targets = "".join(
            f"""\
  - name: site-{number}
    account: "{200000000000 + number}"
    bucket: site-{number}-bucket
"""
            for number in range(150)
        )
        page = self.report(f"""\
organization: o-exampleorg1
dev:
  account: "111111111111"
targets:
{targets}""")
        self.assertEqual(page.locator(".diagram.wide .side").count(), 2)
        self.assertIn("and 149 similar", page.locator(".diagram.wide").text_content())
        self.assertEqual(page.locator("#calls .group").count(), 151)
        find(page, "200000000077 decrypt", "^[1-9][0-9]* of ")
        groups = visible(page, "#calls .group")
        self.assertEqual(len(groups), 1)
        self.assertIn("target site-77", groups[0].inner_text())
        groups[0].query_selector(".arrow-calls:not([hidden]) summary").click()
        visible(page, "#calls .arrow-calls a[href^='#f']")[-1].click()
        self.assertIn("Sid", page.evaluate("document.activeElement.textContent"))

    def test_a_report_for_many_accounts_is_usable(self):
        accounts = ", ".join(f'"{200000000000 + number}"' for number in range(500))
        page = self.report(f"""\
organization: o-exampleorg1
dev:
  account: "111111111111"
  key: {{ multi_region: true }}
targets:
  - name: fleet
    accounts: [{accounts}]
    regions: [us-east-1, eu-west-1]
    bucket: "site-{{account}}-{{region}}"
""")
        self.assertIn("1000 accounts and regions", page.locator(".diagram.wide").text_content())
        # Each region has an artifact bucket and a deploy role.
        self.assertEqual(page.locator(".diagram.wide .node.bucket", has_text="artifact").count(), 2)
        self.assertEqual(page.locator(".diagram.wide .node", has_text="deploy role").count(), 2)
        # The filter finds each account.
        find(page, "200000000432 eu-west-1", "^[1-9][0-9]* of ")
        listed = [item.inner_text() for item in visible(page, "#calls li")]
        self.assertEqual(listed, ["200000000432 eu-west-1"])
