FROM scratch
#
#
LABEL io.github.wasmfile.annotation.a=b
ENTRYPOINT ["a"]