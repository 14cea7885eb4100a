ARG BASE=one
FROM scratch AS unrelated
#
#
FROM scratch AS one
COPY ["one.wasm", "/"]
FROM ${BASE} AS two
COPY ["two.wasm", "/"]
#
