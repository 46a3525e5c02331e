"""Checks the action and all workflows, including those in the documentation, with zizmor and the
published schemas.

usage: workflows.py
"""

import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(sys.executable).parent


def documented():
    """Returns the workflows in fenced code blocks, by the position of the block."""
    found = {}
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    for page in pages:
        text = page.read_text(encoding="utf-8")
        for block in re.finditer(r"^```ya?ml[^\n]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
            if re.search(r"^jobs:", block[1], re.MULTILINE):
                line = text.count("\n", 0, block.start()) + 1
                name = f"{page.relative_to(ROOT)}-{line}".replace("/", "-")
                found[name] = block[1]
    return found


def main():
    failed = False

    def run(*command):
        nonlocal failed
        failed |= subprocess.run(command, cwd=ROOT, check=False).returncode != 0

    with tempfile.TemporaryDirectory() as folder:
        copies = pathlib.Path(folder) / ".github" / "workflows"
        copies.mkdir(parents=True)
        blocks = documented()
        if not blocks:
            sys.exit("the documentation contains no workflow")
        for name, text in blocks.items():
            (copies / f"{name}.yml").write_text(text, encoding="utf-8")
        own = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
        workflows = [str(path) for path in [*own, *sorted(copies.glob("*.yml"))]]
        dependabot = str(ROOT / ".github" / "dependabot.yml")
        zizmor = [BIN / "zizmor", "--offline", "--persona=regular", "--no-progress"]
        run(*zizmor, "action.yml", dependabot, *workflows)
        schema = [BIN / "check-jsonschema", "--builtin-schema"]
        run(*schema, "vendor.github-workflows", *workflows)
        run(*schema, "vendor.github-actions", "action.yml")
        run(*schema, "vendor.dependabot", dependabot)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
