# Debian with the compilers and package managers of several languages, which stands for
# the images of each that the public registry has.
FROM debian
COPY --from=certificates ca-certificates.crt /etc/ssl/certs/
RUN apt-get update && \
    apt-get install -y --no-install-recommends gcc libc6-dev nodejs npm python3-pip python3-venv rustup && \
    npm install --global npm@10 # which Node.js 22 has
RUN rustup default stable
