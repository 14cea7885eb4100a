FROM scratch
#
#
#
#
#
#
LABEL io.github.wasmfile.annotation.a=1 io.github.wasmfile.annotation.b=2 \
#
#
io.github.wasmfile.annotation.c="3 4"
LABEL \
io.github.wasmfile.annotation.a=1
#
#
LABEL \
io.github.wasmfile.annotation.d=5
#
#
ENTRYPOINT ["a"]
