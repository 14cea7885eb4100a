package check

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/containerd/nerdctl/v2/pkg/infoutil"
)

// cniPlugins are what the default network consists of, and "none" of.
var cniPlugins = []string{"bridge", "host-local", "loopback", "portmap", "firewall", "tuning"}

func cni(_ context.Context, o Options, _ environment) Result {
	r := Result{Name: "CNI", Status: OK, Detail: o.CNIPath, Fix: "apt-get install containernetworking-plugins, and name the directory with --cni-path; or use --net none or host"}
	var missing []string
	for _, plugin := range cniPlugins {
		if _, err := exec.LookPath(filepath.Join(o.CNIPath, plugin)); err != nil {
			missing = append(missing, plugin)
		}
	}
	if len(missing) > 0 {
		r.Status, r.Detail = Warning, o.CNIPath+" lacks "+strings.Join(missing, ", ")
	}
	return r
}

func cgroups(_ context.Context, o Options, _ environment) Result {
	r := Result{Name: "cgroups", Status: OK, Version: infoutil.CgroupsVersion(), Fix: "start the machine with systemd.unified_cgroup_hierarchy=1 for version 2"}
	switch {
	case o.Rootless != nil && r.Version != "2":
		r.Status, r.Detail = Warning, "no limits of memory, processor time and processes, no top and no stats: a user may not set them in version 1"
	case o.Rootless != nil && o.CgroupManager == "none":
		r.Status, r.Detail, r.Fix = Warning, "no limits of memory, processor time and processes: systemd, which would set them for this user, does not run",
			"see https://rootlesscontaine.rs/getting-started/common/cgroup2/"
	case r.Version != "2":
		r.Status, r.Detail = Warning, "limits of memory and processes work, those of version 2 only do not"
	}
	return r
}
