package tuf

import (
	"bytes"
	"fmt"
	"maps"
	"strings"
	"time"
)

// A State is what is wrong with a repository, or [Good].
type State string

// The states. All metadata is validly signed but in [Foreign].
const (
	Good              State = "good"
	Expired           State = "expired"             // the timestamp has expired
	ExpiredRoot       State = "expired-root"        // the newest root has expired
	RolledBack        State = "rolled-back"         // an old snapshot stands in the place of the new one
	RolledBackTargets State = "rolled-back-targets" // an old list of targets stands in the place of the new one
	RolledBackRoot    State = "rolled-back-root"    // the old root stands in the place of a new one
	Tampered          State = "tampered"            // a byte of a target differs, that of trusted_root.json
	Foreign           State = "foreign"             // all is signed with a key that the client does not know
	Endless           State = "endless"             // there is a newer root than any
)

// States returns every state.
func States() []State {
	return []State{Good, Expired, ExpiredRoot, RolledBack, RolledBackTargets, RolledBackRoot, Tampered, Foreign, Endless}
}

const tamperedTarget = ".trusted_root.json" // after its digest

// views are what a repository whose good files are given serves in every state.
func (a *author) views(good map[string][]byte, targets []Target) (map[State]view, error) {
	other, err := newAuthor()
	if err != nil {
		return nil, err
	}
	foreign, err := other.release(targets)
	if err != nil {
		return nil, err
	}
	views := map[State]view{
		Good:     over(good, nil),
		Tampered: over(good, tampered(good)),
		Foreign:  over(foreign, nil),
		Endless:  a.endless(good),
	}
	for state, change := range map[State]func(good map[string][]byte) (map[string][]byte, error){
		Expired:           a.expired,
		ExpiredRoot:       a.expiredRoot,
		RolledBack:        a.rolledBack,
		RolledBackTargets: a.rolledBackTargets,
		RolledBackRoot:    rolledBackRoot,
	} {
		changed, err := change(good)
		if err != nil {
			return nil, fmt.Errorf("make TUF repository %s: %w", state, err)
		}
		views[state] = over(good, changed)
	}
	return views, nil
}

// over serves changed files, and else those that were before.
func over(before, changed map[string][]byte) view {
	files := maps.Clone(before)
	maps.Copy(files, changed)
	return func(path string) []byte { return files[path] }
}

func (a *author) past() time.Time { return a.expires.Add(-lifetime - time.Hour) }

func (a *author) expired(map[string][]byte) (map[string][]byte, error) {
	timestamp, err := a.timestamp(1, a.past())
	return map[string][]byte{timestampName: timestamp}, err
}

func (a *author) expiredRoot(map[string][]byte) (map[string][]byte, error) {
	root, err := a.root(2, a.past())
	return map[string][]byte{rootName(2): root}, err
}

func (a *author) rolledBack(good map[string][]byte) (map[string][]byte, error) {
	timestamp, err := a.timestamp(2, a.expires)
	return map[string][]byte{timestampName: timestamp, snapshotName(2): good[snapshotName(1)]}, err
}

func (a *author) rolledBackTargets(good map[string][]byte) (map[string][]byte, error) {
	timestamp, err := a.timestamp(2, a.expires)
	if err != nil {
		return nil, err
	}
	snapshot, err := a.snapshot(2, 2)
	return map[string][]byte{
		timestampName:   timestamp,
		snapshotName(2): snapshot,
		targetsName(2):  good[targetsName(1)],
	}, err
}

func rolledBackRoot(good map[string][]byte) (map[string][]byte, error) {
	return map[string][]byte{rootName(2): good[rootName(1)]}, nil
}

func tampered(good map[string][]byte) map[string][]byte {
	changed := map[string][]byte{}
	for path, content := range good {
		if strings.HasSuffix(path, tamperedTarget) {
			changed[path] = bytes.Clone(content)
			changed[path][len(content)-1] ^= 1
		}
	}
	return changed
}

// endless has a root of every version, made when it is asked for.
func (a *author) endless(good map[string][]byte) view {
	return func(path string) []byte {
		var version int64
		if _, err := fmt.Sscanf(path, "%d.root.json", &version); err != nil || version < 1 || path != rootName(version) {
			return good[path]
		}
		root, err := a.root(version, a.expires)
		if err != nil {
			return nil // as if there were none; signing with a key in memory does not fail
		}
		return root
	}
}
