FROM scratch
COPY ["a.wasm", \
"/.wasmfile/0001/files/"]
LABEL io.github.wasmfile.annotation.a=b
ENTRYPOINT ["a"]