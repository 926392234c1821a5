# The images of the seven services, one target each: docker build --target gateway .
#
# The cargo and npm stages run once, whatever the number of targets; their downloads and their
# target folder live in build caches. A final image holds one binary, the C library, certificates
# and what that service reads: no shell, no package manager, no user but 65532. Nothing is written
# outside of mounts and /tmp.

# Where the stages start: official images by version. Arguments, so that a registry mirror or a
# base of one's own can take their place.
ARG RUST_IMAGE=rust:1.95.0-bookworm
ARG NODE_IMAGE=node:22.22.0-bookworm-slim
ARG PYTHON_IMAGE=python:3.11.14-slim-bookworm


# The binaries.
FROM ${RUST_IMAGE} AS build
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY .cargo .cargo
COPY crates crates
COPY services services
COPY xtask xtask
COPY migrations migrations
# The gateway carries the services' documents.
COPY openapi openapi
# What the database said about each query: the build asks none.
COPY .sqlx .sqlx
ENV SQLX_OFFLINE=true
# Line tables stay out of the images; a panic still names its file and line.
ENV CARGO_PROFILE_RELEASE_STRIP=debuginfo
RUN --mount=type=cache,id=syntera-registry,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,id=syntera-target,target=/src/target,sharing=locked \
    cargo build --release --locked \
        --package gateway --package auth --package agent --package crm \
        --package chat --package analytics --package inference \
    && mkdir -p /out/empty \
    && for service in gateway auth agent crm chat analytics inference; do \
        cp "target/release/$service" /out/ || exit 1; \
    done
# The root of the images: what the binaries are linked with, at the same paths, and the certificates.
RUN mkdir -p /out/root \
    && find /out -maxdepth 1 -type f -exec ldd {} + \
        | grep --only-matching --extended-regexp '/[^ ]+[.]so[^ ]*' | sort --unique \
        | xargs cp --parents --dereference --target-directory=/out/root \
    && cp --parents --dereference /etc/ssl/certs/ca-certificates.crt /out/root


# The widget, the demo shop and the start page.
FROM ${NODE_IMAGE} AS web
WORKDIR /src/web
COPY docs/errors /src/docs/errors
COPY web/ ./
RUN --mount=type=cache,id=syntera-npm,target=/root/.npm,sharing=locked \
    npm ci --no-audit --no-fund && npm run build


# The model files, by package and hash, so that a running container needs no network.
FROM ${PYTHON_IMAGE} AS models
COPY --from=build /out/inference /usr/local/bin/inference
RUN inference install --dir /models


# What all images share.
FROM scratch AS runtime
COPY --from=build /out/root /
WORKDIR /app
USER 65532:65532


FROM runtime AS auth
COPY --from=build /out/auth /app/auth
# `auth keys generate` writes here; a volume mounted over it takes its owner.
COPY --from=build --chown=65532:65532 /out/empty /keys
EXPOSE 4001 4101
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["/app/auth", "healthcheck"]
ENTRYPOINT ["/app/auth"]
CMD ["serve"]


FROM runtime AS agent
COPY --from=build /out/agent /app/agent
EXPOSE 4002 4102
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["/app/agent", "healthcheck"]
ENTRYPOINT ["/app/agent"]
CMD ["serve"]


FROM runtime AS crm
COPY --from=build /out/crm /app/crm
EXPOSE 4003 4103
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["/app/crm", "healthcheck"]
ENTRYPOINT ["/app/crm"]
CMD ["serve"]


FROM runtime AS chat
COPY --from=build /out/chat /app/chat
# Files of messages, when no bucket is named; a volume mounted over it takes its owner.
COPY --from=build --chown=65532:65532 /out/empty /attachments
EXPOSE 4004 4104
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["/app/chat", "healthcheck"]
ENTRYPOINT ["/app/chat"]
CMD ["serve"]


FROM runtime AS analytics
COPY --from=build /out/analytics /app/analytics
EXPOSE 4005 4105
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["/app/analytics", "healthcheck"]
ENTRYPOINT ["/app/analytics"]
CMD ["serve"]


FROM runtime AS inference
COPY --from=build /out/inference /app/inference
COPY --from=models /models /app/models
ENV SYNTERA_MODELS_DIR=/app/models
EXPOSE 4010 4110
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["/app/inference", "healthcheck"]
ENTRYPOINT ["/app/inference"]
CMD ["serve"]


# Last, so that a build without --target makes the one that people meet.
FROM runtime AS gateway
COPY --from=build /out/gateway /app/gateway
COPY --from=web /src/web/dist /app/web
# `gateway seed` writes here; a volume mounted over it takes its owner.
COPY --from=build --chown=65532:65532 /out/empty /demo
ENV SYNTERA_WEB_DIR=/app/web
EXPOSE 4000 4100
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["/app/gateway", "healthcheck"]
ENTRYPOINT ["/app/gateway"]
CMD ["serve"]
