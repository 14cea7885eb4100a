// Package build builds Wasmfiles with a BuildKit daemon, for which this
// program is the frontend: neither a frontend image nor a registry is needed.
package build

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/docker/cli/cli/config"
	"github.com/moby/buildkit/client"
	buildctl "github.com/moby/buildkit/cmd/buildctl/build"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/auth/authprovider"
	"github.com/moby/buildkit/session/sshforward/sshprovider"
	"github.com/tonistiigi/fsutil"
)

// defaultFile is the name of the file that is built when none is given.
const defaultFile = "Wasmfile"

// Request is what to build. Strings in lists are as on buildx's command line.
type Request struct {
	// Address is BuildKit's, empty for $BUILDKIT_HOST or else the sockets
	// where nerdctl looks for it. Namespace is containerd's.
	Address, Namespace string
	// Context is a directory, or the URL of a Git repository or archive.
	Context string
	// File is the path of the Wasmfile, empty for Wasmfile in the context;
	// "-" is standard input.
	File string
	// Target is the stage to build, empty for the last one.
	Target string
	// BuildArgs and Labels are KEY=VALUE; a build argument without "=" has its
	// value from the environment. Contexts are NAME=SOURCE.
	BuildArgs, Labels, Contexts []string
	// Platforms are such as wasip2/wasm; none for an artifact.
	Platforms []string
	// Secrets, SSH, CacheFrom, CacheTo, NoCacheFilter and Allow are as in
	// `docker buildx build`.
	Secrets, SSH, CacheFrom, CacheTo, NoCacheFilter, Allow []string
	// SBOM and Provenance ask for attestations: "true", or attributes as in
	// `docker buildx build`; empty or "false" for none.
	SBOM, Provenance string
	// NoCache builds everything anew, Pull looks for newer base images.
	NoCache, Pull bool
	// Network is the network of RUN instructions (default|none|host).
	Network string
	// Progress is the kind of progress display (auto|plain|tty|quiet|rawjson).
	Progress string
	// Subrequest asks the frontend for something else than a build, by the name that
	// BuildKit gives that; empty for a build.
	Subrequest string
	// Exports are where the result goes.
	Exports []client.ExportEntry
	// ArtifactOnly refuses a build whose result is not an artifact.
	ArtifactOnly bool
	// Stdin is read for a File "-". Stderr gets progress and the excerpts of
	// the Wasmfile that errors are about.
	Stdin  io.Reader
	Stderr *os.File
}

// isImage reports whether the platforms ask for an image with the components
// as files, and not for an artifact.
func (r *Request) isImage() bool {
	for _, list := range r.Platforms {
		for platform := range strings.SplitSeq(list, ",") {
			if strings.HasSuffix(strings.ToLower(platform), "/wasm") {
				return true
			}
		}
	}
	return false
}

// hasBuildArg reports whether a build argument is given, be it an empty one.
func (r *Request) hasBuildArg(name string) bool {
	return slices.ContainsFunc(r.BuildArgs, func(arg string) bool {
		key, _, _ := strings.Cut(arg, "=")
		return key == name
	})
}

// solveOptions turns a request into BuildKit's form. done has to be called
// when the build is over.
func (r *Request) solveOptions() (opt client.SolveOpt, done func(), err error) {
	opt = client.SolveOpt{
		Exports:             r.Exports,
		LocalMounts:         make(map[string]fsutil.FS),
		FrontendAttrs:       make(map[string]string),
		AllowedEntitlements: r.Allow,
	}
	r.attest(opt.FrontendAttrs)
	done, err = r.addFiles(&opt)
	if err != nil {
		return opt, func() {}, err
	}
	for _, add := range []func(*client.SolveOpt) error{r.addValues, r.addContexts, r.addSession, r.addCaches} {
		if err := add(&opt); err != nil {
			done()
			return opt, func() {}, err
		}
	}
	return opt, done, nil
}

// addFiles adds the context and the Wasmfile.
func (r *Request) addFiles(opt *client.SolveOpt) (done func(), err error) {
	done = func() {}
	remote := isURL(r.Context)
	if remote {
		opt.FrontendAttrs["context"] = r.Context
	} else if err := mount(opt, "context", r.Context); err != nil {
		return done, fmt.Errorf("build context: %w", err)
	}
	file := r.File
	switch {
	case file == "-":
		dir, err := saveFile(r.Stdin)
		if err != nil {
			return done, fmt.Errorf("read the Wasmfile from standard input: %w", err)
		}
		done = func() { _ = os.RemoveAll(dir) } // a copy of what the user has
		file = filepath.Join(dir, defaultFile)
	case remote:
		opt.FrontendAttrs["filename"] = file
		if file == "" {
			opt.FrontendAttrs["filename"] = defaultFile
		}
		return done, nil
	default:
		file = r.fileName()
	}
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		return done, fmt.Errorf("%s does not exist: write one, or name another with -f", file)
	} else if err != nil {
		return done, err
	}
	opt.FrontendAttrs["filename"] = filepath.Base(file)
	return done, mount(opt, "dockerfile", filepath.Dir(file))
}

// fileName is what messages call the Wasmfile.
func (r *Request) fileName() string {
	switch {
	case r.File == "-":
		return "stdin"
	case r.File != "":
		return r.File
	case isURL(r.Context):
		return defaultFile
	}
	return filepath.Join(r.Context, defaultFile)
}

// maxFileSize is how large a Wasmfile on standard input may be, in bytes.
const maxFileSize = 4 << 20

func saveFile(in io.Reader) (dir string, err error) {
	content, err := io.ReadAll(io.LimitReader(in, maxFileSize+1))
	if err != nil {
		return "", err
	}
	if len(content) > maxFileSize {
		return "", fmt.Errorf("over %d bytes", maxFileSize)
	}
	if dir, err = os.MkdirTemp("", "wasmfile-"); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, defaultFile), content, 0o600); err != nil {
		return "", errors.Join(err, os.RemoveAll(dir))
	}
	return dir, nil
}

// addValues adds what is only text for the frontend.
func (r *Request) addValues(opt *client.SolveOpt) error {
	attrs := opt.FrontendAttrs
	for _, arg := range r.BuildArgs {
		key, value, given := strings.Cut(arg, "=")
		if key == "" {
			return fmt.Errorf("--build-arg %s: it has to be NAME=VALUE or NAME", arg)
		}
		if !given {
			if value, given = os.LookupEnv(key); !given {
				continue // as docker: an argument without value is not set
			}
		}
		attrs["build-arg:"+key] = value
	}
	if epoch, ok := os.LookupEnv("SOURCE_DATE_EPOCH"); ok {
		if _, given := attrs["build-arg:SOURCE_DATE_EPOCH"]; !given {
			attrs["build-arg:SOURCE_DATE_EPOCH"] = epoch
		}
	}
	for _, label := range r.Labels {
		key, value, _ := strings.Cut(label, "=")
		if key == "" {
			return fmt.Errorf("--label %s: it has to be KEY=VALUE", label)
		}
		attrs["label:"+key] = value
	}
	for key, value := range map[string]string{
		"target": r.Target, "platform": strings.Join(r.Platforms, ","), "force-network-mode": r.Network,
		"no-cache": strings.Join(r.NoCacheFilter, ","), "requestid": r.Subrequest,
	} {
		if value != "" && value != "default" {
			attrs[key] = value
		}
	}
	if r.NoCache {
		if len(r.NoCacheFilter) > 0 {
			return errors.New("--no-cache and --no-cache-filter cannot be used together")
		}
		attrs["no-cache"] = "" // all stages
	}
	if r.Pull {
		attrs["image-resolve-mode"] = "pull"
	}
	return nil
}

// addSession adds what the builder may ask of this process.
func (r *Request) addSession(opt *client.SolveOpt) error {
	credentials := authprovider.NewDockerAuthProvider(authprovider.DockerAuthProviderConfig{
		AuthConfigProvider: authprovider.LoadAuthConfig(config.LoadDefaultConfigFile(r.Stderr)),
	})
	opt.Session = []session.Attachable{credentials}
	if len(r.Secrets) > 0 {
		secrets, err := buildctl.ParseSecret(r.Secrets)
		if err != nil {
			return fmt.Errorf("--secret: %w", err)
		}
		opt.Session = append(opt.Session, secrets)
	}
	if len(r.SSH) > 0 {
		configs, err := buildctl.ParseSSH(r.SSH)
		if err != nil {
			return fmt.Errorf("--ssh: %w", err)
		}
		agent, err := sshprovider.NewSSHAgentProvider(configs)
		if err != nil {
			return fmt.Errorf("--ssh: %w", err)
		}
		opt.Session = append(opt.Session, agent)
	}
	return nil
}

func (r *Request) addCaches(opt *client.SolveOpt) (err error) {
	if opt.CacheImports, err = buildctl.ParseImportCache(r.CacheFrom); err != nil {
		return fmt.Errorf("--cache-from: %w", err)
	}
	if opt.CacheExports, err = buildctl.ParseExportCache(r.CacheTo); err != nil {
		return fmt.Errorf("--cache-to: %w", err)
	}
	for _, export := range opt.CacheExports {
		if export.Type == "inline" && !r.isImage() {
			return errors.New("--cache-to type=inline is a cache inside of an image's config, and an artifact is not exported as an image: use type=registry,ref=REF or type=local,dest=DIR")
		}
	}
	return nil
}

func mount(opt *client.SolveOpt, name, dir string) error {
	files, err := fsutil.NewFS(dir)
	if err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	opt.LocalMounts[name] = files
	return nil
}

func isURL(source string) bool {
	for _, prefix := range []string{"https://", "http://", "git://", "git@", "ssh://", "github.com/"} {
		if strings.HasPrefix(source, prefix) {
			return true
		}
	}
	return false
}

// attest asks BuildKit for attestations.
func (r *Request) attest(attrs map[string]string) {
	for name, value := range map[string]string{"sbom": r.SBOM, "provenance": r.Provenance} {
		switch value {
		case "", "false":
		case "true":
			attrs["attest:"+name] = ""
		default:
			attrs["attest:"+name] = value
		}
	}
}

// attests reports whether attestations are asked for.
func (r *Request) attests() bool {
	attrs := make(map[string]string)
	r.attest(attrs)
	return len(attrs) > 0
}
