package gateway

import (
	"context"
	"regexp"
	"sync"

	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerui"
	"github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/frontend/subrequests/convertllb"
	"github.com/moby/buildkit/frontend/subrequests/lint"
	"github.com/moby/buildkit/frontend/subrequests/outline"
	"github.com/moby/buildkit/frontend/subrequests/targets"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/frontend/wasmfile"
)

// subrequest answers --check and --call, which build nothing.
func (b *build) subrequest(ctx context.Context, target ocispec.Platform, form wasmfile.Form) (*client.Result, bool, error) {
	text, err := b.file.Dockerfile(wasmfile.Check)
	if err != nil {
		return nil, false, err
	}
	options := b.convertOptions(ctx, target)
	if b.file.IsDockerfile() {
		options = b.imageOptions(ctx, nil)
	}
	// withOrigins is the text for what looks at images and contexts too.
	withOrigins := func(ctx context.Context) ([]byte, error) {
		if err := b.readOrigins(ctx, b.file.AllComponents); err != nil {
			return nil, err
		}
		return b.file.Dockerfile(wasmfile.Check)
	}
	result, handled, err := b.ui.HandleSubrequest(ctx, dockerui.RequestHandler{
		Outline: func(ctx context.Context) (*outline.Outline, error) {
			text, err := withOrigins(ctx)
			if err != nil {
				return nil, err
			}
			o, err := dockerfile2llb.Dockerfile2Outline(ctx, text, options)
			if o != nil {
				o.Sources = [][]byte{b.file.Text()}
			}
			return o, err
		},
		ListTargets: func(ctx context.Context) (*targets.List, error) {
			l, err := dockerfile2llb.ListTargets(ctx, withoutChecks(text))
			if l != nil {
				l.Sources = [][]byte{b.file.Text()}
			}
			return l, err
		},
		Lint: func(ctx context.Context) (*lint.LintResults, error) {
			text, err := withOrigins(ctx)
			if err != nil {
				return b.lintError(err), nil
			}
			return b.check(ctx, text, options, target, form)
		},
		ConvertLLB: func(ctx context.Context) (*convertllb.Result, error) {
			text, err := withOrigins(ctx)
			if err != nil {
				return nil, err
			}
			return dockerfile2llb.DockerfileConvertLLB(ctx, text, options)
		},
	})
	return result, handled, err
}

// checkComment is a comment that configures the linter for one instruction.
var checkComment = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?mi)^[ \t]*#[ \t]*check[ \t]*=.*$`) })

// withoutChecks blanks these comments: ListTargets has no linter, and crashes
// on them.
func withoutChecks(text []byte) []byte {
	return checkComment().ReplaceAllLiteral(text, []byte("#"))
}

// translateLint makes the findings about the rendered Dockerfile ones about
// the user's text.
func (b *build) translateLint(results *lint.LintResults) {
	for i, w := range results.Warnings {
		results.Warnings[i].Detail = b.file.Message(w.Detail, fromPB(w.Location.GetRanges()))
	}
	if e := results.Error; e != nil {
		e.Message = b.file.Message(e.Message, fromPB(e.Location.GetRanges()))
	}
}

// parseFailure answers --check of a Wasmfile that cannot be parsed with a
// finding, as for a Dockerfile; other requests fail.
func (b *build) parseFailure(ctx context.Context, err error) (*client.Result, error) {
	if b.opts["requestid"] != lint.SubrequestLintDefinition.Name {
		return nil, err
	}
	return b.lintError(err).ToResult(nil)
}

// lintError is the finding that there is an error.
func (b *build) lintError(err error) *lint.LintResults {
	results := &lint.LintResults{}
	b.addError(results, results.AddSource(b.source.SourceMap), err)
	return results
}
