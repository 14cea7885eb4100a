ARG BASE=one
FROM scratch AS unrelated
COPY ["unrelated.wasm", "/.wasmfile/0001/files/"]
LABEL io.github.wasmfile.annotation.un=related
FROM scratch AS one
COPY ["one.wasm", "/.wasmfile/0003/files/"]
FROM ${BASE} AS two
COPY ["two.wasm", "/.wasmfile/0004/files/"]
LABEL io.github.wasmfile.annotation.stage=two
