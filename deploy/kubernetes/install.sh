#!/bin/sh
# Puts the shim and its engine on a node, and the runtime handler "wasmfile" into
# containerd's configuration; or takes all away again.
#
#   install.sh install|uninstall
#
# HOST       where the node's root is mounted (/host)
# BIN_DIR    a directory of containerd's PATH, on the node (/usr/local/bin)
# CONFIG     containerd's configuration, on the node (/etc/containerd/config.toml)
# RESTART    what restarts containerd, run on the node when the configuration has
#            changed ("systemctl restart containerd"); empty for nothing
# LOCAL_PULL not empty: have the CRI pull images itself, and not by the transfer
#            service, which leaves the files of Wasm artifacts packed
set -eu

host=${HOST:-/host}
bin=$host${BIN_DIR:-/usr/local/bin}
config=$host${CONFIG:-/etc/containerd/config.toml}
restart=${RESTART-systemctl restart containerd}
begin='# wasmfile: begin'
end='# wasmfile: end'
aside='# wasmfile: instead of '

# without_ours is the configuration without what was added to it, and with what
# that stands for.
without_ours() {
	if [ -f "$config" ]; then
		sed -e "/^$begin\$/,/^$end\$/d" -e "s/^$aside//" "$config"
	fi
}

# handler is what is added, for the configuration's version.
handler() {
	plugin=io.containerd.cri.v1.runtime
	if grep -Eq '^ *version *= *2' "$config" 2>/dev/null; then
		plugin=io.containerd.grpc.v1.cri
	fi
	printf '%s\n' "$begin" \
		"[plugins.'$plugin'.containerd.runtimes.wasmfile]" \
		"  runtime_type = 'io.containerd.wasmfile.v1'" \
		"  pod_annotations = ['io.github.wasmfile.*']" \
		"  container_annotations = ['io.github.wasmfile.*']" \
		"$end"
}

# may_pull_locally tells whether local_pull is safe here, and says why not.
may_pull_locally() {
	# Nobody but the transfer service asks the image verifiers in its directory.
	dir=$(without_ours | sed -n '/image-verifier\.v1\.bindir/,/^ *\[/s/^ *bin_dir *= *.\(.*\).$/\1/p')
	dir=${dir:-/opt/containerd/image-verifier/bin}
	if [ -n "$(ls "$host$dir" 2>/dev/null)" ]; then
		not_local="image verifiers are in $dir"
	elif without_ours | grep -q '{{'; then
		not_local="$config is a template"
	else
		return 0
	fi
	echo "install: $not_local, so the transfer service goes on to pull, and leaves the files of Wasm artifacts packed" >&2
	return 1
}

# local_pull adds the setting to the configuration that it is given: to its table,
# which TOML has once only, or with a table when there is none.
local_pull() {
	awk -v begin="$begin" -v end="$end" -v aside="$aside" -v setting='  use_local_image_pull = true' '
		/^[ \t]*\[/ { in_table = 0 }
		in_table && /^[ \t]*use_local_image_pull[ \t]*=/ { $0 = aside $0 }
		{ print }
		/^[ \t]*\[plugins\..io\.containerd\.cri\.v1\.images.\]/ {
			in_table = found = 1
			print begin; print setting; print end
		}
		END {
			if (!found) {
				print begin; print "[plugins.\047io.containerd.cri.v1.images\047]"; print setting; print end
			}
		}'
}

# with_ours is the configuration with what is added to it, with an end to each of
# its lines.
with_ours() {
	if [ -z "$(without_ours)" ]; then
		printf '%s\n' "$begin" 'version = 3' "$end"
	fi
	if [ -n "${LOCAL_PULL-}" ] && may_pull_locally; then
		without_ours | local_pull
	else
		without_ours | awk 1
	fi
	handler
}

# on_node runs a command on the node, found where nodes have commands: in the node's
# namespaces, or where those of its first process are not to be entered, in its root.
on_node() {
	command="PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin; export PATH; $1"
	if nsenter -t 1 -m -u -i -n -p -- true 2>/dev/null; then
		nsenter -t 1 -m -u -i -n -p -- sh -c "$command"
	else
		chroot "$host" sh -c "$command"
	fi
}

# configure replaces the configuration, whole or not at all, and restarts
# containerd when it is another one; an empty one is removed. A file beside it is
# there until that has succeeded, so that the next attempt knows.
configure() {
	new=$(mktemp "$config.XXXXXX")
	cat >"$new"
	if [ -f "$config" ] && cmp -s "$new" "$config"; then
		rm "$new"
	else
		: >"$config.restart"
		chmod 644 "$new"
		mv "$new" "$config"
		[ -s "$config" ] || rm "$config"
	fi
	if [ -e "$config.restart" ]; then
		# Containers go on: their shims are not containerd's children.
		if [ -n "$restart" ] && ! on_node "$restart"; then
			echo "install: \`$restart\` failed on the node" >&2
			exit 1
		fi
		rm -f "$config.restart"
	fi
}

# place puts a file into the node's directory under its name in one step, so that a
# container that starts meanwhile gets the old one or the new one.
place() {
	cp "$1" "$bin/.$(basename "$1").new"
	chmod 755 "$bin/.$(basename "$1").new"
	mv "$bin/.$(basename "$1").new" "$bin/$(basename "$1")"
}

case ${1-} in
install)
	mkdir -p "$bin" "$(dirname "$config")"
	for file in /opt/wasmfile/*; do
		place "$file"
	done
	if without_ours | grep -q 'runtimes\.wasmfile\]'; then
		echo "install: $config has a handler wasmfile of its own, which is left alone"
	else
		with_ours | configure
	fi
	echo "install: done"
	;;
uninstall)
	if [ -f "$config" ]; then
		without_ours | configure
	fi
	rm -f "$bin/containerd-shim-wasmfile-v1" "$bin/wasmfile-traces" "$bin/wasmtime"
	echo "uninstall: done; containers that run go on until they end"
	;;
*)
	echo "usage: install.sh install|uninstall" >&2
	exit 2
	;;
esac
