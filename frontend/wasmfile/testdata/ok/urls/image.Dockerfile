FROM scratch
ADD --unpack=false ["https://example.com/a.wasm", "/"]
ADD --unpack=false --checksum=sha256:0000000000000000000000000000000000000000000000000000000000000000 ["https://example.com/b.wasm", "/b"]
ADD --unpack=false --checksum=$SUM ["$URL", "/"]
