package attest_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"seal-image/internal/attest"
)

// TestLookAgain: what another run has signed while this one cataloged is used, and nothing is
// signed twice.
func TestLookAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(plain("a"))
		if _, err := w.run(t, nil); err != nil {
			t.Fatal(err)
		}
		others := w.store
		w.store = nil
		w.on["catalog"] = func() {
			time.Sleep(time.Minute)
			w.store = others
		}
		res, err := w.run(t, nil)
		if err != nil {
			t.Fatal(err)
		}
		if signed := w.did("sign"); len(signed) > 0 {
			t.Errorf("signed again: %q", signed)
		}
		if got := res.Seals[0].Signature(); got == nil || got.State != attest.Existing {
			t.Errorf("the signature is %v, want the other run's", got)
		}
	})
}

// TestLookOnce: what was seen a moment ago is not looked at again.
func TestLookOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(plain("a"))
		w.on["catalog"] = func() { time.Sleep(5 * time.Second) }
		if _, err := w.run(t, nil); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"find a [bundle]", "find a [sig]"}, w.did("find")); diff != "" {
			t.Errorf("looked (-want +got):\n%s", diff)
		}
	})
}

// TestLookAtTags: cosign's tags that cannot be read stop a run that would write to them, and none
// whose log has nothing to be written there.
func TestLookAtTags(t *testing.T) {
	t.Parallel()
	cause := errors.New("no answer for a tag")
	for name, newLog := range map[string]bool{"both": false, "bundles alone": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(plain("a"))
			w.newLog = newLog
			w.fail["find a [sig]"] = cause
			_, err := w.run(t, nil)
			if newLog && err != nil {
				t.Error(err)
			}
			if signed := len(w.did("sign")) > 0; !newLog && (!errors.Is(err, cause) || signed) {
				t.Errorf("error %v, want %v; signed: %t", err, cause, signed)
			}
		})
	}
}

// TestVerifyFirst: of several attachments that are not valid as they are read back, the first is
// told of, whichever is found out first.
func TestVerifyFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(plain("a"))
		first := errors.New("the bundle")
		w.on["verify bundle of a"] = func() { time.Sleep(time.Second) }
		w.fail["verify bundle of a"] = first
		w.fail["verify sig of a"] = errors.New("the tag")
		if _, err := w.run(t, nil); !errors.Is(err, first) {
			t.Errorf("error %v, want that of %v", err, first)
		}
	})
}
