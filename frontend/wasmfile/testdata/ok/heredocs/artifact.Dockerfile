FROM debian
RUN <<COMPONENT
COMPONENT not.wasm
ANNOTATION not=one
COMPONENT
COPY <<EOF1 <<-EOF2 /etc/
COMPONENT not.wasm
EOF1
	ANNOTATION not=one
	EOF2
RUN echo \
COMPONENT not.wasm
COPY ["a.wasm", "/.wasmfile/0001/files/"]
