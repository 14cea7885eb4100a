package transfer

import (
	"context"
	"sync"
	"time"

	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/nerdctl/v2/pkg/imgutil/jobs"
	"github.com/opencontainers/go-digest"

	"github.com/wasmfile/wasmfile/pkg/unpack"
)

// downloads are the blobs of a pull, in the order in which they were met.
type downloads struct {
	ctx   context.Context // names blobs as containerd does
	mu    sync.Mutex
	order []digest.Digest
	infos map[digest.Digest]jobs.StatusInfo
}

func newDownloads(ctx context.Context) *downloads {
	return &downloads{ctx: unpack.WithProgressKeys(ctx), infos: make(map[digest.Digest]jobs.StatusInfo)}
}

var downloadStatus = map[unpack.State]jobs.StatusInfoStatus{
	unpack.StateWaiting:  jobs.StatusWaiting,
	unpack.StateFetching: jobs.StatusDownloading,
	unpack.StateExists:   jobs.StatusExists,
	unpack.StateDone:     jobs.StatusDone,
}

// note is for unpack.Options.OnProgress.
func (d *downloads) note(p unpack.Progress) {
	d.mu.Lock()
	defer d.mu.Unlock()
	info, ok := d.infos[p.Descriptor.Digest]
	if !ok {
		d.order = append(d.order, p.Descriptor.Digest)
		info = jobs.StatusInfo{Ref: remotes.MakeRefKey(d.ctx, p.Descriptor), Total: p.Descriptor.Size}
	}
	info.UpdatedAt = time.Now()
	if info.StartedAt.IsZero() && p.State == unpack.StateFetching {
		info.StartedAt = info.UpdatedAt
	}
	info.Status, info.Offset = downloadStatus[p.State], p.Offset
	d.infos[p.Descriptor.Digest] = info
}

func (d *downloads) statuses() []jobs.StatusInfo {
	d.mu.Lock()
	defer d.mu.Unlock()
	list := make([]jobs.StatusInfo, 0, len(d.order))
	for _, key := range d.order {
		list = append(list, d.infos[key])
	}
	return list
}
