FROM scratch
COPY ["a.wasm", "/.wasmfile/0001/as/b/"]
COPY ["model.bin", "vocabulary", "/.wasmfile/0002/files/"]
COPY ["model.bin", "/.wasmfile/0003/as/m/"]
COPY ["*.wasm", "/.wasmfile/0004/files/"]
COPY --from=build --exclude=a* --exclude=b* ["/$X/*.wasm", "/.wasmfile/0005/files/"]
