#!/usr/bin/env bash
# What action.yml installs. `key` gives the cache's key and the commit, `build` builds into the
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
        fail "version $VERSION is one of the action's repository, which a local action (uses: ./…) does not have: leave version out"
    fi
    echo "$SERVER_URL/$ACTION_REPOSITORY"
}

# The commit of the version, or the tag's object: a name may mean something else tomorrow.
commit() {
    local from refs found
    if [[ $VERSION =~ ^[0-9a-f]{40}$ ]]; then
        echo "$VERSION"
        return
    fi
    # Neither an option, nor a pattern, nor what a key of the cache or an output cannot hold.
    if [[ ! $VERSION =~ ^[A-Za-z0-9_][A-Za-z0-9_./@#+-]*$ ]]; then
        fail "version is the name of a branch or tag, or a commit with its 40 digits"
    fi
    # In a substitution `set -e` does not hold.
    from=$(url) || exit
    refs=$(git ls-remote "$from" "refs/heads/$VERSION" "refs/tags/$VERSION") || exit
    for name in "refs/heads/$VERSION" "refs/tags/$VERSION"; do
        found=$(awk -v name="$name" '$2 == name { print $1 }' <<<"$refs")
        if [ -n "$found" ]; then
            echo "$found"
            return
        fi
    done
    fail "$from has no branch or tag $VERSION; of a commit, give all 40 digits"
}

# macOS has no sha256sum of its own.
if command -v sha256sum >/dev/null; then digest=(sha256sum); else digest=(shasum -a 256); fi

case ${1:-} in
key)
    if [ -n "$VERSION" ]; then
        what=$(commit)
        echo "commit=$what" >>"$GITHUB_OUTPUT"
    else
        # The action's own sources, so that a moved tag is built anew.
        what=$(cd "$ACTION_PATH" && find Cargo.lock Cargo.toml build.rs src data guard-rules schemas s3ferry.yaml -type f -print0 |
            LC_ALL=C sort -z | xargs -0 "${digest[@]}" | "${digest[@]}" | cut -c1-20)
    fi
    echo "key=s3ferry-${OS:?}-$what" >>"$GITHUB_OUTPUT"
    ;;
build)
    command -v cargo >/dev/null || fail "cargo is not on this runner: install Rust 1.88 or newer in a step before"
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
