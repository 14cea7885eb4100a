FROM scratch
COPY ["a.wasm", \
"/"]
#
ENTRYPOINT ["a"]