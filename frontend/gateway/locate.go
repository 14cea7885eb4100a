package gateway

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/errdefs"
	"github.com/moby/buildkit/solver/pb"

	"github.com/wasmfile/wasmfile/frontend/wasmfile"
)

// locate gives an error the lines of the user's text that it is about, and
// takes out what the user did not write.
func (b *build) locate(err error) error {
	if err == nil {
		return nil
	}
	if b.file != nil {
		err = b.file.Translate(keepNoStage(err), stepRanges(err))
	}
	for _, ranges := range locations(err) {
		err = errdefs.WithSource(err, &errdefs.Source{Info: b.sourceInfo(), Ranges: toPB(ranges)})
	}
	return err
}

// stepRanges are the lines of the step that failed, if BuildKit knows them.
func stepRanges(err error) []parser.Range {
	var ranges []*pb.Range
	for _, source := range errdefs.Sources(err) {
		ranges = append(ranges, source.Ranges...)
	}
	return fromPB(ranges)
}

// transportable is an error that gRPC can carry, which takes UTF-8 only: a message that
// quotes other text would never arrive.
func transportable(err error) error {
	if err == nil || utf8.ValidString(err.Error()) {
		return err
	}
	return wasmfile.WithMessage(err, strings.ToValidUTF8(err.Error(), string(utf8.RuneError)))
}

func (b *build) sourceInfo() *pb.SourceInfo {
	return &pb.SourceInfo{
		Data:       b.source.Data,
		Filename:   b.source.Filename,
		Language:   b.source.Language,
		Definition: b.source.Definition.ToPB(),
	}
}

func locations(err error) [][]parser.Range {
	var located *parser.LocationError
	if errors.As(err, &located) {
		return located.Locations
	}
	return nil
}

func toPB(ranges []parser.Range) []*pb.Range {
	var converted []*pb.Range
	for _, r := range ranges {
		converted = append(converted, &pb.Range{
			Start: &pb.Position{Line: int32(r.Start.Line), Character: int32(r.Start.Character)},
			End:   &pb.Position{Line: int32(r.End.Line), Character: int32(r.End.Character)},
		})
	}
	return converted
}

func fromPB(ranges []*pb.Range) []parser.Range {
	var converted []parser.Range
	for _, r := range ranges {
		converted = append(converted, parser.Range{
			Start: parser.Position{Line: int(r.GetStart().GetLine()), Character: int(r.GetStart().GetCharacter())},
			End:   parser.Position{Line: int(r.GetEnd().GetLine()), Character: int(r.GetEnd().GetCharacter())},
		})
	}
	return converted
}

// warnings shows each warning once, although a Wasmfile may be converted more
// than once.
type warnings struct {
	mu    sync.Mutex
	shown map[string]bool
	rules map[string]bool
}

// first notes that a rule is broken, and reports whether the message is new.
func (w *warnings) first(rule, message string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.shown == nil {
		w.shown, w.rules = make(map[string]bool), make(map[string]bool)
	}
	w.rules[rule] = true
	again := w.shown[message]
	w.shown[message] = true
	return !again
}

// brokenRules are the names of the rules of all warnings, sorted.
func (w *warnings) brokenRules() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Sorted(maps.Keys(w.rules))
}

func (b *build) warn(ctx context.Context) linter.LintWarnFunc {
	return func(rule, description, url, message string, location []parser.Range) {
		line := 0
		if len(location) > 0 {
			line = location[0].Start.Line
		}
		message = linter.LintFormatShort(rule, b.file.Message(message, location), line)
		if !b.warned.first(rule, fmt.Sprint(message, location)) {
			return
		}
		b.source.Warn(ctx, message, client.WarnOpts{
			Level: 1, Detail: [][]byte{[]byte(description)}, URL: url, Range: toPB(location),
		})
	}
}
