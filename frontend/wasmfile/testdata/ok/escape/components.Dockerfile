# escape=`
FROM scratch
COPY ["b.wasm", `
#
"/.wasmfile/0001/as/a/"]
#
