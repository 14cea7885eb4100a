FROM scratch
COPY ["a.wasm", "/b"]
COPY ["model.bin", "vocabulary", "/"]
COPY ["model.bin", "/m"]
COPY ["*.wasm", "/"]
COPY --from=build --exclude=a* --exclude=b* ["/$X/*.wasm", "/"]
