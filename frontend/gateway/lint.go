package gateway

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	sublint "github.com/moby/buildkit/frontend/subrequests/lint"
	"github.com/moby/buildkit/solver/errdefs"
	"github.com/moby/buildkit/solver/pb"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/frontend/assemble"
	"github.com/wasmfile/wasmfile/frontend/lint"
	"github.com/wasmfile/wasmfile/frontend/wasmfile"
)

// configureLint reads the check options, of the build argument or the
// directive. Whether findings fail the build is then decided here, for
// BuildKit's rules and for those of this frontend together: see violations. A
// Dockerfile is left to BuildKit.
func (b *build) configureLint() error {
	if b.file.IsDockerfile() {
		return nil
	}
	config := b.ui.LinterConfig
	if config == nil {
		options, _, _, _ := parser.ParseDirective("check", b.file.Text())
		var err error
		if config, err = linter.ParseLintOptions(options); err != nil {
			return fmt.Errorf("failed to parse check options: %w", err)
		}
	}
	b.lintConfig = *config
	if config.ReturnAsError && len(b.file.Components) > 0 {
		lenient := *config
		lenient.ReturnAsError = false
		b.ui.LinterConfig = &lenient
	}
	return nil
}

// linter reports findings of this frontend's rules.
func (b *build) linter(warn linter.LintWarnFunc) *linter.Linter {
	config := b.lintConfig
	config.Warn = warn
	return linter.New(&config)
}

// lintInstructions warns of what the Wasmfile says.
func (b *build) lintInstructions(ctx context.Context, form wasmfile.Form) {
	l := b.linter(b.warn(ctx))
	lint.Casing(l, b.file)
	lint.Instructions(l, b.file, form)
}

// warnConverted warns of what BuildKit finds in a rendering, but for what is about all
// instructions, of which the rendering has some: see lint.Casing.
func (b *build) warnConverted(ctx context.Context) linter.LintWarnFunc {
	warn := b.warn(ctx)
	if b.file.IsDockerfile() {
		return warn
	}
	return func(rule, description, url, message string, location []parser.Range) {
		if rule != linter.RuleConsistentInstructionCasing.Name {
			warn(rule, description, url, message, location)
		}
	}
}

// lintComponents warns of what the assembly read of the components, and fails
// when that was asked for.
func (b *build) lintComponents(ctx context.Context, report assemble.Report) error {
	lint.Components(b.linter(b.warn(ctx)), b.file, report.Components, b.format.form)
	return b.violations()
}

// violations is the error of the rules that were broken so far, if findings
// are to be errors.
func (b *build) violations() error {
	if !b.lintConfig.ReturnAsError {
		return nil
	}
	return violation(b.warned.brokenRules())
}

// violation says what BuildKit says.
func violation(rules []string) error {
	if len(rules) == 0 {
		return nil
	}
	return fmt.Errorf("lint violation found for rules: %s", strings.Join(rules, ", "))
}

// check answers --check: with what BuildKit finds in the rendering, and what
// the rules of this frontend find in the Wasmfile and in the components.
func (b *build) check(ctx context.Context, rendered []byte, options dockerfile2llb.ConvertOpt, target ocispec.Platform, form wasmfile.Form) (*sublint.LintResults, error) {
	results, err := dockerfile2llb.DockerfileLint(ctx, rendered, options)
	if err != nil || b.file.IsDockerfile() {
		return results, err
	}
	b.translateLint(results)
	index := results.AddSource(b.source.SourceMap)
	collect := b.linter(func(rule, description, url, message string, location []parser.Range) {
		results.AddWarning(rule, description, url, message, index, location)
	})
	lint.Instructions(collect, b.file, form)
	if results.Error == nil {
		err := b.checkTarget(ctx, collect, target, form)
		if err == nil && b.lintConfig.ReturnAsError {
			err = violation(rulesOf(results.Warnings))
		}
		b.addError(results, index, err)
	}
	slices.SortStableFunc(results.Warnings, func(a, b sublint.Warning) int { return cmp.Compare(firstLine(a), firstLine(b)) })
	return results, nil
}

// checkTarget checks what a build would check before it starts, and the
// components, unless a program has to run to make them: then the build itself
// checks those.
func (b *build) checkTarget(ctx context.Context, l *linter.Linter, target ocispec.Platform, form wasmfile.Form) error {
	if err := b.checkFile(); err != nil || len(b.file.Components) == 0 {
		return err
	}
	if err := b.checkRequest(form == wasmfile.Image); err != nil {
		return err
	}
	options := b.convertOptions(ctx, target)
	options.Warn = nil // BuildKit has said all
	plan, err := b.plan(ctx, options, true)
	if err != nil {
		return err
	}
	plan.files = llb.Scratch() // only components are checked
	_, steps, err := b.steps(ctx, plan)
	if err != nil {
		return err
	}
	if runs, err := runsPrograms(steps); err != nil || runs {
		return err
	}
	checked, err := b.solve(ctx, steps, plan.components)
	if err != nil {
		return err
	}
	lint.Components(l, b.file, checked.report.Components, b.format.form)
	return nil
}

// runsPrograms reports whether steps have a RUN beside the assembly.
func runsPrograms(steps *pb.Definition) (bool, error) {
	programs := 0
	for _, encoded := range steps.Def {
		var op pb.Op
		if err := op.UnmarshalVT(encoded); err != nil {
			return false, fmt.Errorf("read the steps of the build: %w", err)
		}
		if op.GetExec() != nil {
			programs++
		}
	}
	return programs > 1, nil
}

// addError is how --check reports an error.
func (b *build) addError(results *sublint.LintResults, index int, err error) {
	if err == nil {
		return
	}
	err = b.locate(err)
	results.Error = &sublint.BuildError{Message: err.Error(), Location: pb.Location{SourceIndex: int32(index)}}
	if sources := errdefs.Sources(err); len(sources) > 0 {
		results.Error.Location.Ranges = sources[0].Ranges
	}
}

// rulesOf are the names of the rules in findings, sorted and distinct.
func rulesOf(warnings []sublint.Warning) []string {
	names := make(map[string]bool)
	for _, w := range warnings {
		names[w.RuleName] = true
	}
	return slices.Sorted(maps.Keys(names))
}

func firstLine(w sublint.Warning) int32 {
	if ranges := w.Location.GetRanges(); len(ranges) > 0 {
		return ranges[0].GetStart().GetLine()
	}
	return 0
}

// checkFile finds what a build would refuse before it starts.
func (b *build) checkFile() error {
	err := b.file.CheckAnnotations()
	if err == nil && len(b.file.Components) > 0 {
		err = b.file.CheckProcess()
	}
	return err
}
