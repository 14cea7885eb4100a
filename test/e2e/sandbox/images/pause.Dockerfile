# What the CRI runs to hold the namespaces of a pod.
FROM scratch
COPY --from=busybox / /
ENTRYPOINT ["/bin/sh", "-c", "trap 'exit 0' TERM INT; while :; do sleep 3600 & wait; done"]
