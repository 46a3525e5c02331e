#!/bin/sh
# Creates the virtual environment of the tests (.venv: cfn-lint, the AWS CLI, ministack, zizmor, and
# data of moto, pinned) if it is missing or has other requirements. Prints only errors.
set -eu
cd "$(dirname "$0")/../.."
requirements=tests/python/requirements.txt
data=tests/python/data.txt
ready=.venv/requirements.txt

is_ready() {
    cat "$requirements" "$data" | cmp -s - "$ready" && .venv/bin/python -c 'import cfnlint, check_jsonschema, ministack, yaml' 2>/dev/null
}

is_ready && exit 0
mkdir -p .venv
# One at a time: `make` and `cargo test` can both start this script.
if command -v flock >/dev/null; then
    exec 9>.venv/.lock
    flock 9
    if is_ready; then exit 0; fi
fi
rm -f "$ready"
# An environment of other requirements would keep packages that nothing asks for any more.
rm -rf .venv/bin .venv/lib .venv/lib64 .venv/pyvenv.cfg
python3 -m venv .venv >&2
.venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement "$requirements" >&2
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --requirement "$data" >&2
cat "$requirements" "$data" >"$ready"
