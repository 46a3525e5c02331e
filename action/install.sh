#!/usr/bin/env bash
# What action.yml installs. `key` gives the cache's key, `build` builds into the cached folder.
set -euo pipefail

folder=$HOME/.cache/s3ferry-action

case $1 in
key)
    if [ -n "$VERSION" ]; then
        what=$VERSION
    else
        # The action's own sources, so that a moved tag is built anew.
        what=$(cd "$ACTION_PATH" && find Cargo.lock Cargo.toml build.rs src data guard-rules schemas s3ferry.yaml -type f -print0 |
            LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -c1-20)
    fi
    echo "key=s3ferry-${OS:?}-$what" >>"$GITHUB_OUTPUT"
    ;;
build)
    if [ -n "$VERSION" ]; then
        sources=$(mktemp -d)
        trap 'rm -rf "$sources"' EXIT
        git clone --quiet --depth 1 --branch "$VERSION" "$SERVER_URL/$ACTION_REPOSITORY" "$sources"
    else
        sources=$ACTION_PATH
    fi
    cargo install --quiet --locked --path "$sources" --root "$folder"
    ;;
*)
    echo "usage: install.sh key|build" >&2
    exit 2
    ;;
esac
