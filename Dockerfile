# syntax=docker/dockerfile:1
# Static, non-root, without a shell: the image is the operator, the webhook and the CA certificates that Mozilla trusts.

FROM rust:1.95-alpine AS build
# A pinned version would be gone from Alpine's mirrors with the next one.
# hadolint ignore=DL3018
RUN apk add --no-cache ca-certificates musl-dev
WORKDIR /src
COPY . .
ARG SOURCE_DATE_EPOCH=0
RUN hack/static.sh \
 && cp target/*-unknown-linux-musl/release/irsa-anywhere target/*-unknown-linux-musl/release/irsa-anywhere-webhook /

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /irsa-anywhere /irsa-anywhere-webhook /
USER 65532:65532
ENTRYPOINT ["/irsa-anywhere"]
