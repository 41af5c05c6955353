package main

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"seal-image/internal/harness"
	"seal-image/internal/suite"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"seal-image":       main,
		"without-landlock": without(suite.Landlock),
		"without-both":     without(suite.Both),
	})
}

// without is the action on a kernel without some system calls.
func without(calls []uint32) func() {
	return func() {
		fmt.Fprintln(os.Stderr, suite.Without(calls, append([]string{"seal-image"}, os.Args[1:]...)...))
		os.Exit(1)
	}
}

// TestScript runs testdata/script/*.txtar, one behaviour each, against one sandbox.
// Every script has a job of its own: its own addresses in front of the same servers, and
// its own runner. The commands are in the files beside this one.
func TestScript(t *testing.T) {
	ctx := context.WithoutCancel(t.Context()) // scripts run after this function returns
	tools, err := harness.Build(ctx, ".", true)
	if err != nil {
		t.Fatal(err)
	}
	sandbox := suite.Start(t, tools)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		WorkdirRoot:         suite.OpenDir(t),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       os.Getenv("UPDATE") != "",
		Setup: func(env *testscript.Env) error {
			job, err := sandbox.NewJob(ctx)
			if err != nil {
				return err
			}
			return newScript(env, tools, job)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"push":      push,
			"seal":      runSeal,
			"verify":    runVerify,
			"token":     token,
			"finish":    finish,
			"problem":   showProblem,
			"outputs":   outputs,
			"referrers": referrers,
			"requests":  requests,
			"fault":     fault,
			"proxy":     startProxy,
			"echoing":   echoing,
			"tuf":       tufState,
			"trustroot": trustRoot,
			"sbomof":    sbomOf,
			"held":      held,
			"cancel":    cancel,
			"answered":  answered,
			"twice":     twice,
			"release":   release,
			"layers":    layers,
			"fill":      fill,
			"written":   written,
			"details":   details,
			"artifacts": artifacts,
			"unzip":     unzip,
			"attested":  attested,
			"snapshots": snapshots,
			"hex":       setHex,

			"makerelease": makeRelease,
			"assets":      assets,
			"asset":       assetOf,
			"permission":  permission,

			"attestations":   attestations,
			"index-document": indexDocument,
			"dockerconfig":   dockerConfig,
			"put":            put,
			"kept":           kept,
			"spdx":           checkSPDX,
			"predicate":      showPredicate,
			"entry":          entry,
			"paste":          paste,
			"summary":        showSummary,
		},
	})
}
