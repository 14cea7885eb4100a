FROM golang AS build
RUN go build -o /out/a.wasm
FROM scratch
COPY --from=build --link ["/out/a.wasm", "/first"]
COPY --from=build ["/out/b.wasm", "/second.wasm"]
COPY --exclude=*_test.wasm ["*.wasm", "lib/", "/"]
COPY ["a.wasm", "b.wasm", "/"]
COPY ["with space.wasm", "/third"]
COPY --from="build" ["\"/out/$X.wasm\"", "/$NAME"]
copy ["lower.wasm", "UPPER.WASM", "/"]
#
ENTRYPOINT ["first"]
CMD ["x"]
