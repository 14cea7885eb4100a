FROM scratch AS base
COPY ["a.wasm", "/"]
ONBUILD COPY note /
ONBUILD ENV NAME=b
ONBUILD ARG VERSION=1
FROM base
COPY ["${NAME}${VERSION}.wasm", "/"]
