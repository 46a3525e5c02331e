#!/bin/sh
# Creates the virtual environment of the tests if it is missing or its requirements have changed.
# The environment, .venv, contains pinned versions of cfn-lint, the AWS CLI, ministack, zizmor, and
# the data of moto. Prints only errors.
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
# `make` and `cargo test` can start this script at the same time, so it takes a lock.
if command -v flock >/dev/null; then
    exec 9>.venv/.lock
    flock 9
    if is_ready; then exit 0; fi
fi
rm -f "$ready"
# Without this, an existing environment would keep packages that are no longer required.
rm -rf .venv/bin .venv/lib .venv/lib64 .venv/pyvenv.cfg
python3 -m venv .venv >&2
.venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement "$requirements" >&2
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --requirement "$data" >&2
cat "$requirements" "$data" >"$ready"
