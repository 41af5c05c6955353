package sigstore_test

import (
	"bytes"
	"strings"

	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	rekortiles "github.com/sigstore/rekor-tiles/v2/pkg/generated/protobuf"
)

// entry2Cases change what a log of version 2 says. Its verifier makes the body from what is
// in the bundle, and takes the tree from the checkpoint.
var entry2Cases = []bundleCase{
	{name: "hash of the proof", signed: version2, change: flip(proofAt + ".hashes.0"), words: "verifying inclusion"},
	{name: "no proof", signed: version2, change: drop(proofAt), words: "inclusion proof missing"},
	{name: "proof of another bundle", signed: version2, change: swap(proofAt), words: "verifying inclusion"},
	{name: "signature of the checkpoint", signed: version2, change: rewrite(proofAt+".checkpoint.envelope", otherCheckpoint), words: "unverified checkpoint signature"},
	{name: "checkpoint with another root hash", signed: version2, change: rewrite(proofAt+".checkpoint.envelope", otherRoot), words: "unverified checkpoint signature"},
	{name: "checkpoint without a signature", signed: version2, change: rewrite(proofAt+".checkpoint.envelope", func(c string) string { return c[:strings.Index(c, "\n\n")+2] }), words: "unverified checkpoint signature"},
	{name: "stale checkpoint, of a smaller tree", signed: version2, fault: func(s *signing) { s.logs[0].stale = true }, words: "verifying inclusion"},
	{name: "checkpoint of another tree", signed: version2, change: swap(proofAt + ".checkpoint"), words: "verifying inclusion"},
	{name: "checkpoint of another name", signed: version2, change: rewrite(proofAt+".checkpoint.envelope", func(c string) string { return strings.ReplaceAll(c, rekor2Host, "rekor3.example.com") }), words: "unverified checkpoint signature"},
	{name: "checkpoint with a witness", signed: version2, change: rewrite(proofAt+".checkpoint.envelope", func(c string) string {
		return c + "— witness.example.com AAAAAAUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQ==\n"
	})},
	{name: "log index", signed: version2, change: set(entryAt+".logIndex", "1"), words: "verifying inclusion"},
	{name: "promise", signed: version2, change: set(promiseAt, map[string]any{"signedEntryTimestamp": "AAAA"}), words: "not enough verified log entries"},
	{name: "time outside of the certificate", signed: version2, change: set(entryAt+".integratedTime", "1"), words: "integrated time outside certificate validity"},
	{name: "body of another bundle", signed: version2, change: swap(entryAt + ".canonicalizedBody"), words: "the log entry is that of another signature"},
	{name: "log ID", signed: version2, change: flip(entryAt + ".logId.keyId"), words: "not enough verified log entries"},
	{name: "kind of the body", signed: version2, change: rewrite(entryAt+".canonicalizedBody", inBase64(func(b []byte) []byte {
		return bytes.Replace(b, []byte(`"kind":"hashedrekord"`), []byte(`"kind":"x"`), 1)
	})), words: "the log entry is that of another signature"},
	{name: "tree size, index and root hash beside the checkpoint", signed: version2, change: all(set(proofAt+".treeSize", "7"), set(proofAt+".logIndex", "5"), flip(proofAt+".rootHash"))},
	{name: "in version 1, of another digest", signed: body2, fault: logs(func(h *rekortiles.HashedRekordLogEntryV002) { h.Data.Digest[0] ^= 1 }), words: "the log entry is that of another signature"},
	{name: "in version 1, of another signature", signed: body2, fault: logs(func(h *rekortiles.HashedRekordLogEntryV002) {
		h.Signature.Content = append([]byte{}, h.Signature.Content...)
		h.Signature.Content[8] ^= 1
	}), words: "the log entry is that of another signature"},
	{name: "in version 1, of another certificate", signed: body2, fault: func(s *signing) {
		other := newSigning(s.t)
		s.logs[0].change = func(h *rekortiles.HashedRekordLogEntryV002) {
			h.Signature.Verifier.Verifier = &rekortiles.Verifier_X509Certificate{X509Certificate: &protocommon.X509Certificate{RawBytes: other.leaf()}}
		}
	}, words: "the log entry is that of another signature"},
	{name: "in version 1, with a promise", signed: body2, fault: func(s *signing) { s.logs[0].promise, s.logs[0].at = true, s.now }, words: "not enough verified log entries"},
}

// body2 logs a body of version 2 in a log of version 1.
func body2(s *signing) {
	proven(s)
	s.logs[0].body2 = true
}

func logs(change func(*rekortiles.HashedRekordLogEntryV002)) func(*signing) {
	return func(s *signing) { s.logs[0].change = change }
}
