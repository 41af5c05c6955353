package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"
)

// trustroot FILE FIELD: writes the sandbox's trusted root without one field, e.g. tlogs.
func trustRoot(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: trustroot FILE FIELD")
	}
	encoded, err := os.ReadFile(of(ts).job.TrustedRoot)
	ts.Check(err)
	var fields map[string]json.RawMessage
	ts.Check(json.Unmarshal(encoded, &fields))
	if fields[args[1]] == nil {
		ts.Fatalf("the trusted root has no field %s", args[1])
	}
	delete(fields, args[1])
	encoded, err = json.Marshal(fields)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), encoded, 0o644))
}

// sbomof FILE MIB: writes an SPDX document of so many MiB, all of it packages.
func sbomOf(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: sbomof FILE MIB")
	}
	mib, err := strconv.Atoi(args[1])
	ts.Check(err)
	var b bytes.Buffer
	b.WriteString(`{"spdxVersion":"SPDX-2.3","dataLicense":"CC0-1.0","SPDXID":"SPDXRef-DOCUMENT","name":"large","documentNamespace":"https://example.com/large",` +
		`"creationInfo":{"created":"2026-01-01T00:00:00Z","creators":["Organization: Acme"]},` +
		`"relationships":[{"spdxElementId":"SPDXRef-DOCUMENT","relationshipType":"DESCRIBES","relatedSpdxElement":"SPDXRef-0"}],"packages":[`)
	for i := 0; b.Len() < mib<<20; i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"name":"package-%d","SPDXID":"SPDXRef-%d","versionInfo":"1.%d","downloadLocation":"NOASSERTION","licenseConcluded":"NOASSERTION"}`, i, i, i)
	}
	b.WriteString("]}\n")
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b.Bytes(), 0o644))
}
