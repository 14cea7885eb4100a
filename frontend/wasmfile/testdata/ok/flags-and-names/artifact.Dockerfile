FROM golang AS build
RUN go build -o /out/a.wasm
FROM scratch
#
#
#
#
#
#
#
LABEL io.github.wasmfile.annotation.org.example.a=1 io.github.wasmfile.annotation."org.example.b"="two words" io.github.wasmfile.annotation.c='$X'
ENTRYPOINT ["first"]
CMD ["x"]
