#!/usr/bin/env bash
# The main job, step by step: Wasmfile -> artifact -> registry -> container.
# Every step shows the command as one would type it after
#   eval "$(make -s sandbox-env)"
# and what it prints. A step whose output is not what it must be ends the demo.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${REGISTRY:?run this by \`make demo\`}" "${WASMFILE_FRONTEND:?}" "${GOLANG_IMAGE:?}"

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
[ -t 1 ] && bold=$'\e[1m' plain=$'\e[0m' || bold='' plain=''

# step TITLE COMMAND: say what comes and run it; $last is what it printed.
step() {
	printf '\n%s# %s%s\n%s$ %s%s\n' "$bold" "$1" "$plain" "$bold" "${2//"$out"/\$out}" "$plain"
	local status=0
	bash -c "$2" 2>&1 | tee "$out/last" || status=$?
	last=$(cat "$out/last")
	if [ "$status" != "${expect_exit:-0}" ]; then
		echo "demo: this step exited with $status, not ${expect_exit:-0}" >&2
		exit 1
	fi
}

# must TEXT: the last step printed it.
must() {
	if [[ "$last" != *"$1"* ]]; then
		echo "demo: the last step must print: $1" >&2
		exit 1
	fi
}

for example in hello greet; do
	build="docker buildx build --progress plain --build-arg BUILDKIT_SYNTAX=$WASMFILE_FRONTEND"
	[ "$example" = hello ] && build+=" --build-arg GO_IMAGE=$GOLANG_IMAGE"
	step "build $example: the result is an OCI image layout" \
		"$build -f examples/$example/Wasmfile -o type=local,dest=$out/$example examples/$example"
	digest=$(oras resolve --oci-layout "$out/$example:latest")
	step "push it: the digest stays what the build made" \
		"docker buildx imagetools create --prefer-index=false -t $REGISTRY/demo/$example:latest oci-layout://$out/$example:latest && crane digest $REGISTRY/demo/$example:latest"
	must "$digest"
	step "pull it into containerd" "nerdctl wasm pull $REGISTRY/demo/$example:latest"
done

step "run hello, a core module compiled from Go during the build" \
	"nerdctl wasm run --rm $REGISTRY/demo/hello:latest"
must "Hello from WebAssembly"

step "run greet, a component, with an argument" \
	"nerdctl wasm run --rm $REGISTRY/demo/greet:latest demo"
must "Hello, demo!"

step "run greet through Docker: the shim finds the component by itself" \
	"docker run --rm --runtime io.containerd.wasmfile.v1 --platform wasip2/wasm $REGISTRY/demo/greet:latest Docker"
must "Hello, Docker!"

step "what an artifact holds" "nerdctl wasm inspect $REGISTRY/demo/greet:latest"
must "greet.wasm"

step "its manifest" "oras manifest fetch --pretty $REGISTRY/demo/greet:latest"
must "application/vnd.bytecodealliance.wasm.component.layer.v0+wasm"

printf '\n%sdemo: every step printed what it must%s\n' "$bold" "$plain"
