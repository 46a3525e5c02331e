#!/bin/sh
# Prints the path of the binary of fakecloud, an emulator that supports StackSets. If the binary is
# missing, builds it in a cache folder outside the checkout. The build takes 12 minutes on two
# cores. The tests start fakecloud as a separate program. They do not link any of its code.
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
# Only one build runs at a time. A second run waits, and then uses the binary of the first.
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
# Only a complete build gets the final name.
rm -rf "$installed"
mv "$building/root" "$installed"
echo "$binary"
