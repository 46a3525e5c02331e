#!/bin/sh
# Packages the crate, builds the package, and runs its tests outside the checkout. This detects
# files that are missing from the package.
set -eu
cd "$(dirname "$0")/.."
target="${CARGO_TARGET_DIR:-$PWD/target}"
# Also packages uncommitted files, which do not exist in CI.
cargo package --locked --no-verify --allow-dirty
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
tar -xzf "$target/package/s3ferry-$version.crate" -C "$folder"
cd "$folder/s3ferry-$version"
CARGO_TARGET_DIR="$target/packaged" cargo test --locked
CARGO_TARGET_DIR="$target/packaged" cargo run --locked -- synth --example
