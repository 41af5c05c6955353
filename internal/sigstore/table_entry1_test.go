package sigstore_test

import "strings"

// entryCases change what a log of version 1 says.
var entryCases = []bundleCase{
	{name: "none", change: set("verificationMaterial.tlogEntries", []any{}), words: "not enough verified log entries"},
	{name: "twice", change: appended("verificationMaterial.tlogEntries", entryAt), words: "duplicate tlog entries"},
	{name: "of another bundle", change: swap(entryAt), words: "transparency log signature does not match"},
	{name: "a second of an unknown log", fault: func(s *signing) {
		s.logs = append(s.logs, logging{by: s.stranger(), version: 1, kind: "dsse", at: s.now, promise: true, proof: true})
	}, words: "not enough verified log entries from transparency log: 1 < 2"},
	{name: "two of one log", fault: func(s *signing) {
		s.logs = append(s.logs, s.logs[0])
		s.logs[1].later = true
	}, words: "not enough verified log entries from transparency log: 1 < 2"},
	{name: "40 of them", change: func(b, _ map[string]any) {
		for range 39 {
			appended("verificationMaterial.tlogEntries", entryAt)(b, nil)
		}
	}, words: "too many tlog entries"},
	{name: "promise", change: flip(promiseAt + ".signedEntryTimestamp"), words: "not enough verified log entries"},
	{name: "promise of another bundle", change: swap(promiseAt), words: "not enough verified log entries"},
	{name: "no promise", change: drop(promiseAt), words: "threshold not met for verified signed & log entry integrated timestamps"},
	{name: "promise of nothing", change: set(promiseAt+".signedEntryTimestamp", ""), words: "threshold not met for verified signed & log entry integrated timestamps"},
	{name: "hash of the proof", change: flip(proofAt + ".hashes.0"), words: "does not match expected"},
	{name: "no hash of the proof", change: set(proofAt+".hashes", []any{}), words: "wrong proof size"},
	{name: "a hash too much", change: appended(proofAt+".hashes", proofAt+".rootHash"), words: "wrong proof size"},
	{name: "root hash", change: flip(proofAt + ".rootHash"), words: "calculated root"},
	{name: "root hash of another tree", change: swap(proofAt + ".rootHash"), words: "calculated root"},
	{name: "tree size", change: set(proofAt+".treeSize", "1"), words: "wrong proof size"},
	{name: "index in the tree", change: set(proofAt+".logIndex", "1"), words: "calculated root"},
	{name: "proof of another bundle", change: swap(proofAt), words: "calculated root"},
	{name: "signature of the checkpoint", change: rewrite(proofAt+".checkpoint.envelope", otherCheckpoint), words: "signature on checkpoint did not verify"},
	{name: "stale checkpoint, of another tree", change: swap(proofAt + ".checkpoint"), words: "proof root hash does not match signed tree head"},
	{name: "checkpoint with another root hash", change: rewrite(proofAt+".checkpoint.envelope", otherRoot), words: "signature on checkpoint did not verify"},
	{name: "no checkpoint", change: drop(proofAt + ".checkpoint"), words: "missing required checkpoint"},
	{name: "empty checkpoint", change: set(proofAt+".checkpoint.envelope", ""), words: "checkpoint empty"},
	{name: "no text for a checkpoint", change: set(proofAt+".checkpoint.envelope", "x"), words: "checkpoint"},
	{name: "log index", change: set(entryAt+".logIndex", "701"), words: "not enough verified log entries"},
	{name: "negative log index", change: set(entryAt+".logIndex", "-1"), words: "nil value"},
	{name: "time", change: func(b, _ map[string]any) {
		put(b, entryAt+".integratedTime", otherValue(get(b, entryAt+".integratedTime")))
	}, words: "not enough verified log entries"},
	{name: "log ID", change: flip(entryAt + ".logId.keyId"), words: "not enough verified log entries"},
	{name: "no log ID", change: drop(entryAt + ".logId"), words: "nil value"},
	{name: "body of another bundle", change: swap(entryAt + ".canonicalizedBody"), words: "not enough verified log entries"},
	{name: "body that is not canonical", change: rewrite(entryAt+".canonicalizedBody", inBase64(func(b []byte) []byte { return append(b, ' ') })), words: "not enough verified log entries"},
	{name: "no body", change: drop(entryAt + ".canonicalizedBody"), words: "nil value"},
	{name: "body of no known kind", change: set(entryAt+".canonicalizedBody", "e30="), words: "not a recognizable"},
	{name: "no kind", change: drop(entryAt + ".kindVersion"), words: "nil value"},
	// It says nothing: the body has it, and is what is verified.
	{name: "other kind and version", change: set(entryAt+".kindVersion", map[string]any{"kind": "intoto", "version": "0.0.2"})},
	{name: "hashedrekord for an envelope", fault: func(s *signing) { s.logs[0].kind = "hashedrekord" }, words: "not a dsse_v001 or intoto_v002 entry"},
}

// otherCheckpoint changes the signature, the last word of a checkpoint.
func otherCheckpoint(text string) string {
	lines := strings.Split(strings.TrimSpace(text), " ")
	last := len(lines) - 1
	lines[last] = otherValue(lines[last]).(string)
	return strings.Join(lines, " ") + "\n"
}

// otherRoot changes the root hash, the third line of a checkpoint.
func otherRoot(text string) string {
	lines := strings.Split(text, "\n")
	lines[2] = otherValue(lines[2]).(string)
	return strings.Join(lines, "\n")
}
