package sigstore_test

import (
	"time"

	"github.com/sigstore/sigstore-go/pkg/root"
)

// logCases are about logs that the trust root does not know, or not for that time.
var logCases = []bundleCase{
	{name: "unknown", fault: func(s *signing) { s.logs[0].by = s.stranger() }, words: "not enough verified log entries"},
	{name: "unknown, version 2", signed: version2, fault: func(s *signing) { s.logs[0].by = s.stranger() }, words: "not enough verified log entries"},
	{name: "unknown, layer", signed: layerAtt, fault: func(s *signing) { s.logs[0].by = s.stranger() }, words: "not enough verified log entries"},
	{name: "of the same ID with another key", root: otherLogKey, words: "not enough verified log entries"},
	{name: "of the same ID with another key, proof", signed: proven, root: otherLogKey, words: "signature on checkpoint did not verify"},
	{name: "of the same ID with another key, version 2", signed: version2, root: otherLogKey, words: "unverified checkpoint signature"},
	{name: "of the same key at another place, version 2", signed: version2, root: eachLog(func(_ *signing, l *root.TransparencyLog) { l.BaseURL = "https://rekor3.example.com" }), words: "unverified checkpoint signature"},
	{name: "at no place, version 2", signed: version2, root: eachLog(func(_ *signing, l *root.TransparencyLog) { l.BaseURL = "" }), words: "without baseUrl"},
	{name: "not yet in service", root: logSince(time.Second), words: "not enough verified log entries"},
	{name: "no longer in service", root: logUntil(-time.Second), words: "not enough verified log entries"},
	{name: "not yet in service, proof", signed: proven, root: logSince(time.Second), words: "the log was not in service"},
	{name: "no longer in service, proof", signed: proven, root: logUntil(-time.Second), words: "the log was not in service"},
	{name: "not yet in service, version 2", signed: version2, root: logSince(time.Second), words: "the log was not in service"},
	{name: "no longer in service, version 2", signed: version2, root: logUntil(-time.Second), words: "the log was not in service"},
	{
		name: "no longer in service when an authority gave its time", signed: stamped,
		fault: func(s *signing) { s.stamps[0].at = s.now.Add(time.Minute) }, root: logUntil(0),
	},
	{name: "in service for the second", root: rootAll(logSince(0), logUntil(0))},
	{name: "in service for the second, proof", signed: proven, root: rootAll(logSince(0), logUntil(0))},
	{name: "in service for the second, version 2", signed: version2, root: rootAll(logSince(0), logUntil(0))},
}

type rootChange = func(*signing, *trusted)

func rootAll(changes ...rootChange) rootChange {
	return func(s *signing, parts *trusted) {
		for _, c := range changes {
			c(s, parts)
		}
	}
}

func eachLog(change func(*signing, *root.TransparencyLog)) rootChange {
	return func(s *signing, parts *trusted) {
		for _, l := range parts.logs {
			change(s, l)
		}
	}
}

var otherLogKey = eachLog(func(s *signing, l *root.TransparencyLog) { l.PublicKey = &newKey(s.t).PublicKey })

func logSince(after time.Duration) rootChange {
	return eachLog(func(s *signing, l *root.TransparencyLog) { l.ValidityPeriodStart = s.now.Add(after) })
}

func logUntil(after time.Duration) rootChange {
	return eachLog(func(s *signing, l *root.TransparencyLog) { l.ValidityPeriodEnd = s.now.Add(after) })
}
