package transfer

import (
	"context"
	"slices"
	"sync"

	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/containerd/v2/core/remotes/docker"
	"github.com/containerd/nerdctl/v2/pkg/imgutil/jobs"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// uploads are the blobs of a push, in the order in which they began.
type uploads struct {
	tracker docker.StatusTracker
	mu      sync.Mutex
	keys    []string
}

func newUploads(tracker docker.StatusTracker) *uploads { return &uploads{tracker: tracker} }

// add is an images.HandlerFunc.
func (u *uploads) add(ctx context.Context, desc ocispec.Descriptor) ([]ocispec.Descriptor, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if key := remotes.MakeRefKey(ctx, desc); !slices.Contains(u.keys, key) {
		u.keys = append(u.keys, key)
	}
	return nil, nil
}

func (u *uploads) statuses() []jobs.StatusInfo {
	u.mu.Lock()
	defer u.mu.Unlock()
	list := make([]jobs.StatusInfo, 0, len(u.keys))
	for _, key := range u.keys {
		info := jobs.StatusInfo{Ref: key, Status: jobs.StatusWaiting}
		if status, err := u.tracker.GetStatus(key); err == nil {
			info.Offset, info.Total = status.Offset, status.Total
			info.StartedAt, info.UpdatedAt = status.StartedAt, status.UpdatedAt
			switch {
			case status.Exists:
				info.Status = jobs.StatusExists
			case status.Offset < status.Total:
				info.Status = jobs.StatusUploading
			case status.UploadUUID == "":
				info.Status = jobs.StatusDone
			default:
				info.Status = jobs.StatusCommitting
			}
		}
		list = append(list, info)
	}
	return list
}
