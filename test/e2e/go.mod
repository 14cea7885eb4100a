module github.com/wasmfile/wasmfile/test/e2e

go 1.26.8

require (
	github.com/opencontainers/go-digest v1.0.0
	github.com/wasmfile/wasmfile v0.0.0
)

require go.yaml.in/yaml/v3 v3.0.5 // indirect

replace github.com/wasmfile/wasmfile => ../..
