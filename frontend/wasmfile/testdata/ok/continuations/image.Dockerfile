FROM scratch
COPY --from=build ["/a.wasm", "/b.wasm", \
#
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
ENTRYPOINT ["a"]
