package sigstore

import (
	"context"
	"sync"
	"time"

	"github.com/google/trillian"
	"github.com/google/trillian/storage"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// uniqueLeaves is Trillian's storage as its databases behave: a leaf that is queued again
// is answered with the first one and AlreadyExists, which Rekor turns into 409. The
// storage in memory keeps both, and then finds two proofs where Rekor wants one.
type uniqueLeaves struct {
	storage.LogStorage

	mu    sync.Mutex
	known map[leafID]*trillian.LogLeaf
}

type leafID struct {
	tree int64
	hash string
}

// QueueLeaves implements [storage.LogStorage].
func (u *uniqueLeaves) QueueLeaves(ctx context.Context, tree *trillian.Tree, leaves []*trillian.LogLeaf, at time.Time) ([]*trillian.QueuedLogLeaf, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	queued := make([]*trillian.QueuedLogLeaf, len(leaves))
	for i, leaf := range leaves {
		id := leafID{tree: tree.TreeId, hash: string(leaf.LeafIdentityHash)}
		if first := u.known[id]; first != nil {
			exists := status.New(codes.AlreadyExists, "leaf already exists").Proto()
			queued[i] = &trillian.QueuedLogLeaf{Leaf: first, Status: exists}
			continue
		}
		added, err := u.LogStorage.QueueLeaves(ctx, tree, []*trillian.LogLeaf{leaf}, at)
		if err != nil {
			return nil, err
		}
		queued[i], u.known[id] = added[0], leaf
	}
	return queued, nil
}
