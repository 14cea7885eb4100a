package sandbox

import "context"

// kubernetesVersion is the newest minor version that runs on cgroup v1 without
// being asked to.
const kubernetesVersion = "k8s.io/component-base/version.gitVersion=v1.34.4"

// kubernetesTools take long to build, and only the tests with a kubelet need
// them.
var kubernetesTools = []goTool{
	{name: "kubelet", module: "kubernetes", pkg: "k8s.io/kubernetes/cmd/kubelet", version: kubernetesVersion},
	{name: "kube-apiserver", module: "kubernetes", pkg: "k8s.io/kubernetes/cmd/kube-apiserver", version: kubernetesVersion},
	{name: "kube-controller-manager", module: "kubernetes", pkg: "k8s.io/kubernetes/cmd/kube-controller-manager", version: kubernetesVersion},
	{name: "kube-scheduler", module: "kubernetes", pkg: "k8s.io/kubernetes/cmd/kube-scheduler", version: kubernetesVersion},
	{name: "kube-proxy", module: "kubernetes", pkg: "k8s.io/kubernetes/cmd/kube-proxy", version: kubernetesVersion},
	{name: "kubectl", module: "kubernetes", pkg: "k8s.io/kubernetes/cmd/kubectl", version: kubernetesVersion},
	{name: "etcd", module: "kubernetes", pkg: "go.etcd.io/etcd/server/v3"},
}

// Kubernetes builds what makes a cluster of one node, and starts nothing.
func (s *Sandbox) Kubernetes(ctx context.Context) error {
	return s.stages(ctx, s.installPackages, func(ctx context.Context) error {
		return s.buildGoTools(ctx, kubernetesTools)
	})
}
