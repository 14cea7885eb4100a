# syntax=wasmfile/wasmfile
FROM scratch
COPY ["app.wasm", "/.wasmfile/0001/files/"]
