//go:build matrix

package matrix_test

import (
	"os"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// atOnce is how many processes run at the same time.
const atOnce = 4

func TestMatrix(t *testing.T) {
	b := newBench(t)
	t.Run("signatures", b.testSignatures)
	t.Run("documents", b.testDocuments)
}

// testSignatures seals images in every format on every registry, has every verifier look
// at every digest, and compares the table of their answers with what [expect] says. The
// table is logged, and written to the file that MATRIX_OUT names.
func (b *bench) testSignatures(t *testing.T) {
	start := time.Now()
	b.sealAll(t)
	t.Logf("sealed in %s", time.Since(start).Round(time.Second))
	start = time.Now()
	lines := b.judgeAll(t)
	t.Logf("judged in %s", time.Since(start).Round(time.Second))

	for _, c := range slices.Concat(lines...) {
		if want := expect(c); c.got != want {
			t.Errorf("%s %s of %s, %s on %s: got %s, want %s: %s\n%s",
				c.verifier.name, c.command, c.row.name, c.format, c.registry.name, c.got, want, c.verifier.why, c.detail)
		}
	}
	table := markdown(lines)
	t.Log("\n" + table)
	if file := os.Getenv("MATRIX_OUT"); file != "" {
		if err := os.WriteFile(file, []byte(table), 0o644); err != nil {
			t.Error(err)
		}
	}
}

// sealAll pushes and seals the images: one repository for each format and registry.
func (b *bench) sealAll(t *testing.T) {
	t.Helper()
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(atOnce)
	for _, r := range b.registries {
		for _, format := range formats {
			repository := r.host + "/acme/" + format
			group.Go(func() error { return b.push(ctx, unsigned, repository) })
			for _, kind := range sealed {
				group.Go(func() error {
					_, err := b.seal(ctx, kind, repository, map[string]string{"signature-format": format})
					return err
				})
			}
		}
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
}

// judgeAll fills the lines of the table: every verifier is asked about every row.
func (b *bench) judgeAll(t *testing.T) [][]*cell {
	t.Helper()
	var lines [][]*cell
	for _, v := range verifiers {
		for _, command := range commands {
			for _, r := range rows {
				lines = append(lines, b.line(v, command, r))
			}
		}
	}
	var group errgroup.Group
	group.SetLimit(atOnce)
	for _, c := range slices.Concat(lines...) {
		group.Go(func() error {
			c.got, c.detail = b.judge(t.Context(), c)
			return nil
		})
	}
	_ = group.Wait() // an answer is a cell, never an error
	return lines
}

// line has a cell for each format and registry.
func (b *bench) line(v verifier, command string, r row) []*cell {
	var line []*cell
	for _, format := range formats {
		for _, registry := range b.registries {
			line = append(line, &cell{verifier: v, command: command, row: r, format: format, registry: registry})
		}
	}
	return line
}
