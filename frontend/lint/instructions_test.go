package lint

import (
	"strings"
	"testing"

	"github.com/wasmfile/wasmfile/frontend/assemble"
	"github.com/wasmfile/wasmfile/frontend/wasmfile"
)

// none is for checks of instructions alone.
func none(*wasmfile.File) []assemble.ComponentReport { return nil }

// TestInstructionRules: given a Wasmfile, the messages of the rules about
// instructions.
func TestInstructionRules(t *testing.T) {
	const artifact = "FROM scratch\nCOMPONENT app.wasm\n"
	cases := []struct {
		name, text string
		form       wasmfile.Form
		says       []string // one for each finding; none: no finding
	}{
		{name: "Wasm of a stage", text: artifact + "COPY --from=build /out/*.wasm /\n", says: []string{"write COMPONENT --from=build /out/*.wasm"}},
		{name: "Wasm by its new name", text: artifact + "COPY out/release /app.WASM\n", says: []string{"COMPONENT --name=app.WASM out/release"}},
		{name: "Wasm from the network", text: artifact + "ADD https://example.com/a.wasm?x=1 /\n", says: []string{"ADD makes a file of https://example.com/a.wasm?x=1"}},
		{name: "in a stage that the target is FROM", text: "FROM scratch AS base\nCOPY a.wasm b.wasm /\nFROM base\nCOMPONENT app.wasm\n", says: []string{"a.wasm", "b.wasm"}},
		{name: "in a stage that it is not", text: "FROM scratch AS base\nCOPY a.wasm /\nFROM scratch\nCOMPONENT app.wasm\n"},
		{name: "in an ordinary image", text: "FROM scratch AS app\nCOMPONENT app.wasm\nFROM scratch\nCOPY a.wasm /www/\n"},
		{name: "in an image for a Wasm platform", text: artifact + "COPY a.wasm /\n", form: wasmfile.Image},
		{name: "a here-document", text: artifact + "COPY <<EOF /a.txt\nCOPY a.wasm /\nEOF\n"},

		{name: "a health check by a shell", text: artifact + "HEALTHCHECK CMD curl -f localhost\n", says: []string{"HEALTHCHECK NONE"}},
		{name: "a health check of an image for a Wasm platform", text: artifact + "HEALTHCHECK CMD curl\n", form: wasmfile.Image, says: []string{"HEALTHCHECK NONE"}},
		{name: "a health check that is taken back", text: "FROM scratch AS base\nHEALTHCHECK CMD curl\nFROM base\nCOMPONENT app.wasm\nHEALTHCHECK NONE\n"},
		{name: "a health check of an ordinary image", text: "FROM scratch\nHEALTHCHECK CMD curl\n"},

		{name: "a SHELL for no RUN before the next", text: artifact + "SHELL [\"a\"]\nSHELL [\"b\"]\nRUN c\n", says: []string{"SHELL has no effect"}},
		{name: "a SHELL for a RUN in exec form", text: artifact + "SHELL [\"a\"]\nRUN [\"c\"]\n", says: []string{"SHELL has no effect"}},
		{name: "a SHELL for a script", text: artifact + "SHELL [\"a\"]\nRUN <<EOF\nc\nEOF\n"},
		{name: "a SHELL for other stages", text: "FROM scratch AS base\nSHELL [\"a\"]\nFROM base\nCOMPONENT app.wasm\n"},

		{name: "a user of an image for a Wasm platform", text: artifact + "USER nobody\n", form: wasmfile.Image, says: []string{"USER nobody has a name, and nothing brings a file /etc/passwd"}},
		{name: "a group", text: artifact + "USER 1000:staff\n", says: []string{"/etc/group"}},
		{name: "a user by number", text: artifact + "USER 1000:1000\n"},
		{name: "a user in a variable", text: artifact + "ARG U\nUSER $U\n"},
		{name: "the last user counts", text: artifact + "USER nobody\nUSER 1000\n"},
		{name: "a user of a stage that the target is FROM", text: "FROM scratch AS base\nUSER nobody\nFROM base\nCOMPONENT app.wasm\n", says: []string{"nobody"}},
		{name: "a user of a base image", text: "FROM busybox\nCOMPONENT app.wasm\nUSER nobody\n"},
		{name: "a user beside files elsewhere", text: artifact + "COPY a /srv/\nADD a /etc/app/\nUSER nobody\n", says: []string{"nobody"}},
		{name: "a user whose file is copied", text: artifact + "USER nobody\nCOPY passwd /etc/passwd\n"},
		{name: "a user whose file could be copied", text: artifact + "USER nobody\nADD files /etc/\n"},
		{name: "a user whose file could be in a tree", text: artifact + "USER nobody\nCOPY files /\n"},
		{name: "a user whose file could be copied to where nobody knows", text: artifact + "USER nobody\nCOPY files .\n"},
		{name: "a user whose file could be made", text: artifact + "COPY sh /bin/\nRUN [\"/bin/sh\"]\nUSER nobody\n"},

		{name: "ONBUILD in an image for a Wasm platform", text: artifact + "ONBUILD COPY a /\n", form: wasmfile.Image},

		{name: "the key's last word counts", text: artifact + "LABEL com.token.example=x \"com.example.My-Password\"=y key=z\n", says: []string{`"com.example.My-Password"`, `"key"`}},
		{name: "what is no secret", text: artifact + "ANNOTATION author=a com.example.keyboard=b api-key-version=1\n"},
		{name: "options", text: artifact + "ENTRYPOINT [\"app\", \"--api-key\", \"x\", \"--password=y\", \"-token\"]\n", says: []string{`"--api-key"`, `"--password"`}},
		{name: "an option without a value", text: artifact + "CMD [\"--auth\", \"--verbose\"]\n"},
		{name: "options with paths", text: artifact + "ENTRYPOINT [\"app\", \"--tls-key\", \"/run/key.pem\", \"--token=./token\"]\n"},
		{name: "secrets of an ordinary image", text: "FROM scratch\nLABEL token=x\n"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			expect(t, check(t, []byte(c.text), none, c.form), c.says)
		})
	}
}

// expect compares what --check prints with a part of each message, in order.
func expect(t *testing.T, got string, says []string) {
	t.Helper()
	if count := strings.Count(got, "\nWARNING: "); count != len(says) {
		t.Errorf("%d findings, want %d:\n%s", count, len(says), got)
	}
	rest := got
	for _, want := range says {
		var found bool
		if _, rest, found = strings.Cut(rest, want); !found {
			t.Errorf("it does not say %q (in its order):\n%s", want, got)
		}
	}
}
