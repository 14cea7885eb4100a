package e2e

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// ciJob is a job of a CI service as far as it is ours to run: the environment
// that its file sets, and its shell lines.
type ciJob struct {
	env   map[string]string
	lines []string
}

// blocks are the fenced blocks of a language in a Markdown page.
func blocks(t *testing.T, page, language string) []string {
	t.Helper()
	var found []string
	for i, part := range strings.Split(readFile(t, page), "\n```") {
		if text, ok := strings.CutPrefix(part, language+"\n"); ok && i%2 == 1 {
			found = append(found, text)
		}
	}
	return found
}

// parseCI reads a documented file of GitHub Actions or of GitLab, and refuses
// keys that are not those of its service.
func parseCI(t *testing.T, text string) ciJob {
	t.Helper()
	strict := func(into any) error {
		decoder := yaml.NewDecoder(strings.NewReader(text))
		decoder.KnownFields(true)
		return decoder.Decode(into)
	}
	job := ciJob{env: make(map[string]string)}
	if !strings.Contains(text, "\njobs:") {
		var gitlab map[string]struct {
			Image        string
			Services     []string
			Variables    map[string]string
			Rules        []struct{ If string }
			BeforeScript []string `yaml:"before_script"`
			Script       []string
		}
		if err := strict(&gitlab); err != nil {
			t.Fatal(err)
		}
		for _, j := range gitlab {
			maps.Copy(job.env, j.Variables)
			job.lines = append(job.lines, slices.Concat(j.BeforeScript, j.Script)...)
		}
		return job
	}
	var github struct {
		Name        string
		On          any
		Permissions map[string]string
		Jobs        map[string]struct {
			RunsOn string `yaml:"runs-on"`
			Env    map[string]string
			Steps  []struct {
				Name, Uses, Run string
				Env             map[string]string
			}
		}
	}
	if err := strict(&github); err != nil {
		t.Fatal(err)
	}
	for _, j := range github.Jobs {
		maps.Copy(job.env, j.Env)
		for _, step := range j.Steps {
			maps.Copy(job.env, step.Env)
			if (step.Uses == "") == (step.Run == "") {
				t.Errorf("the step %q uses an action or runs a command, not both", step.Name)
			}
			if step.Run != "" {
				job.lines = append(job.lines, step.Run)
			}
		}
	}
	return job
}

// TestDocumentedCI: given each CI file of the documentation, with the values
// that its service provides, its lines log in, check, build, and push what was
// built.
func TestDocumentedCI(t *testing.T) {
	files := blocks(t, "../../docs/ci.md", "yaml")
	if len(files) != 2 {
		t.Fatalf("%d files in docs/ci.md, not GitHub's and GitLab's", len(files))
	}
	for i, name := range []string{"GitHub", "GitLab"} {
		t.Run(name, func(t *testing.T) { runCI(t, files[i]) })
	}
}

func runCI(t *testing.T, text string) {
	f := newFront(t, "127.0.0.1:0", false)
	f.password = "secret"
	host, repository := f.host(), "ci/"+unique("app")
	private, public := keyPair(t)
	key := readFile(t, private)
	job := parseCI(t, strings.NewReplacer(
		"${{ secrets.COSIGN_PRIVATE_KEY }}", "", "${{ secrets.COSIGN_PASSWORD }}", "", // from env
		"${{ github.repository }}", repository, "${{ github.ref_name }}", "v1", "${{ secrets.GITHUB_TOKEN }}", "secret", "ghcr.io", host,
	).Replace(text))
	env := []string{
		"GITHUB_ACTOR=ada",
		"CI_REGISTRY=" + host, "CI_REGISTRY_USER=ada", "CI_REGISTRY_PASSWORD=secret", "CI_REGISTRY_IMAGE=" + host + "/" + repository, "CI_COMMIT_TAG=v1",
	}
	for key, value := range job.env {
		env = append(env, key+"="+value)
	}
	env = append(env, "COSIGN_PRIVATE_KEY="+key)
	dir := project(t)
	wasmfile := "# syntax=wasmfile/frontend:1\nFROM scratch AS app\nCOMPONENT app.wasm\nENTRYPOINT [\"app\"]\nLABEL ci=" + repository + "\n"
	if err := os.WriteFile(filepath.Join(dir, "Wasmfile"), []byte(wasmfile), 0o644); err != nil {
		t.Fatal(err)
	}
	defer try(t, "docker", "logout", host)
	for _, line := range job.lines {
		r := command{args: []string{"bash", "-euo", "pipefail", "-c", localized(t, dir, line)}, dir: dir, env: env}.run(t)
		if r.code != 0 {
			t.Fatalf("%s: exit code %d\n%s", line, r.code, r.all())
		}
	}
	want := layoutDigest(t, filepath.Join(dir, "artifact"))
	if got := must(t, "crane", "digest", registry()+"/"+repository+":v1"); got != want {
		t.Errorf("pushed %s, not %s", got, want)
	}
	if strings.Contains(text, "cosign sign") {
		must(t, "cosign", "verify", "--key", public, registry()+"/"+repository+"@"+want)
	}
}
