ARG BASE=one
FROM scratch AS unrelated
#
#
FROM scratch AS one
#
FROM ${BASE} AS two
#
LABEL io.github.wasmfile.annotation.stage=two
