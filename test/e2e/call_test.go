package e2e

import (
	"path/filepath"
	"strings"
	"testing"
)

// outlined has one of everything that --call shows. %COPY% is the instruction
// that brings files.
const outlined = `ARG BUSYBOX_IMAGE
# VERSION is what is built.
ARG VERSION=1

# tools has what builds.
FROM ${BUSYBOX_IMAGE} AS tools
ARG MODE=release
RUN --mount=type=secret,id=netrc,required=true --mount=type=ssh,id=git make $MODE $VERSION

# app is the artifact.
FROM scratch AS app
ARG VERSION
ARG NAME=app
%COPY% --from=tools /${NAME}.wasm /
%COPY% \
    other.wasm \
    more.wasm /
`

// TestCallAnswersLikeADockerfile: given a Wasmfile, --call shows of it what the
// builder's own Dockerfile frontend shows of the same file with COPY.
func TestCallAnswersLikeADockerfile(t *testing.T) {
	wasm := write(t, map[string]string{"Wasmfile": strings.ReplaceAll(strings.ReplaceAll(outlined, "%COPY%", "COMPONENT"), ".wasm /\n", ".wasm\n")})
	docker := write(t, map[string]string{"Dockerfile": strings.ReplaceAll(outlined, "%COPY%", "COPY")})
	for _, builder := range []string{buildkitBuilder(), dockerBuilder} {
		for call, says := range map[string]string{
			"outline": "netrc", "outline,format=json": "netrc", "targets": "app (default)", "targets,format=json": `"name": "app"`,
			"subrequests.describe": "outline", "subrequests.describe,format=json": "outline",
		} {
			t.Run(builder+" "+call, func(t *testing.T) {
				t.Parallel()
				got := must(t, build{builder: builder, dir: wasm, flags: []string{"--call=" + call}}.args()...)
				want := must(t, "docker", "buildx", "build", "--builder", builder, "--call="+call,
					"--build-arg", "BUSYBOX_IMAGE="+busybox(), "-f", filepath.Join(docker, "Dockerfile"), docker)
				if withoutSources(got) != withoutSources(want) || !strings.Contains(got, says) {
					t.Errorf("%s\nwant, with %q:\n%s", got, says, want)
				}
			})
		}
	}
}

// withoutSources takes the text of the file out of an answer in JSON.
func withoutSources(answer string) string {
	before, _, _ := strings.Cut(answer, `"sources"`)
	return before
}

// TestTargetsWithCheckComments: given comments for the linter, which make the
// Dockerfile frontend fail, the targets are listed.
func TestTargetsWithCheckComments(t *testing.T) {
	dir := write(t, map[string]string{"Wasmfile": "# check=error=true\nARG X\n# check=skip=all\nFROM scratch AS app\n# check=skip=all\nCOMPONENT app.wasm\n"})
	if out := must(t, build{builder: buildkitBuilder(), dir: dir, flags: []string{"--call=targets"}}.args()...); !strings.Contains(out, "app (default)") {
		t.Error(out)
	}
}
