package command

import (
	"github.com/containerd/nerdctl/v2/pkg/consoleutil"
	"github.com/containerd/nerdctl/v2/pkg/defaults"
	"github.com/containerd/nerdctl/v2/pkg/netutil"
	"github.com/spf13/pflag"

	"github.com/wasmfile/wasmfile/nerdctlplugin/containers"
	"github.com/wasmfile/wasmfile/nerdctlplugin/daemon"
)

// runFlags are the flags of `nerdctl run`, with nerdctl's names, letters and
// defaults. What needs more than its value to become an option is here; the
// rest is bound to the options.
type runFlags struct {
	bound containers.RunOptions

	networks, nets      []string
	dns, dnsSearch      []string
	dnsOpts, dnsOptions []string
	publish, devices    []string
	userns              string
	own                 ownFlags
}

func (r *runFlags) bind(flags *pflag.FlagSet) {
	o := &r.bound.Create
	flags.BoolVarP(&o.Detach, "detach", "d", false, "run in the background and print the container's ID")
	flags.StringSliceVarP(&o.Attach, "attach", "a", nil, "attach STDIN, STDOUT or STDERR")
	r.bindCreate(flags)
}

// bindCreate declares what `nerdctl create` has of them.
func (r *runFlags) bindCreate(flags *pflag.FlagSet) {
	flags.SetInterspersed(false) // what follows the reference is the guest's
	flags.Bool("help", false, "show help")
	r.bindBasic(flags)
	r.bindNetwork(flags)
	r.bindResources(flags)
	r.bindDevices(flags)
	r.bindSecurity(flags)
	r.bindMounts(flags)
	r.bindMetadata(flags)
	r.bindRefused(flags)
	r.own.bind(flags, &r.bound)
	bindVerify(flags, &r.bound.Verify)
	hideRefused(flags)
}

func (r *runFlags) bindBasic(flags *pflag.FlagSet) {
	o := &r.bound.Create
	flags.BoolVarP(&o.TTY, "tty", "t", false, "allocate a terminal")
	flags.BoolVar(&o.SigProxy, "sig-proxy", true, "send signals that arrive on to the process")
	flags.BoolVarP(&o.Interactive, "interactive", "i", false, "pass standard input on")
	flags.StringVar(&o.Restart, "restart", "no", "when to restart (no|always|on-failure[:N]|unless-stopped)")
	flags.BoolVar(&o.Rm, "rm", false, "remove the container when it exits")
	flags.StringVar(&o.Pull, "pull", containers.PullMissing, "when to pull the artifact (always|missing|never)")
	flags.BoolVarP(&r.bound.Quiet, "quiet", "q", false, "show no progress")
	flags.StringVar(&o.StopSignal, "stop-signal", "SIGTERM", "signal that stops the container")
	flags.IntVar(&o.StopTimeout, "stop-timeout", 0, "seconds until a stopping container is killed")
	flags.StringVar(&o.DetachKeys, "detach-keys", consoleutil.DefaultDetachKeys, "keys that detach from the container")
	flags.StringVar(&o.Platform, "platform", "", "manifest of an index, such as wasip1/wasm (default: the best one for Wasm)")
	flags.StringVar(&o.Runtime, "runtime", daemon.DefaultRuntime, "containerd runtime")
	flags.StringVar(&o.Isolation, "isolation", "default", "isolation technology (default)")
}

func (r *runFlags) bindNetwork(flags *pflag.FlagSet) {
	n := &r.bound.Network
	flags.StringSliceVar(&r.networks, "network", []string{netutil.DefaultNetworkName}, "connect to a network (bridge|host|none|container:NAME|NETWORK)")
	flags.StringSliceVar(&r.nets, "net", []string{netutil.DefaultNetworkName}, "alias of --network")
	flags.StringSliceVar(&r.dns, "dns", nil, "DNS servers")
	flags.StringSliceVar(&r.dnsSearch, "dns-search", nil, "DNS search domains")
	flags.StringSliceVar(&r.dnsOpts, "dns-opt", nil, "DNS options")
	flags.StringSliceVar(&r.dnsOptions, "dns-option", nil, "alias of --dns-opt")
	flags.StringSliceVarP(&r.publish, "publish", "p", nil, "publish a port, as HOST:CONTAINER")
	flags.StringVar(&n.IPAddress, "ip", "", "IPv4 address")
	flags.StringVar(&n.IP6Address, "ip6", "", "IPv6 address")
	flags.StringVarP(&n.Hostname, "hostname", "h", "", "host name")
	flags.StringVar(&n.Domainname, "domainname", "", "domain name")
	flags.StringVar(&n.MACAddress, "mac-address", "", "MAC address")
	flags.StringSliceVar(&n.AddHost, "add-host", nil, "add a name, as HOST:IP")
	flags.StringVar(&n.UTSNamespace, "uts", "", "UTS namespace")
}

func (r *runFlags) bindResources(flags *pflag.FlagSet) {
	o := &r.bound.Create
	flags.Float64Var(&o.CPUs, "cpus", 0, "number of CPUs")
	flags.StringVar(&o.CPUSetCPUs, "cpuset-cpus", "", "CPUs to run on (0-3, 0,1)")
	flags.StringVar(&o.CPUSetMems, "cpuset-mems", "", "memory nodes to use (0-3, 0,1)")
	flags.Uint64Var(&o.CPUShares, "cpu-shares", 0, "relative weight of CPU time")
	flags.Int64Var(&o.CPUQuota, "cpu-quota", -1, "CPU time per period in microseconds")
	flags.Uint64Var(&o.CPUPeriod, "cpu-period", 0, "CPU period in microseconds")
	flags.Uint64Var(&o.CPURealtimePeriod, "cpu-rt-period", 0, "real-time CPU period in microseconds")
	flags.Uint64Var(&o.CPURealtimeRuntime, "cpu-rt-runtime", 0, "real-time CPU runtime in microseconds")
	flags.StringVarP(&o.Memory, "memory", "m", "", "memory limit, such as 64m")
	flags.StringVar(&o.MemoryReservation, "memory-reservation", "", "soft memory limit")
	flags.StringVar(&o.MemorySwap, "memory-swap", "", "limit of memory and swap, -1 for unlimited swap")
	flags.Int64Var(&o.MemorySwappiness64, "memory-swappiness", -1, "swappiness (0 to 100)")
	flags.StringVar(&o.KernelMemory, "kernel-memory", "", "kernel memory limit (deprecated)")
	flags.BoolVar(&o.OomKillDisable, "oom-kill-disable", false, "disable the OOM killer")
	flags.IntVar(&o.OomScoreAdj, "oom-score-adj", 0, "OOM preference (-1000 to 1000)")
	flags.Int64Var(&o.PidsLimit, "pids-limit", -1, "limit of processes")
	flags.StringSliceVar(&o.CgroupConf, "cgroup-conf", nil, "cgroup v2 setting, as KEY=VALUE")
	flags.StringVar(&o.Cgroupns, "cgroupns", defaults.CgroupnsMode(), "cgroup namespace (host|private)")
	flags.StringVar(&o.CgroupParent, "cgroup-parent", "", "parent cgroup")
	flags.StringVar(&o.Pid, "pid", "", "PID namespace")
	flags.StringVar(&o.IPC, "ipc", "", "IPC namespace")
	flags.StringSliceVar(&o.Ulimit, "ulimit", nil, "ulimit, as TYPE=SOFT[:HARD]")
	flags.StringVar(&o.ShmSize, "shm-size", "", "size of /dev/shm")
	flags.StringVar(&o.RDTClass, "rdt-class", "", "Intel RDT class")
}

func (r *runFlags) bindDevices(flags *pflag.FlagSet) {
	o := &r.bound.Create
	flags.StringSliceVar(&r.devices, "device", nil, "add a host device")
	flags.StringArrayVar(&o.GPUs, "gpus", nil, "GPUs to add")
	flags.Uint16Var(&o.BlkioWeight, "blkio-weight", 0, "relative weight of block IO (10 to 1000)")
	flags.StringArrayVar(&o.BlkioWeightDevice, "blkio-weight-device", nil, "relative weight for a device")
	flags.StringArrayVar(&o.BlkioDeviceReadBps, "device-read-bps", nil, "read rate of a device in bytes per second")
	flags.StringArrayVar(&o.BlkioDeviceReadIOps, "device-read-iops", nil, "read rate of a device in operations per second")
	flags.StringArrayVar(&o.BlkioDeviceWriteBps, "device-write-bps", nil, "write rate of a device in bytes per second")
	flags.StringArrayVar(&o.BlkioDeviceWriteIOps, "device-write-iops", nil, "write rate of a device in operations per second")
}

func (r *runFlags) bindSecurity(flags *pflag.FlagSet) {
	o := &r.bound.Create
	flags.StringVarP(&o.User, "user", "u", "", "user, as NAME|UID[:GROUP|GID]")
	flags.StringVar(&o.Umask, "umask", "", "umask of the process")
	flags.StringSliceVar(&o.GroupAdd, "group-add", nil, "more groups")
	flags.StringVar(&r.userns, "userns", "", "\"host\" for no remapping of users")
	flags.StringArrayVar(&o.SecurityOpt, "security-opt", nil, "security option")
	flags.StringSliceVar(&o.CapAdd, "cap-add", nil, "add Linux capabilities")
	flags.StringSliceVar(&o.CapDrop, "cap-drop", nil, "drop Linux capabilities")
	flags.BoolVar(&o.Privileged, "privileged", false, "give extended privileges")
	flags.StringArrayVar(&o.Sysctl, "sysctl", nil, "sysctl, as KEY=VALUE")
}

func (r *runFlags) bindMounts(flags *pflag.FlagSet) {
	o := &r.bound.Create
	flags.StringArrayVarP(&o.Volume, "volume", "v", nil, "mount a directory or volume, as SOURCE:DESTINATION[:ro]")
	flags.StringArrayVar(&o.Tmpfs, "tmpfs", nil, "mount a tmpfs")
	flags.StringArrayVar(&o.Mount, "mount", nil, "mount, as type=bind,source=SOURCE,target=DESTINATION[,readonly]")
	flags.StringArrayVar(&o.VolumesFrom, "volumes-from", nil, "mount the volumes of a container")
	flags.BoolVar(&o.ReadOnly, "read-only", false, "mount the root filesystem read-only")
}

func (r *runFlags) bindMetadata(flags *pflag.FlagSet) {
	o := &r.bound.Create
	flags.StringArrayVar(&o.Entrypoint, "entrypoint", nil, "component to run instead of the artifact's ENTRYPOINT")
	flags.StringVarP(&o.Workdir, "workdir", "w", "", "working directory")
	flags.StringArrayVarP(&o.Env, "env", "e", nil, "environment variable, as NAME=VALUE, or NAME to pass it on")
	flags.StringSliceVar(&o.EnvFile, "env-file", nil, "file of environment variables")
	flags.StringVar(&o.Name, "name", "", "name of the container")
	flags.StringArrayVarP(&o.Label, "label", "l", nil, "label, as KEY=VALUE")
	flags.StringSliceVar(&o.LabelFile, "label-file", nil, "file of labels")
	flags.StringArrayVar(&o.Annotations, "annotation", nil, "annotation for the runtime, as KEY=VALUE")
	flags.StringVar(&o.CidFile, "cidfile", "", "write the container's ID to a file")
	flags.StringVar(&o.PidFile, "pidfile", "", "write the process's ID to a file")
	flags.StringVar(&o.LogDriver, "log-driver", "json-file", "logging driver")
	flags.StringArrayVar(&o.LogOpt, "log-opt", nil, "logging option, as KEY=VALUE")
	flags.StringVar(&o.HealthCmd, "health-cmd", "", "component and arguments that check the health, instead of the artifact's HEALTHCHECK")
	flags.DurationVar(&o.HealthInterval, "health-interval", 0, "time between health checks, which systemd runs (default 30s)")
	flags.DurationVar(&o.HealthTimeout, "health-timeout", 0, "how long a health check may take (default 30s)")
	flags.IntVar(&o.HealthRetries, "health-retries", 0, "failures in a row that make the container unhealthy (default 3)")
	flags.DurationVar(&o.HealthStartPeriod, "health-start-period", 0, "time after the start in which failures do not count")
	flags.BoolVar(&o.NoHealthcheck, "no-healthcheck", false, "no health check, not the artifact's either")
}

// bindRefused declares flags of nerdctl that a Wasm guest cannot have, so that
// they get an explanation.
func (r *runFlags) bindRefused(flags *pflag.FlagSet) {
	flags.Bool("init", false, "")
	flags.String("init-binary", "tini", "")
	flags.String("systemd", "false", "")
	flags.Bool("rootfs", false, "")
	flags.String("ipfs-address", "", "")
}
