# The Go of go.mod. A test holds both together, since Dependabot does not read ARG.
ARG GO_IMAGE=golang:1.26.8-bookworm@sha256:a688600ca24f8a4d3ca77f95b0dd40704a9fc787c826660eb7ba0b641b8b175d

FROM ${GO_IMAGE} AS build
WORKDIR /src
# Dependencies first: this layer changes only with go.mod and go.sum.
COPY go.mod go.sum ./
RUN go mod download
COPY main.go wire.go publish.go artifact.go process.go services.go store.go usage.go verify.go ./
COPY LICENSE ./
COPY internal internal
ENV CGO_ENABLED=0 GOWORK=off GOFLAGS=-mod=readonly
RUN go build -trimpath -buildvcs=false -ldflags='-s -w -buildid=' -o /out/seal-image .
RUN go run ./internal/roots > /out/ca-certificates.crt
RUN go run ./internal/licenses > /out/LICENSES.txt

# A release has the same files from internal/release, which needs no container engine.
FROM scratch
# syft, sigstore and the registry client speak https; nothing else of the system is needed.
COPY --from=build /out/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/LICENSES.txt /LICENSES.txt
COPY --from=build /out/seal-image /seal-image
# No USER: the runner's files belong to its own user, and GitHub requires root.
# https://docs.github.com/actions/reference/workflows-and-actions/dockerfile-support#user
ENTRYPOINT ["/seal-image"]
