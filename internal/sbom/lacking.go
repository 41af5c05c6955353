package sbom

import (
	"context"
	"strings"
)

// warnOfLacks says once what the kernel does not do to confine a child, by what the child says is active. What
// only a newer kernel does is not missed.
func (c *Cataloger) warnOfLacks(ctx context.Context, active string) {
	text := lacks(active)
	if text == "" {
		return
	}
	c.warned.Do(func() { c.Log.WarnContext(ctx, text) })
}

func lacks(active string) string {
	var names, then []string
	for _, p := range []struct{ name, without string }{
		{"Landlock", "read and write what every user of this container can"},
		{"seccomp", "connect to the network"},
	} {
		if !strings.Contains(active, strings.ToLower(p.name)) {
			names, then = append(names, p.name), append(then, p.without)
		}
	}
	if names == nil {
		return ""
	}
	return "The kernel, or the container engine, offers no " + strings.Join(names, " and no ") + " here. The process that reads the content of images holds no secret all the " +
		"same; but if an image gets its own code to run there, through a hole in a parser, that code can " + strings.Join(then, ", and ") +
		". Linux has both from 5.13 on, unless it is built or started without (see /sys/kernel/security/lsm); an engine's seccomp profile may refuse their system calls."
}
