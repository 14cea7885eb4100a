#syntax = wasmfile/frontend:1
# Escape=`
# check=skip=JSONArgsRecommended
#
# a comment
FROM scratch
COPY ["a.wasm", `
"/"]
