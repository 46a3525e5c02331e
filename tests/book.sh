#!/bin/sh
# Builds the book into target/book, and checks its links. If mdBook is missing, installs it into a
# cache folder outside the checkout. The installation takes two minutes.
set -eu
cd "$(dirname "$0")/.."
version=0.5.4
cache="${XDG_CACHE_HOME:-$HOME/.cache}/s3ferry"
installed="$cache/mdbook-$version"
mdbook="$installed/bin/mdbook"

if [ ! -x "$mdbook" ]; then
    mkdir -p "$cache"
    building="$cache/mdbook-$version.building"
    rm -rf "$building"
    trap 'rm -rf "$building"' EXIT
    trap 'exit 130' INT TERM
    echo "installing mdBook $version into $installed (once)" >&2
    # Omits the server that only `mdbook serve` needs.
    CARGO_TARGET_DIR="$building/target" cargo install --locked --debug --no-track \
        --no-default-features --features search --root "$building/root" "mdbook@$version" >&2
    rm -rf "$installed"
    # Only a complete installation gets the final name.
    mv "$building/root" "$installed"
fi

"$mdbook" build docs --dest-dir "$PWD/target/book"
python3 -B tests/python/docs_links.py
