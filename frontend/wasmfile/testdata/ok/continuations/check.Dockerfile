FROM scratch
COPY --from=build ["/a.wasm", "/b.wasm", \
#
#

#
"/.wasmfile/0001/files/"]
LABEL io.github.wasmfile.annotation.a=1 io.github.wasmfile.annotation.b=2 \
#
#
io.github.wasmfile.annotation.c="3 4"
LABEL \
io.github.wasmfile.annotation.a=1
COPY ["c.wasm", \
"/.wasmfile/0004/files/"]
LABEL \
io.github.wasmfile.annotation.d=5
COPY ["d.wasm", \
"/.wasmfile/0006/files/"]
ENTRYPOINT ["a"]
