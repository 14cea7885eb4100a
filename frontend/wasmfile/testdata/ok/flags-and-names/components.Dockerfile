FROM golang AS build
RUN go build -o /out/a.wasm
FROM scratch
COPY --from=build ["/out/a.wasm", "/.wasmfile/0001/as/first/"]
COPY --from=build ["/out/b.wasm", "/.wasmfile/0002/as/second.wasm/"]
COPY --exclude=*_test.wasm ["*.wasm", "lib/", "/.wasmfile/0003/files/"]
COPY ["a.wasm", "b.wasm", "/.wasmfile/0004/files/"]
COPY ["with space.wasm", "/.wasmfile/0005/as/third/"]
COPY --from="build" ["\"/out/$X.wasm\"", "/.wasmfile/0006/as/$NAME/"]
copy ["lower.wasm", "UPPER.WASM", "/.wasmfile/0007/files/"]
#
#
#
