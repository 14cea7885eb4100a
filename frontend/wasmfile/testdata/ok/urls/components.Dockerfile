FROM scratch
ADD --unpack=false ["https://example.com/a.wasm", "/.wasmfile/0001/files/"]
ADD --unpack=false --checksum=sha256:0000000000000000000000000000000000000000000000000000000000000000 ["https://example.com/b.wasm", "/.wasmfile/0002/as/b/"]
ADD --unpack=false --checksum=$SUM ["$URL", "/.wasmfile/0003/files/"]
