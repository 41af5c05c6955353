package attest

import (
	"context"
	"fmt"
	"log/slog"

	"seal-image/internal/problem"
)

// checkTags warns of tags that name another image now than the one that was sealed: whoever
// pulls by them gets what this run has not seen. A registry that does not tell is no failure of
// what was done.
func (p *Pipeline) checkTags(ctx context.Context, subject *Subject) {
	for _, name := range subject.Tags {
		if ctx.Err() != nil {
			return
		}
		tag := subject.Ref.Context().Tag(name)
		now, err := p.Resolver.Digest(ctx, tag)
		switch {
		case err != nil:
			p.Log.InfoContext(ctx, "could not see whether the tag has moved", slog.String("tag", tag.Name()), slog.String("error", problem.From(err).What))
		case now != subject.Digest():
			p.Log.WarnContext(ctx, fmt.Sprintf("%s has moved while this ran: %s was sealed, and it is %s now. Deploy by digest.", tag, subject.Ref.DigestStr(), now))
		}
	}
}
