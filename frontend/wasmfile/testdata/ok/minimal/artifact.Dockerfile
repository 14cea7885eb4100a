# syntax=wasmfile/wasmfile
FROM scratch
#
