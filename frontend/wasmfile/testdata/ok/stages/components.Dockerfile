ARG BASE=one
FROM scratch AS unrelated
#
#
FROM scratch AS one
COPY ["one.wasm", "/.wasmfile/0001/files/"]
FROM ${BASE} AS two
COPY ["two.wasm", "/.wasmfile/0002/files/"]
#
