FROM scratch
COPY --from=build ["/a.wasm", "/b.wasm", \
#
#

#
"/.wasmfile/0001/files/"]
#
#
#
#
#
#
COPY ["c.wasm", \
"/.wasmfile/0002/files/"]
#
#
COPY ["d.wasm", \
"/.wasmfile/0003/files/"]
#
