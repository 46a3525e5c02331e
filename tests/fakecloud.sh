#!/bin/sh
# Builds fakecloud, the emulator that has StackSets, when it is missing, and prints the path of its
# binary. It goes into a cache folder outside the checkout, since it takes 12 minutes on two cores.
# It is a program that the tests start; nothing of it is linked.
set -eu
version=0.51.0
cache="${XDG_CACHE_HOME:-$HOME/.cache}/s3ferry"
installed="$cache/fakecloud-$version"
binary="$installed/bin/fakecloud"

found() {
    if [ -x "$binary" ]; then
        echo "$binary"
        exit 0
    fi
}

found
mkdir -p "$cache"
# One at a time: a second run waits and finds the first one's.
if command -v flock >/dev/null; then
    exec 9>"$cache/.fakecloud.lock"
    flock 9
    found
fi
building="$cache/fakecloud-$version.building"
rm -rf "$building"
trap 'rm -rf "$building"' EXIT
trap 'exit 130' INT TERM
echo "building fakecloud $version into $installed, once; this takes a while" >&2
CARGO_PROFILE_DEV_DEBUG=0 CARGO_TARGET_DIR="$building/target" \
    cargo install --quiet --locked --debug --no-track --root "$building/root" \
    "fakecloud@$version" >&2
# Only a finished build is ever seen under its name.
rm -rf "$installed"
mv "$building/root" "$installed"
echo "$binary"
