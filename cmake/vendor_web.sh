#!/usr/bin/env bash
# Fetches anew what core/page/vendor holds, from the npm packages that VERSIONS names, and compares digests.
# usage: cmake/vendor_web.sh        needs npm and a network; the build does not
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../core/page/vendor"
aside=$(mktemp -d)
trap 'rm -rf "$aside"' EXIT
grep -v '^#' VERSIONS | while read -r package version inside file digest; do
  folder=$aside/${package//[@\/]/_}-$version
  if [ ! -d "$folder" ]; then
    mkdir "$folder"
    tar -xzf "$aside/$(cd "$aside" && npm pack --silent "$package@$version")" -C "$folder"
  fi
  found=$(sha256sum "$folder/package/$inside" | cut -d' ' -f1)
  if [ "$found" != "$digest" ]; then
    echo "$package@$version: $inside has the SHA-256 $found, expected $digest as VERSIONS says; nothing is replaced" >&2
    exit 1
  fi
  install -m 644 "$folder/package/$inside" "$file"
  echo "$file: $package@$version"
done
