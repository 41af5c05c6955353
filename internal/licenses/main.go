// Command licenses prints the license texts of all that the image of the action contains, for its
// /LICENSES.txt: of the modules that the program links, of Go itself and of the root certificates. It
// reads the sources that the build uses, so that the same commit gives the same bytes.
package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
)

// head begins the file.
const head = `seal-image is under the Apache License 2.0, the first text below. Its program contains Go's standard library and
the modules that are named above the other texts, unchanged. The source of each is at https://pkg.go.dev/MODULE@VERSION.

The certificates in /etc/ssl/certs are those of Mozilla's NSS, under the Mozilla Public License 2.0. Their source is
https://hg.mozilla.org/projects/nss/raw-file/tip/lib/ckfw/builtins/certdata.txt.
`

// taken are the licenses of modules that offer a choice.
var taken = map[string]string{
	"github.com/spdx/tools-golang":                  "Apache-2.0",
	"kernel.org/pub/linux/libs/security/libcap/psx": "BSD-3-Clause",
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	texts, err := collect(ctx, ".")
	if err == nil {
		_, err = os.Stdout.Write(printed(texts))
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "licenses:", err)
		os.Exit(1)
	}
}

// printed has each different text once, below the names of all that it belongs to.
func printed(texts []text) []byte {
	titles := map[string][]string{}
	var order []string
	for _, t := range texts {
		if titles[t.content] == nil {
			order = append(order, t.content)
		}
		titles[t.content] = append(titles[t.content], t.title())
	}
	var out bytes.Buffer
	out.WriteString(head)
	for _, content := range order {
		fmt.Fprintf(&out, "\n%s\n%s\n%[1]s\n\n%[3]s\n", strings.Repeat("=", 100), strings.Join(slices.Compact(titles[content]), "\n"), content)
	}
	return out.Bytes()
}
