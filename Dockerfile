# The release pins this by digest.
ARG GO_IMAGE=golang:1.26.8-bookworm

FROM ${GO_IMAGE} AS build
WORKDIR /src
# Dependencies first: this layer changes only with go.mod and go.sum.
COPY go.mod go.sum ./
RUN go mod download
COPY main.go wire.go artifact.go verify.go ./
COPY internal internal
RUN CGO_ENABLED=0 GOWORK=off GOFLAGS=-mod=readonly \
    go build -trimpath -buildvcs=false -ldflags='-s -w -buildid=' -o /out/seal-image .

FROM scratch
# syft, sigstore and the registry client speak https; nothing else of the system is needed.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/seal-image /seal-image
# No USER: the runner's files belong to its own user, and GitHub requires root.
# https://docs.github.com/actions/reference/workflows-and-actions/dockerfile-support#user
ENTRYPOINT ["/seal-image"]
