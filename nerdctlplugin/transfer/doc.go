// Package transfer is the commands that move artifacts between containerd, registries and
// archives: pull, push, load and save, with signatures and attestations. What it asks of
// registries follows the OCI distribution specification 1.1, and nerdctl's configuration
// of hosts and logins.
package transfer
