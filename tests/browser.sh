#!/bin/sh
# Tests the report and the diagrams with programs that read them: Chromium, axe, Mermaid, and
# Graphviz. Installs Python packages into .venv, and Mermaid into a cache folder outside the
# checkout. Installs Debian packages only with S3FERRY_INSTALL=1. Saves screenshots and PDF files in
# target/screenshots.
#
#   sh tests/browser.sh [BINARY]
set -eu
cd "$(dirname "$0")/.."
binary="${1:-${CARGO_TARGET_DIR:-target}/debug/s3ferry}"
mermaid=11.17.2
cache="${XDG_CACHE_HOME:-$HOME/.cache}/s3ferry"

first_of() {
    for program in "$@"; do
        if command -v "$program"; then return; fi
    done
}

chromium="${S3FERRY_CHROMIUM:-$(first_of chromium chromium-browser google-chrome)}"
if [ -z "$chromium" ] || ! command -v dot >/dev/null; then
    if [ "${S3FERRY_INSTALL:-}" != 1 ]; then
        echo "Chromium or Graphviz is missing: install both (S3FERRY_CHROMIUM names another browser)," >&2
        echo "or set S3FERRY_INSTALL=1 to install them with apt-get." >&2
        exit 2
    fi
    root=
    [ "$(id -u)" = 0 ] || root="sudo"
    $root apt-get update --quiet >&2
    $root env DEBIAN_FRONTEND=noninteractive apt-get install --quiet --yes chromium graphviz >&2
    chromium="$(first_of chromium)"
fi

sh tests/python/venv.sh
if ! .venv/bin/python -c 'import axe_playwright_python, playwright' 2>/dev/null; then
    .venv/bin/python -m pip install --quiet --disable-pip-version-check \
        --requirement tests/browser/requirements.txt >&2
fi

script="$cache/mermaid-$mermaid.min.js"
if [ ! -f "$script" ]; then
    mkdir -p "$cache"
    unpacked="$(mktemp -d "$cache/mermaid.XXXXXX")"
    trap 'rm -rf "$unpacked"' EXIT
    (cd "$unpacked" && npm pack --silent "mermaid@$mermaid" >/dev/null && tar xzf mermaid-*.tgz)
    # The move is atomic: no other run sees an incomplete file.
    mv "$unpacked/package/dist/mermaid.min.js" "$script"
fi

S3FERRY="$(realpath "$binary")" S3FERRY_CHROMIUM="$chromium" S3FERRY_MERMAID="$script" \
    .venv/bin/python -B -m unittest discover --start-directory tests/browser
