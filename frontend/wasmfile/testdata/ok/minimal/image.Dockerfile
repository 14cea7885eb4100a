# syntax=wasmfile/wasmfile
FROM scratch
COPY ["app.wasm", "/"]
