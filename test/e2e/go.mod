module github.com/wasmfile/wasmfile/test/e2e

go 1.26.0
