#!/bin/sh
# BuildKit's protocol for generators: what to read and where to write come in
# the environment, the result is an in-toto statement without a subject.
set -eu
name=$(basename "$BUILDKIT_SCAN_SOURCE")
cd "$BUILDKIT_SCAN_SOURCE"
files=$(find . -type f | sort | while read -r file; do
	printf ',{"fileName":"%s","checksums":[{"algorithm":"SHA256","checksumValue":"%s"}]}' "$file" "$(sha256sum "$file" | cut -d' ' -f1)"
done)
printf '{"_type":"https://in-toto.io/Statement/v0.1","predicateType":"https://spdx.dev/Document","predicate":{"spdxVersion":"SPDX-2.3","name":"%s","files":[%s]}}' \
	"$name" "${files#,}" >"$BUILDKIT_SCAN_DESTINATION/$name.spdx.json"
