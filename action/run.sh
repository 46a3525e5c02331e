#!/usr/bin/env bash
# What action.yml runs: `check`, or one command of s3ferry.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
PATH=$HOME/.cache/s3ferry-action/bin:$PATH
# Arguments are split at spaces, and nothing else of them is interpreted.
read -ra arguments <<<"${ARGS//$'\n'/ }" || true
# `${a[@]+…}`: with `set -u`, bash 3.2, which macOS has, takes an empty array for an unset variable.

if [ "$COMMAND" != check ]; then
    exec s3ferry --config "$CONFIG" "$COMMAND" ${arguments[@]+"${arguments[@]}"}
fi

for argument in ${arguments[@]+"${arguments[@]}"}; do
    case $argument in
    --format | --format=* | --list-rules | --help | -h)
        echo "check writes its findings itself: leave $argument out of args, or run the command lint" >&2
        exit 2
        ;;
    esac
done

# Every check runs, so that one push shows all that is wrong.
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

# The same findings as files. What cannot be checked at all was said above, and has none.
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
    # Where this folder is in the repository, which may not be at the workspace's root itself.
    if ! prefix=$(git rev-parse --show-prefix 2>/dev/null); then
        case $PWD in
        "${GITHUB_WORKSPACE:-}"/*) prefix=${PWD#"$GITHUB_WORKSPACE"/} ;;
        *) prefix= ;;
        esac
    fi
    if ! command -v python3 >/dev/null; then
        echo "::warning::python3 is not on this runner, so the findings are not uploaded"
    elif python3 "$here/sarif.py" "$prefix" "$folder/s3ferry.sarif" "${found[@]}"; then
        echo "sarif-file=$folder/s3ferry.sarif" >>"$GITHUB_OUTPUT"
    else
        echo "The findings cannot be written for code scanning: leave out of args what changes the output." >&2
        worst=2
    fi
fi
exit "$worst"
