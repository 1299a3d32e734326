# syntax=docker/dockerfile:1
# A static binary and nothing else: no shell, no package manager, no root.
FROM golang:1.26.8 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=${VERSION}" -o /out/paicha ./cmd/paicha \
 && mkdir -p /out/data

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /usr/local/go/lib/time/zoneinfo.zip /zoneinfo.zip
COPY --from=build /out/paicha /paicha
COPY --from=build --chown=65532:65532 /out/data /data
# TMPDIR: what is on its way to an S3 store waits there; the image has no other folder that can be written.
ENV ZONEINFO=/zoneinfo.zip TMPDIR=/data/spool PAICHA_LISTEN=0.0.0.0:8080 PAICHA_DATA=/data PAICHA_LOG_FORMAT=json
USER 65532:65532
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s --retries=3 CMD ["/paicha", "healthcheck"]
ENTRYPOINT ["/paicha"]
CMD ["serve"]
