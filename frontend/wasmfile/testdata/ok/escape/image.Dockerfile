# escape=`
FROM scratch
COPY ["b.wasm", `
#
"/a"]
ENTRYPOINT ["a"]
