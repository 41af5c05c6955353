package secret_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"seal-image/internal/secret"
)

func TestStringDoesNotPrint(t *testing.T) {
	t.Parallel()
	const text = "hunter2-hunter2"
	s := secret.New(text)
	holder := struct {
		Public secret.String
		hidden secret.String
	}{s, s}

	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("login", slog.Any("password", s), slog.Any("holder", holder))
	encoded, err := json.Marshal(holder)
	if err != nil {
		t.Fatal(err)
	}
	for name, printed := range map[string]string{
		"%v":     fmt.Sprintf("%v", s),
		"%+v":    fmt.Sprintf("%+v", holder),
		"%#v":    fmt.Sprintf("%#v", holder),
		"%s":     fmt.Sprintf("%s %s", s, s.String()),
		"%q":     fmt.Sprintf("%q", s),
		"%x":     fmt.Sprintf("%x", s),
		"error":  fmt.Errorf("wrong password %v", s).Error(),
		"slog":   log.String(),
		"json":   string(encoded),
		"hidden": fmt.Sprintf("%v", holder.hidden),
	} {
		if strings.Contains(printed, text) || strings.Contains(printed, fmt.Sprintf("%x", text)) {
			t.Errorf("%s prints the secret: %s", name, printed)
		}
	}
	if got := s.Reveal(); got != text {
		t.Errorf("Reveal() = %q, want %q", got, text)
	}
}

func TestZeroString(t *testing.T) {
	t.Parallel()
	if s := secret.New(""); !s.Empty() || s.Reveal() != "" {
		t.Errorf("New(\"\") is not the zero value")
	}
}
