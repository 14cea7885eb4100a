package build

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/containerd/nerdctl/v2/pkg/errutil"
	"github.com/moby/buildkit/frontend/subrequests/lint"
	"github.com/moby/buildkit/solver/pb"
)

// check prints what the linter finds in a Wasmfile, as `docker buildx build --check` does.
// It returns an errutil.ExitCodeError with 1 when there is something.
func check(ctx context.Context, o Options) error {
	o.Request.Subrequest = lint.SubrequestLintDefinition.Name
	metadata, err := solveAdvised(ctx, o.Request)
	if err != nil {
		return err
	}
	var results lint.LintResults
	if err := json.Unmarshal(metadata["result.json"], &results); err != nil {
		return fmt.Errorf("read what the check found: %w", err)
	}
	named := func(source *pb.SourceInfo) *pb.SourceInfo {
		if source == nil {
			return nil
		}
		source = source.CloneVT()
		source.Filename = o.Request.fileName()
		return source
	}
	if count := len(results.Warnings); count == 1 {
		fmt.Fprintln(o.Stdout, "Check complete, 1 warning has been found!")
	} else if count > 1 {
		fmt.Fprintf(o.Stdout, "Check complete, %d warnings have been found!\n", count)
	}
	if err := results.PrintTo(o.Stdout, named); err != nil {
		return fmt.Errorf("print what the check found: %w", err)
	}
	switch {
	case results.Error != nil:
		if len(results.Warnings) > 0 {
			fmt.Fprintln(o.Stdout)
		}
		var found strings.Builder
		results.PrintErrorTo(&found, named)
		return errors.New(found.String())
	case len(results.Warnings) > 0:
		return errutil.NewExitCoderErr(1)
	}
	_, err = fmt.Fprintln(o.Stdout, "Check complete, no warnings found.")
	return err
}
