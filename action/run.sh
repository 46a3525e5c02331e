#!/usr/bin/env bash
# What action.yml runs: `check`, or one command of s3ferry.
set -euo pipefail

PATH=$HOME/.cache/s3ferry-action/bin:$PATH
# Arguments are split at spaces, and nothing else of them is interpreted.
read -ra arguments <<<"${ARGS//$'\n'/ }" || true

if [ "$COMMAND" != check ]; then
    exec s3ferry --config "$CONFIG" "$COMMAND" "${arguments[@]}"
fi

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
run s3ferry --config "$CONFIG" lint "${arguments[@]}"
echo "::endgroup::"
echo "::group::s3ferry prove"
run s3ferry --config "$CONFIG" prove
echo "::endgroup::"

sarif=${RUNNER_TEMP:-/tmp}/s3ferry.sarif
if s3ferry --quiet --config "$CONFIG" lint --format sarif "${arguments[@]}" >"$sarif" || [ $? -eq 1 ]; then
    echo "sarif-file=$sarif" >>"$GITHUB_OUTPUT"
fi
exit "$worst"
