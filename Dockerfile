# Packs binaries that were built before: dist/amd64/trackscribe and dist/arm64/trackscribe. The release workflow calls
# it; by hand, with BuildKit:
#
#   cargo build --release --locked --package trackscribe    (on Debian 12 or with an older glibc)
#   install -D target/release/trackscribe dist/amd64/trackscribe
#   docker build --tag trackscribe .
#   docker run --rm trackscribe server --help
#
# One image for every role; the role is the subcommand. PostgreSQL, Redis and livekit-server are not in it, so `up` and
# `demo` do not run here.
FROM debian:12-slim

# PocketSphinx and its English model, for `worker`; certificates, for TLS to LiveKit and the store.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates libpocketsphinx3 pocketsphinx-en-us tini \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /var/lib/trackscribe --create-home --shell /usr/sbin/nologin trackscribe

ARG TARGETARCH
COPY --chmod=0755 dist/${TARGETARCH}/trackscribe /usr/local/bin/trackscribe

USER trackscribe
WORKDIR /var/lib/trackscribe
# The spool of `egress`. Recordings are here until they are stored: mount a disk.
VOLUME /var/lib/trackscribe
EXPOSE 1250 7082 7083 7084
# tini forwards SIGTERM and reaps children.
ENTRYPOINT ["/usr/bin/tini", "--", "trackscribe"]
CMD ["--help"]
