FROM scratch
COPY --from=build ["/a.wasm", "/b.wasm", \
#
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
#
