package containers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/pkg/identifiers"
	"github.com/containerd/errdefs"
	"github.com/containerd/nerdctl/v2/pkg/api/types"
	"github.com/containerd/nerdctl/v2/pkg/clientutil"
	"github.com/containerd/nerdctl/v2/pkg/containerutil"
	"github.com/containerd/nerdctl/v2/pkg/mountutil/volumestore"
	"github.com/containerd/nerdctl/v2/pkg/store"
)

// freeName frees a container's name that nerdctl keeps for a container that is not there,
// as it does for good when it is killed while it creates or removes one, and removes what
// nerdctl keeps of that container.
//
// nerdctl locks the volumes of a namespace before it takes a name, and until it has created
// the container. So whoever holds that lock knows that there will be no such container.
func freeName(ctx context.Context, client *containerd.Client, name string, global types.GlobalCommandOptions) (err error) {
	data, err := clientutil.DataStore(global.DataRoot, global.Address)
	if err != nil {
		return err
	}
	names, err := store.New(filepath.Join(data, "names", global.Namespace), 0, 0) // as nerdctl's namestore
	if err != nil {
		return err
	}
	if taken, err := names.Exists(name); err != nil || !taken {
		return nil // nerdctl says what is wrong with a name
	}
	volumes, err := volumestore.New(data, global.Namespace)
	if err != nil {
		return err
	}
	if err := volumes.Lock(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, volumes.Release()) }()
	return names.WithLock(func() error {
		id, err := names.Get(name)
		switch {
		case errors.Is(err, store.ErrNotFound):
			return nil
		case err != nil:
			return err
		}
		if _, err := client.ContainerService().Get(ctx, string(id)); !errdefs.IsNotFound(err) {
			return err
		}
		if err := removeState(data, string(id), global.Namespace); err != nil {
			return fmt.Errorf("remove what is left of the container %s, which is not there: %w", id, err)
		}
		if err := names.Delete(name); err != nil {
			return fmt.Errorf("free the name %s of the container %s, which is not there: %w", name, id, err)
		}
		return nil
	})
}

// removeState removes nerdctl's directory of a container. An ID that is none, as that of
// a name which nerdctl has taken for nobody, has no directory.
func removeState(data, id, namespace string) error {
	if identifiers.Validate(id) != nil {
		return nil
	}
	dir, err := containerutil.ContainerStateDirPath(namespace, data, id)
	if err != nil {
		return err
	}
	return os.RemoveAll(dir)
}
