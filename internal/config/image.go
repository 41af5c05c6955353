package config

import (
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Image is an image that the user named.
type Image struct {
	// Ref is what is resolved: the tag if there is one, else the digest.
	Ref name.Reference
	// Digest is what Ref must resolve to; the zero Hash if the user named none.
	Digest v1.Hash
}

const imageExample = "image: ghcr.io/owner/name:tag"

// images reads `image` and `digest`: what is right of the list, in its order, each once.
func (r *reader) images() []Image {
	digest := r.digest("digest", r.text("digest"))
	refs := r.list("image")
	if len(refs) == 0 {
		r.wrong("image", "it is required", imageExample)
	}
	var images []Image
	for _, s := range refs {
		img := r.reference(s, digest)
		same := func(other Image) bool {
			return other.Ref.Name() == img.Ref.Name() && other.Digest == img.Digest
		}
		if img.Ref != nil && !slices.ContainsFunc(images, same) {
			images = append(images, img)
		}
	}
	return images
}

// registries returns the hosts of images, in their order, each once.
func registries(images []Image) []string {
	var out []string
	for _, img := range images {
		if host := img.Ref.Context().RegistryStr(); !slices.Contains(out, host) {
			out = append(out, host)
		}
	}
	return out
}

// reference parses repository[:tag][@digest] and joins it with the input `digest`. On a
// mistake the Image is empty.
func (r *reader) reference(s string, digest v1.Hash) Image {
	if !r.spelled(s) {
		return Image{}
	}
	tagged, written, hasDigest := strings.Cut(s, "@")
	if hasDigest {
		inRef := r.digest("image", written)
		if digest != (v1.Hash{}) && inRef != (v1.Hash{}) && digest != inRef {
			r.wrong("digest", "it is not the digest that `image` names", "digest: "+inRef.String()+"   # or none, `image` has it")
		}
		digest = inRef
	}
	options := []name.Option{name.WeakValidation}
	allowHTTP := r.flag("allow-http-registry")
	if allowHTTP {
		options = append(options, name.Insecure)
	}
	tag, err := name.NewTag(tagged, options...)
	if err != nil {
		r.wrong("image", quote(s)+" is not an image reference"+foreignLetter(s), imageExample)
		return Image{}
	}
	if registry := tag.Context().Registry; !allowHTTP && registry.Scheme() == "http" && !loopback(registry.RegistryStr()) {
		r.wrong("allow-http-registry", "the library would talk plain http to the private address "+quote(registry.RegistryStr()), "allow-http-registry: true")
	}
	switch {
	case strings.HasSuffix(tagged, ":"+tag.TagStr()):
		return Image{Ref: tag, Digest: digest}
	case digest != (v1.Hash{}):
		return Image{Ref: tag.Context().Digest(digest.String()), Digest: digest}
	case !hasDigest && r.text("digest") == "":
		r.wrong("image", quote(s)+" has neither tag nor digest", "image: "+s+"@"+r.digests.expression)
	}
	return Image{}
}

// loopback reports whether a registry, with or without port, is this machine.
func loopback(registry string) bool {
	host, _, err := net.SplitHostPort(registry)
	if err != nil {
		host = registry
	}
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// spelled finds the mistakes that people make in references, for better words than
// "could not parse".
func (r *reader) spelled(s string) bool {
	scheme, rest, hasScheme := strings.Cut(s, "://")
	if !hasScheme {
		rest = s
	}
	tagged, _, _ := strings.Cut(rest, "@")
	repository := tagged
	if i := strings.LastIndex(tagged, ":"); i > strings.LastIndex(tagged, "/") {
		repository = tagged[:i]
	}
	lower := strings.ToLower(repository)
	right := "image: " + typed(lower+rest[len(repository):])
	if rest == "" {
		right = imageExample
	}
	switch {
	case hasScheme:
		r.wrong("image", "it starts with "+typed(scheme+"://")+", a reference has none", right)
	case lower != repository:
		r.wrong("image", quote(repository)+" has upper-case letters, which no registry accepts", right)
	}
	return !hasScheme && lower == repository
}

var sha256Digest = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// digest parses "sha256:<64 hex>"; the zero Hash for "" and on a mistake.
func (r *reader) digest(input, s string) v1.Hash {
	if s == "" && input == "digest" {
		return v1.Hash{}
	}
	if !sha256Digest.MatchString(s) {
		fix := "digest: " + r.digests.expression + "   # " + r.digests.comment
		if input == "image" {
			fix = "image: ghcr.io/owner/name@sha256:<64 hexadecimal digits>"
		}
		r.wrong(input, quote(s)+" is not a digest: sha256: and 64 hexadecimal digits", fix)
		return v1.Hash{}
	}
	return v1.Hash{Algorithm: "sha256", Hex: strings.TrimPrefix(s, "sha256:")}
}

var platform = regexp.MustCompile(`^[a-z0-9]+/[a-z0-9_]+(/[a-z0-9.]+)?$`)

// platforms reads a list of os/arch[/variant].
func (r *reader) platforms() []v1.Platform {
	var out []v1.Platform
	for _, s := range r.list("platforms") {
		if s == "all" {
			continue
		}
		if !platform.MatchString(s) {
			r.wrong("platforms", quote(s)+" is not a platform: os/arch or os/arch/variant", "platforms: linux/amd64,linux/arm64")
			continue
		}
		parts := append(strings.Split(s, "/"), "")
		out = append(out, v1.Platform{OS: parts[0], Architecture: parts[1], Variant: parts[2]})
	}
	return out
}

// foreignLetter tells of a letter that no reference has: it may look like one that is right.
func foreignLetter(s string) string {
	i := strings.IndexFunc(s, func(r rune) bool { return r > unicode.MaxASCII })
	if i < 0 {
		return ""
	}
	letter, _ := utf8.DecodeRuneInString(s[i:])
	return fmt.Sprintf(": it has %U, %q, a letter that no reference has", letter, letter)
}
