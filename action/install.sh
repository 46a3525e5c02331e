#!/usr/bin/env bash
# Installs s3ferry for action.yml. `key` prints the cache key and the commit. `build` builds into the
# cached folder.
set -euo pipefail

folder=$HOME/.cache/s3ferry-action
export GIT_TERMINAL_PROMPT=0

fail() {
    echo "s3ferry: $*" >&2
    exit 2
}

url() {
    if [ -z "${ACTION_REPOSITORY:-}" ]; then
        fail "version $VERSION requires a remote action: remove version for a local action (uses: ./…)"
    fi
    echo "$SERVER_URL/$ACTION_REPOSITORY"
}

# Prints the commit of the version, or the object of the tag. The name may refer to another one later.
commit() {
    local from refs found
    if [[ $VERSION =~ ^[0-9a-f]{40}$ ]]; then
        echo "$VERSION"
        return
    fi
    # Rejects options, patterns, and characters that cache keys or outputs cannot contain.
    if [[ ! $VERSION =~ ^[A-Za-z0-9_][A-Za-z0-9_./@#+-]*$ ]]; then
        fail "version must be a branch, a tag, or a commit with all 40 digits"
    fi
    # `set -e` does not apply in a substitution.
    from=$(url) || exit
    refs=$(git ls-remote "$from" "refs/heads/$VERSION" "refs/tags/$VERSION") || exit
    for name in "refs/heads/$VERSION" "refs/tags/$VERSION"; do
        found=$(awk -v name="$name" '$2 == name { print $1 }' <<<"$refs")
        if [ -n "$found" ]; then
            echo "$found"
            return
        fi
    done
    fail "$from has no branch or tag $VERSION; for a commit, use all 40 digits"
}

# macOS does not include sha256sum.
if command -v sha256sum >/dev/null; then digest=(sha256sum); else digest=(shasum -a 256); fi

case ${1:-} in
key)
    if [ -n "$VERSION" ]; then
        what=$(commit)
        echo "commit=$what" >>"$GITHUB_OUTPUT"
    else
        # The sources of the action are part of the key, so that a moved tag is rebuilt.
        what=$(cd "$ACTION_PATH" && find Cargo.lock Cargo.toml build.rs src data guard-rules schemas s3ferry.yaml -type f -print0 |
            LC_ALL=C sort -z | xargs -0 "${digest[@]}" | "${digest[@]}" | cut -c1-20)
    fi
    echo "key=s3ferry-${OS:?}-$what" >>"$GITHUB_OUTPUT"
    ;;
build)
    command -v cargo >/dev/null || fail "cargo is not installed on this runner: install Rust 1.88 or later in an earlier step"
    if [ -n "$VERSION" ]; then
        from=$(url)
        sources=$(mktemp -d)
        trap 'rm -rf "$sources"' EXIT
        git init --quiet "$sources"
        git -C "$sources" fetch --quiet --depth 1 "$from" "${COMMIT:?}"
        git -C "$sources" checkout --quiet --detach FETCH_HEAD
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
