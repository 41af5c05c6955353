package front

import (
	"net/http"
	"strconv"
)

// half is an answer of which the client gets half of the body, or a kilobyte
// where its length is not known.
type half struct {
	http.ResponseWriter
	left    int64
	started bool
}

func (h *half) WriteHeader(status int) {
	h.start()
	h.ResponseWriter.WriteHeader(status)
}

func (h *half) start() {
	if h.started {
		return
	}
	h.started = true
	length, err := strconv.ParseInt(h.Header().Get("Content-Length"), 10, 64)
	if err != nil {
		length = 2 << 10
	}
	h.left = length / 2
}

func (h *half) Write(b []byte) (int, error) {
	h.start()
	part := b[:min(int64(len(b)), h.left)]
	h.left -= int64(len(part))
	if _, err := h.ResponseWriter.Write(part); err != nil {
		return 0, err
	}
	return len(b), nil
}
