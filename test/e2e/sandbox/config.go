package sandbox

// Configurations; capital words are replaced by config.

const registryConfig = `version: 0.1
log:
  level: warn
storage:
  filesystem:
    rootdirectory: ROOT/data/registry
  delete:
    enabled: true
http:
  addr: REGISTRY
`

const containerdConfig = `version = 3
root = "ROOT/data/containerd"
state = "RUN/containerd"

[grpc]
  address = "CONTAINERD_SOCK"

[plugins.'io.containerd.cri.v1.images']
  snapshotter = "overlayfs"
  [plugins.'io.containerd.cri.v1.images'.registry]
    config_path = "ROOT/etc/hosts"
  [plugins.'io.containerd.cri.v1.images'.pinned_images]
    sandbox = "PAUSE_IMAGE"

[plugins.'io.containerd.cri.v1.runtime']
  [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dirs = ["TOOLS"]
    conf_dir = "ROOT/etc/cni"
  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.wasmfile]
    runtime_type = "io.containerd.wasmfile.v1"
    pod_annotations = ["io.github.wasmfile.*"]
    container_annotations = ["io.github.wasmfile.*"]

[plugins.'io.containerd.transfer.v1.local']
  config_path = "ROOT/etc/hosts"
`

const buildkitConfig = `root = "ROOT/data/buildkit"

[grpc]
  address = ["unix://BUILDKIT_SOCK"]

[worker.oci]
  enabled = true
  snapshotter = "overlayfs"
  binary = "TOOLS/runc"
  gckeepstorage = "8GB"

[worker.containerd]
  enabled = false

[registry."REGISTRY"]
  http = true
`

const dockerConfig = `{
  "hosts": ["unix://DOCKER_SOCK"],
  "data-root": "ROOT/data/docker",
  "exec-root": "RUN/docker",
  "pidfile": "RUN/docker.pid",
  "containerd": "CONTAINERD_SOCK",
  "containerd-namespace": "moby",
  "containerd-plugins-namespace": "moby-plugins",
  "bridge": "DOCKER_BRIDGE",
  "userland-proxy-path": "TOOLS/docker-proxy",
  "insecure-registries": ["REGISTRY"],
  "exec-opts": ["native.cgroupdriver=cgroupfs"],
  "features": {"containerd-snapshotter": true}
}
`

const nerdctlConfig = `address = "CONTAINERD_SOCK"
namespace = "default"
snapshotter = "overlayfs"
data_root = "ROOT/data/nerdctl"
cni_path = "TOOLS"
cni_netconfpath = "ROOT/etc/cni"
cgroup_manager = "cgroupfs"
hosts_dir = ["ROOT/etc/hosts"]
`

const crictlConfig = `runtime-endpoint: unix://CONTAINERD_SOCK
image-endpoint: unix://CONTAINERD_SOCK
`

// hostsConfig makes the registry plain HTTP for containerd's resolvers.
const hostsConfig = `server = "http://REGISTRY"

[host."http://REGISTRY"]
  capabilities = ["pull", "resolve", "push"]
`

// bridgeNetwork is nerdctl's default network, which nerdctl would otherwise
// make with a name and addresses that are the same in every sandbox.
const bridgeNetwork = `{
  "cniVersion": "1.0.0",
  "name": "bridge",
  "nerdctlID": "17f29b073143d8cd97b5bbe492bdeffec1c5fee55cc1fe2112c8b9335f8b6121",
  "nerdctlLabels": {"nerdctl/default-network": "true"},
  "plugins": [
    {
      "type": "bridge", "bridge": "NERDCTL_BRIDGE", "isGateway": true, "ipMasq": true, "hairpinMode": true,
      "ipam": {
        "type": "host-local",
        "routes": [{"dst": "0.0.0.0/0"}],
        "ranges": [[{"gateway": "NERDCTL_SUBNET.1", "subnet": "NERDCTL_SUBNET.0/24"}]]
      }
    },
    {"type": "portmap", "capabilities": {"portMappings": true}},
    {"type": "firewall", "ingressPolicy": "same-bridge"},
    {"type": "tuning"}
  ]
}
`

// goDockerfile is the Go image: the toolchain of this machine on busybox, as
// much of it as compiling needs.
const goDockerfile = `FROM scratch
COPY --from=busybox / /
COPY --from=go bin /usr/local/go/bin
COPY --from=go pkg/include /usr/local/go/pkg/include
COPY --from=go pkg/tool /usr/local/go/pkg/tool
COPY --from=go lib /usr/local/go/lib
COPY --from=go src /usr/local/go/src
COPY --from=go VERSION go.env /usr/local/go/
ENV PATH=/go/bin:/usr/local/go/bin:/usr/sbin:/usr/bin:/sbin:/bin GOPATH=/go GOTOOLCHAIN=local
WORKDIR /go
CMD ["sh"]
`

const busyboxDockerfile = `FROM scratch
COPY --from=busybox / /
ENV PATH=/usr/sbin:/usr/bin:/sbin:/bin
CMD ["sh"]
`

// pauseDockerfile is what the CRI runs to hold a pod's namespaces.
const pauseDockerfile = `FROM scratch
COPY --from=busybox / /
ENTRYPOINT ["/bin/sh", "-c", "trap 'exit 0' TERM INT; while :; do sleep 3600 & wait; done"]
`
