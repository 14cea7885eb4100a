package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// flagRow is a row of docs/nerdctl-wasm-flags.md.
var flagRow = regexp.MustCompile("(?m)^\\| `--([a-z0-9-]+)`[^|]*\\| (?:(works|ignored|refused) \\| (.*)|.*) \\|$")

// flagCase is how the test uses a flag.
type flagCase struct {
	args  []string // the flag, and what has to be with it
	guest []string // the guest's arguments; default: args x
	out   string   // what the guest prints; default: x
	// kernel says that the machine may lack what the flag needs: then the same
	// flag has to fail for a native container too.
	kernel bool
}

// flagCases has every flag of the page.
// It leaves the container holder behind, which has volumes for others.
func flagCases(t *testing.T, holder string) map[string]flagCase {
	dir := write(t, map[string]string{"env": "FROM_FILE=yes\n", "labels": "a=b\n", "note": "mounted\n"})
	fresh := func(name string) string { return filepath.Join(t.TempDir(), name) }
	env := func(name string) []string { return []string{"env", name} }
	must(t, "nerdctl", "wasm", "create", "-q", "--name", holder, "-v", dir+":/held", probe(t, "component"))
	zero := "/dev/loop0"
	return map[string]flagCase{
		"add-host":                              {args: []string{"--net", "bridge", "--add-host", "there:192.0.2.7"}},
		"annotation":                            {args: []string{"--annotation", "a=b"}},
		"attach":                                {args: []string{"-a", "stdout"}},
		"blkio-weight":                          {args: []string{"--blkio-weight", "100"}, kernel: true},
		"blkio-weight-device":                   {args: []string{"--blkio-weight-device", zero + ":100"}, kernel: true},
		"cap-add":                               {args: []string{"--cap-add", "NET_ADMIN"}},
		"cap-drop":                              {args: []string{"--cap-drop", "ALL"}},
		"cgroup-conf":                           {args: []string{"--cgroup-conf", "memory.high=134217728"}, kernel: true},
		"cgroup-parent":                         {args: []string{"--cgroup-parent", "wasmfile-test"}},
		"cgroupns":                              {args: []string{"--cgroupns", "host"}},
		"cidfile":                               {args: []string{"--cidfile", fresh("id")}},
		"cosign-certificate-identity":           {args: []string{"--cosign-certificate-identity", "me@example.com"}},
		"cosign-certificate-identity-regexp":    {args: []string{"--cosign-certificate-identity-regexp", ".*"}},
		"cosign-certificate-oidc-issuer":        {args: []string{"--cosign-certificate-oidc-issuer", "https://example.com"}},
		"cosign-certificate-oidc-issuer-regexp": {args: []string{"--cosign-certificate-oidc-issuer-regexp", ".*"}},
		"cosign-key":                            {args: []string{"--cosign-key", "key.pub"}},
		"cpu-period":                            {args: []string{"--cpu-period", "50000"}},
		"cpu-quota":                             {args: []string{"--cpu-quota", "50000"}},
		"cpu-rt-period":                         {args: []string{"--cpu-rt-period", "1000000"}, kernel: true},
		"cpu-rt-runtime":                        {args: []string{"--cpu-rt-runtime", "1000"}, kernel: true},
		"cpu-shares":                            {args: []string{"--cpu-shares", "512"}},
		"cpus":                                  {args: []string{"--cpus", "0.5"}},
		"cpuset-cpus":                           {args: []string{"--cpuset-cpus", "0"}},
		"cpuset-mems":                           {args: []string{"--cpuset-mems", "0"}},
		"detach":                                {},
		"detach-keys":                           {args: []string{"--detach-keys", "ctrl-q"}},
		"device":                                {args: []string{"--device", "/dev/null"}},
		"device-read-bps":                       {args: []string{"--device-read-bps", zero + ":1mb"}, kernel: true},
		"device-read-iops":                      {args: []string{"--device-read-iops", zero + ":100"}, kernel: true},
		"device-write-bps":                      {args: []string{"--device-write-bps", zero + ":1mb"}, kernel: true},
		"device-write-iops":                     {args: []string{"--device-write-iops", zero + ":100"}, kernel: true},
		"dns":                                   {args: []string{"--net", "bridge", "--dns", "192.0.2.53"}},
		"dns-opt":                               {args: []string{"--net", "bridge", "--dns-opt", "ndots:7"}},
		"dns-option":                            {args: []string{"--net", "bridge", "--dns-option", "ndots:7"}},
		"dns-search":                            {args: []string{"--net", "bridge", "--dns-search", "corp.example"}},
		"domainname":                            {args: []string{"--domainname", "corp.example"}},
		"entrypoint":                            {args: []string{"--entrypoint", "guest.wasm"}},
		"env":                                   {args: []string{"-e", "A=b"}, guest: env("A"), out: "b"},
		"env-file":                              {args: []string{"--env-file", filepath.Join(dir, "env")}, guest: env("FROM_FILE"), out: "yes"},
		"gpus":                                  {args: []string{"--gpus", "all"}},
		"group-add":                             {args: []string{"--group-add", "1234"}},
		"health-cmd":                            {args: []string{"--health-cmd", "guest"}},
		"health-interval":                       {args: []string{"--health-cmd", "guest", "--health-interval", "1s"}},
		"health-retries":                        {args: []string{"--health-cmd", "guest", "--health-retries", "3"}},
		"health-start-period":                   {args: []string{"--health-cmd", "guest", "--health-start-period", "1s"}},
		"health-timeout":                        {args: []string{"--health-cmd", "guest", "--health-timeout", "1s"}},
		"help":                                  {args: []string{"--help"}, out: "Usage:"},
		"hostname":                              {args: []string{"-h", "here"}, guest: env("HOSTNAME"), out: "here"},
		"init":                                  {args: []string{"--init"}},
		"init-binary":                           {args: []string{"--init-binary", "catatonit"}},
		"interactive":                           {args: []string{"-i"}, guest: []string{"cat"}, out: "from stdin"},
		"ip":                                    {args: []string{"--net", "bridge", "--ip", "10.4.0.77"}, kernel: true},
		"ip6":                                   {args: []string{"--net", "bridge", "--ip6", "2001:db8::77"}, kernel: true},
		"ipc":                                   {args: []string{"--ipc", "private"}},
		"ipfs-address":                          {args: []string{"--ipfs-address", "/ip4/192.0.2.1"}},
		"isolation":                             {args: []string{"--isolation", "default"}},
		"kernel-memory":                         {args: []string{"--kernel-memory", "64m"}},
		"label":                                 {args: []string{"-l", "a=b"}},
		"label-file":                            {args: []string{"--label-file", filepath.Join(dir, "labels")}},
		"log-driver":                            {args: []string{"--log-driver", "none"}},
		"log-opt":                               {args: []string{"--log-opt", "max-size=1m"}},
		"mac-address":                           {args: []string{"--net", "bridge", "--mac-address", "02:00:00:00:00:77"}},
		"memory":                                {args: []string{"-m", "256m"}},
		"memory-reservation":                    {args: []string{"--memory-reservation", "64m"}},
		"memory-swap":                           {args: []string{"-m", "256m", "--memory-swap", "256m"}},
		"memory-swappiness":                     {args: []string{"--memory-swappiness", "10"}, kernel: true},
		"mount":                                 {args: []string{"--mount", "type=bind,source=" + dir + ",target=/m"}, guest: []string{"read", "/m/note"}, out: "mounted"},
		"name":                                  {args: []string{"--name", unique("named")}},
		"net":                                   {args: []string{"--net", "none"}},
		"network":                               {args: []string{"--network", "bridge"}},
		"no-healthcheck":                        {args: []string{"--no-healthcheck"}},
		"oom-kill-disable":                      {args: []string{"--oom-kill-disable"}, kernel: true},
		"oom-score-adj":                         {args: []string{"--oom-score-adj", "500"}},
		"pid":                                   {args: []string{"--pid", "host"}},
		"pidfile":                               {args: []string{"--pidfile", fresh("pid")}},
		"pids-limit":                            {args: []string{"--pids-limit", "100"}},
		"platform":                              {args: []string{"--platform", "wasip2/wasm"}},
		"privileged":                            {args: []string{"--privileged"}},
		"publish":                               {args: []string{"--net", "bridge", "-p", freePort(t) + ":80"}},
		"pull":                                  {args: []string{"--pull", "always"}},
		"quiet":                                 {args: []string{"-q"}},
		"rdt-class":                             {args: []string{"--rdt-class", "some"}, kernel: true},
		"read-only":                             {args: []string{"--read-only"}},
		"restart":                               {args: []string{"--restart", "no"}},
		"rm":                                    {args: []string{"--rm"}},
		"rootfs":                                {args: []string{"--rootfs"}},
		"runtime":                               {args: []string{"--runtime", runtimeName}},
		"security-opt":                          {args: []string{"--security-opt", "seccomp=unconfined"}},
		"shm-size":                              {args: []string{"--shm-size", "32m"}},
		"sig-proxy":                             {args: []string{"--sig-proxy=false"}},
		"stop-signal":                           {args: []string{"--stop-signal", "SIGINT"}},
		"stop-timeout":                          {args: []string{"--stop-timeout", "3"}},
		"sysctl":                                {args: []string{"--net", "bridge", "--sysctl", "net.ipv4.ip_default_ttl=77"}},
		"systemd":                               {args: []string{"--systemd", "always"}},
		"tmpfs":                                 {args: []string{"--tmpfs", "/scratch"}, guest: []string{"write", "/scratch/x", "y"}},
		"tty":                                   {},
		"ulimit":                                {args: []string{"--ulimit", "nofile=2048:4096"}},
		"umask":                                 {args: []string{"--umask", "0077"}},
		"user":                                  {args: []string{"-u", "1234:1234"}},
		"userns":                                {args: []string{"--userns", "host"}},
		"uts":                                   {args: []string{"--net", "bridge", "--uts", "host"}},
		"verify":                                {args: []string{"--verify", "none"}},
		"volume":                                {args: []string{"-v", dir + ":/v:ro"}, guest: []string{"read", "/v/note"}, out: "mounted"},
		"volumes-from":                          {args: []string{"--volumes-from", holder}, guest: []string{"read", "/held/note"}, out: "mounted"},
		"workdir":                               {args: []string{"-v", dir + ":/v", "-w", "/v"}, guest: []string{"pwd"}, out: "/v"},

		"allow-net":     {args: []string{"--allow-net"}},
		"dir":           {args: []string{"--dir", dir + "::/d:ro"}, guest: []string{"read", "/d/note"}, out: "mounted"},
		"engine-config": {},
		"env-host":      {args: []string{"--env-host"}, guest: env("SANDBOX_DIR"), out: os.Getenv("SANDBOX_DIR")},
		"http-addr":     {args: []string{"--http-addr", ":9090"}},
		"invoke":        {},
		"no-net":        {args: []string{"--no-net"}},
	}
}

// TestEveryRunFlag: given each flag in the documentation's table, run does what
// the table says: it runs the guest without a warning, with one, or not.
func TestEveryRunFlag(t *testing.T) {
	page := readFile(t, filepath.Join("..", "..", "docs", "nerdctl-wasm-flags.md"))
	rows := flagRow.FindAllStringSubmatch(page, -1)
	if len(rows) < 100 {
		t.Fatalf("the page has %d rows", len(rows))
	}
	ref, holder := probe(t, "component"), unique("holder")
	cases := flagCases(t, holder)
	t.Cleanup(func() { removeGuest(t, "nerdctl", holder) })
	must(t, "nerdctl", "wasm", "pull", "-q", ref)
	for _, row := range rows {
		name, effect, reason := row[1], row[2], row[3]
		c, ok := cases[name]
		if !ok {
			t.Errorf("--%s is not tested", name)
			continue
		}
		if len(c.args) == 0 {
			continue // it has a test of its own
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			flags := append([]string{"run", "--rm"}, c.args...)
			if !strings.Contains(strings.Join(c.args, " "), "--net") {
				flags = append(flags, "--net=none")
			}
			guest, out := c.guest, c.out
			if guest == nil {
				guest, out = []string{"args", "x"}, "x"
			}
			if c.out != "" {
				out = c.out
			}
			r := command{args: append(append([]string{"nerdctl", "wasm"}, append(flags, ref)...), guest...), stdin: strings.NewReader("from stdin")}.run(t)
			warned := strings.Contains(r.stderr, "has no effect")
			switch {
			case effect == "refused":
				if r.code == 0 || !strings.Contains(r.stderr, "--"+name+": "+reason) {
					t.Errorf("exit code %d: %s", r.code, r.all())
				}
			case r.code != 0 && c.kernel:
				fails(t, nil, append(append([]string{"nerdctl"}, append(flags, busybox())...), "true")...)
			case r.code != 0 || !strings.Contains(r.stdout, out) || warned != (effect == "ignored"):
				t.Errorf("exit code %d, a warning %v: %s", r.code, warned, r.all())
			}
		})
	}
}
