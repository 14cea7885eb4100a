# The Go toolchain of this machine on busybox, as much of it as compiling needs.
FROM scratch
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
