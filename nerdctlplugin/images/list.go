package images

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/containerd/nerdctl/v2/pkg/api/types"
	"github.com/containerd/nerdctl/v2/pkg/cmd/image"
	"github.com/containerd/nerdctl/v2/pkg/formatter"
	"github.com/containerd/nerdctl/v2/pkg/imgutil"
	"github.com/containerd/platforms"
	"github.com/docker/go-units"

	"github.com/wasmfile/wasmfile/nerdctlplugin/daemon"
	"github.com/wasmfile/wasmfile/nerdctlplugin/output"
	"github.com/wasmfile/wasmfile/nerdctlplugin/source"
)

// ListOptions are those of List.
type ListOptions struct {
	// Global are nerdctl's global options.
	Global types.GlobalCommandOptions
	// Name limits the list to one image, when it is not empty.
	Name string
	// Filters are nerdctl's: before, since, label, dangling, reference.
	Filters []string
	// Quiet prints IDs only, NoTrunc whole ones.
	Quiet, NoTrunc bool
	// Digests and Names add and replace columns, as in nerdctl.
	Digests, Names bool
	// Format is a Go template for each Listed, "json" or "table".
	Format string
	// Stdout is where it is written.
	Stdout io.Writer
}

// Listed is an artifact in containerd as List lists it.
type Listed struct {
	Repository, Tag, Name string
	ID, Digest            string
	CreatedAt             string
	CreatedSince          string
	Platform              string
	// Components are the names, Count is how many there are.
	Components []string
	Count      int
	// WASI is the highest version that a component needs, such as "0.2".
	WASI string
	// Size is that of all blobs, UniqueSize that of the blobs which no other
	// image needs; both as people read it, and in bytes.
	Size, UniqueSize           string
	SizeBytes, UniqueSizeBytes int64
}

// List lists the artifacts in containerd.
func List(ctx context.Context, o ListOptions) error {
	client, ctx, done, err := daemon.Connect(ctx, o.Global)
	if err != nil {
		return err
	}
	defer done()
	var byName []string
	if o.Name != "" {
		ref, err := source.ParseReference(o.Name)
		if err != nil {
			return err
		}
		byName = []string{"name==" + ref.String()}
	}
	records, err := image.List(ctx, client, o.Filters, byName)
	if err != nil {
		return fmt.Errorf("list images: %w", err)
	}
	all, err := client.ImageService().List(ctx)
	if err != nil {
		return fmt.Errorf("list images: %w", err)
	}
	store := client.ContentStore()
	needed, err := users(ctx, store, all)
	if err != nil {
		return err
	}
	var entries []output.Entry
	for _, found := range wasmImages(ctx, store, records) {
		listed := listImage(found, o.NoTrunc)
		listed.WASI = source.WASIVersion(ctx, store, found.artifact)
		for blob, size := range blobs(found.record.Target, found.artifact) {
			listed.SizeBytes += size
			if needed[blob] < 2 {
				listed.UniqueSizeBytes += size
			}
		}
		listed.Size, listed.UniqueSize = units.HumanSize(float64(listed.SizeBytes)), units.HumanSize(float64(listed.UniqueSizeBytes))
		entries = append(entries, output.Entry{ID: listed.ID, Value: listed, Fields: o.fields(listed)})
	}
	return output.Listing{Out: o.Stdout, Quiet: o.Quiet, Format: o.Format, Columns: o.columns()}.Write(entries)
}

func listImage(found wasmImage, noTrunc bool) Listed {
	record, a := found.record, found.artifact
	components := componentNames(a)
	listed := Listed{
		Name: record.Name, ID: record.Target.Digest.String(), Digest: record.Target.Digest.String(),
		CreatedAt:    record.CreatedAt.Round(time.Second).Local().String(),
		CreatedSince: formatter.TimeSinceInHuman(record.CreatedAt),
		Platform:     platforms.FormatAll(a.Platform()),
		Components:   components,
		Count:        len(components),
	}
	listed.Repository, listed.Tag = imgutil.ParseRepoTag(record.Name)
	if listed.Repository == "" {
		listed.Repository = "<none>"
	}
	if listed.Tag == "" {
		listed.Tag = "<none>"
	}
	if !noTrunc {
		listed.ID = record.Target.Digest.Encoded()[:12]
	}
	return listed
}

func (o ListOptions) columns() []string {
	columns := []string{"REPOSITORY", "TAG"}
	if o.Names {
		columns = []string{"NAME"}
	}
	if o.Digests {
		columns = append(columns, "DIGEST")
	}
	return append(columns, "IMAGE ID", "CREATED", "COMPONENTS", "WASI", "SIZE", "UNIQUE SIZE")
}

func (o ListOptions) fields(i Listed) []string {
	fields := []string{i.Repository, i.Tag}
	if o.Names {
		fields = []string{i.Name}
	}
	if o.Digests {
		fields = append(fields, i.Digest)
	}
	return append(fields, i.ID, i.CreatedSince, someNames(i.Components, o.NoTrunc), i.WASI, i.Size, i.UniqueSize)
}

// shownNames is how many components a row names.
const shownNames = 3

// someNames are the first names, and how many there are more.
func someNames(names []string, all bool) string {
	if more := len(names) - shownNames; more > 0 && !all {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:shownNames], ", "), more)
	}
	return strings.Join(slices.Clone(names), ", ")
}
