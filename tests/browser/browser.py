"""Runs a headless Chromium, and the real binary in a separate folder."""

import os
import pathlib
import subprocess
import tempfile
import unittest

from playwright.sync_api import sync_playwright

BINARY = os.environ["S3FERRY"]
# A function that returns the layout faults of a page.
MEASURE = (pathlib.Path(__file__).parent / "measure.js").read_text()
# Without a network, the browser's own requests would fail and log messages.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SMALL = """\
dev:
  account: "111111111111"
targets:
  - name: prod
    account: "222222222222"
"""


class Folder:
    """A project folder."""

    def __init__(self, config=SMALL):
        self._temporary = tempfile.TemporaryDirectory()
        self.path = pathlib.Path(self._temporary.name)
        (self.path / "s3ferry.yaml").write_text(config)

    def run(self, *arguments, code=0):
        """Runs the binary, and returns its standard output."""
        done = subprocess.run(
            [BINARY, *arguments],
            cwd=self.path,
            capture_output=True,
            text=True,
            env={"PATH": os.environ["PATH"], "HOME": str(self.path)},
        )
        assert done.returncode == code, (arguments, done.returncode, done.stderr)
        return done.stdout

    def edit(self, file, old, new):
        """Replaces a text that occurs exactly once in a file."""
        path = self.path / file
        text = path.read_text()
        assert text.count(old) == 1, f"{old!r} occurs {text.count(old)} times in {file}"
        path.write_text(text.replace(old, new))

    def report(self, *arguments, code=0):
        """Writes a report, and returns its address."""
        self.run("report", *arguments, code=code)
        return (self.path / "report.html").as_uri()

    def close(self):
        self._temporary.cleanup()


class BrowserTest(unittest.TestCase):
    """A test of pages that must not log messages or request other files."""

    @classmethod
    def setUpClass(cls):
        cls._playwright = sync_playwright().start()
        cls.browser = cls._playwright.chromium.launch(
            executable_path=os.environ["S3FERRY_CHROMIUM"], args=ARGUMENTS
        )

    @classmethod
    def tearDownClass(cls):
        cls.browser.close()
        cls._playwright.stop()

    def setUp(self):
        self.complaints = []
        self.requests = []

    def tearDown(self):
        self.assertEqual(self.complaints, [])

    def open(self, address, **options):
        """Opens a page in a separate browser context."""
        context = self.browser.new_context(viewport={"width": 1500, "height": 900}, **options)
        self.addCleanup(context.close)
        page = context.new_page()
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", lambda dialog: self.complaints.append(f"alert: {dialog.message}"))
        page.on("request", lambda request: self.requests.append(request.url))
        page.goto(address)
        return page
