#!/usr/bin/env bash
# Runs `check` or another s3ferry command for action.yml.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
PATH=$HOME/.cache/s3ferry-action/bin:$PATH
# Arguments are split at spaces and not interpreted otherwise.
read -ra arguments <<<"${ARGS//$'\n'/ }" || true
# `${a[@]+…}` is for bash 3.2 on macOS: with `set -u`, it treats an empty array as an unset variable.

if [ "$COMMAND" != check ]; then
    exec s3ferry --config "$CONFIG" "$COMMAND" ${arguments[@]+"${arguments[@]}"}
fi

for argument in ${arguments[@]+"${arguments[@]}"}; do
    case $argument in
    --format | --format=* | --list-rules | --help | -h)
        echo "check does not support $argument: remove it from args, or use the command lint" >&2
        exit 2
        ;;
    esac
done

# All checks run, so that one push reports all problems.
worst=0
run() {
    local code=0
    "$@" || code=$?
    if [ "$code" -gt "$worst" ]; then worst=$code; fi
}

echo "::group::s3ferry synth --check"
run s3ferry --config "$CONFIG" synth --check --no-lint --no-prove
echo "::endgroup::"
echo "::group::s3ferry lint"
run s3ferry --config "$CONFIG" lint ${arguments[@]+"${arguments[@]}"}
echo "::endgroup::"
echo "::group::s3ferry prove"
run s3ferry --config "$CONFIG" prove
echo "::endgroup::"

# Writes the same findings to files. Checks that could not run were reported above and have no file.
folder=${RUNNER_TEMP:-/tmp}
found=()
findings() {
    local name=$1 code=0
    shift
    s3ferry --quiet --config "$CONFIG" "$name" --format sarif "$@" >"$folder/s3ferry-$name.sarif" 2>/dev/null || code=$?
    if [ "$code" -le 1 ]; then found+=("$name=$folder/s3ferry-$name.sarif"); fi
}
findings lint ${arguments[@]+"${arguments[@]}"}
findings prove

if [ "${#found[@]}" -gt 0 ]; then
    # The path of this folder in the repository. The repository may not be at the workspace root.
    if ! prefix=$(git rev-parse --show-prefix 2>/dev/null); then
        case $PWD in
        "${GITHUB_WORKSPACE:-}"/*) prefix=${PWD#"$GITHUB_WORKSPACE"/} ;;
        *) prefix= ;;
        esac
    fi
    if ! command -v python3 >/dev/null; then
        echo "::warning::python3 is not installed on this runner, so the findings are not uploaded"
    elif python3 "$here/sarif.py" "$prefix" "$folder/s3ferry.sarif" "${found[@]}"; then
        echo "sarif-file=$folder/s3ferry.sarif" >>"$GITHUB_OUTPUT"
    else
        echo "Cannot write the findings for code scanning: remove output options from args." >&2
        worst=2
    fi
fi
exit "$worst"
