#!/bin/sh
# Packages the crate, builds the package, and runs its tests outside of the checkout: so nothing that
# it needs is missing in the package.
set -eu
cd "$(dirname "$0")/.."
target="${CARGO_TARGET_DIR:-$PWD/target}"
# Uncommitted files are packaged as well: CI runs on a clean clone.
cargo package --locked --no-verify --allow-dirty
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
tar -xzf "$target/package/s3ferry-$version.crate" -C "$folder"
cd "$folder/s3ferry-$version"
CARGO_TARGET_DIR="$target/packaged" cargo test --locked
CARGO_TARGET_DIR="$target/packaged" cargo run --locked -- synth --example
