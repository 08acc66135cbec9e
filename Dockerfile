# syntax=docker/dockerfile:1
# What `make image` puts together without a container engine, for those who have one: the operator, the webhook and the CA certificates that
# Mozilla trusts, for whichever platform is asked for. Static, non-root, without a shell.

FROM --platform=$BUILDPLATFORM rust:1.95-bookworm AS build
# A pinned version would be gone from Debian's mirrors with the next one.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends python3-venv \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /build/irsa-anywhere
COPY . .
ARG TARGETARCH
ARG SOURCE_DATE_EPOCH=0
RUN case $TARGETARCH in \
      amd64) target=x86_64-unknown-linux-musl ;; \
      arm64) target=aarch64-unknown-linux-musl ;; \
      *) target=$(uname -m)-unknown-linux-musl ;; \
    esac \
 && hack/static.sh "$target" \
 && cp "target/$target/release/irsa-anywhere" "target/$target/release/irsa-anywhere-webhook" / \
 && cp "$(hack/pinned/install.sh roots)/certifi/cacert.pem" /ca-certificates.crt

FROM scratch
COPY --from=build /ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /irsa-anywhere /irsa-anywhere-webhook /
USER 65532:65532
WORKDIR /
ENTRYPOINT ["/irsa-anywhere"]
