FROM scratch AS base
COPY ["a.wasm", "/.wasmfile/0001/files/"]
#
ONBUILD ENV NAME=b
ONBUILD ARG VERSION=1
FROM base
COPY ["${NAME}${VERSION}.wasm", "/.wasmfile/0002/files/"]
