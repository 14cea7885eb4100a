FROM scratch
COPY --from=build ["/a.wasm", "/b.wasm", \
#
#

#
"/"]
#
#
#
#
#
#
COPY ["c.wasm", \
"/"]
#
#
COPY ["d.wasm", \
"/"]
ENTRYPOINT ["a"]
