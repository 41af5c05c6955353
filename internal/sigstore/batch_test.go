package sigstore_test

import (
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"seal-image/internal/attest"
)

// TestSlowLog: a log that takes half a minute for each entry takes longer for many than a certificate
// is valid. That is no outage: another certificate is made in time, and no entry is made twice.
func TestSlowLog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWeather(t, 0)
		w.intercept[rekor] = http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
			if req.Method == http.MethodPost {
				time.Sleep(30 * time.Second)
			}
			w.service(rw, req)
		})
		const many = 150 // six at a time
		var all []*attest.Statement
		for i := range many {
			st := *three(t)[0]
			st.Payload = fmt.Appendf(nil, `{"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{"sha256":%q}}],"predicateType":%q,"predicate":{"number":%d}}`,
				st.About.Ref.DigestStr()[len("sha256:"):], st.PredicateType, i)
			all = append(all, &st)
		}
		bundles, err := newSigner(t, w.options).Sign(t.Context(), all)
		if err != nil || len(bundles) != many {
			t.Fatalf("%d bundles, error %v", len(bundles), err)
		}
		for _, b := range []*attest.Bundle{bundles[0], bundles[many-1]} {
			independent(t, w.instance, b)
		}
		if w.entries() != many || w.requests[fulcio] != 3 {
			t.Errorf("%d entries, %d certificates in %s", w.entries(), w.requests[fulcio], time.Since(w.start))
		}
	})
}
