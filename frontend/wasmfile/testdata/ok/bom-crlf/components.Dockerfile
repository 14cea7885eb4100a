FROM scratch
COPY ["a.wasm", \
"/.wasmfile/0001/files/"]
#
#