package config

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"unicode"
)

// Signer is who must have signed.
type Signer struct {
	SAN     string // the identity of the certificate, or
	Pattern string // a regular expression (RE2) of all of it
	Issuer  string // of the OIDC token
	// RepositoryURI is the repository whose job signed, e.g. https://github.com/acme/app; it
	// may be empty.
	RepositoryURI string
}

// The lines of a signer that would be right.
const (
	repositoryExample = "repository: ${{ github.repository }}"
	workflowExample   = "workflow: release.yml"
	patternExample    = `certificate-identity-regexp: https://github\.com/acme/app/\.github/workflows/release\.yml@refs/tags/v.+`
)

// signer reads who is expected, which is said in one of three ways.
func (r *reader) signer(server string) Signer {
	s := Signer{SAN: r.identity(), Issuer: r.issuer()}
	repository := r.repository()
	if repository != "" {
		s.RepositoryURI = server + "/" + repository
	}
	s.Pattern = r.identityPattern(server)
	file, ref := r.workflow(repository), r.ref()
	if !r.oneWay() {
		return s
	}
	if file != "" && !r.mistaken("ref") {
		s.SAN, s.Pattern = r.workflowIdentity(server, file, ref)
	}
	return s
}

// oneWay reports whether the signer is named in exactly one way, by inputs that go together.
func (r *reader) oneWay() bool {
	var ways []string
	for _, input := range []string{"certificate-identity", "certificate-identity-regexp", "workflow"} {
		if r.text(input) != "" {
			ways = append(ways, input)
		}
	}
	hasRepository := r.text("repository") != ""
	switch {
	case len(ways) == 0 && hasRepository:
		r.wrong("workflow", "repository is set without it, and each workflow of a repository is somebody else: one for pull requests, say", workflowExample)
	case len(ways) == 0:
		r.wrong("certificate-identity", "nothing says who must have signed: this input, certificate-identity-regexp, or repository and workflow", repositoryExample+"\n  "+workflowExample)
	case len(ways) > 1:
		r.wrong(ways[1], "it says who must have signed, and "+ways[0]+" says so too", ways[0]+": "+typed(r.text(ways[0]))+"   # and no "+strings.Join(ways[1:], ", no "))
	case ways[0] == "workflow" && !hasRepository:
		r.wrong("repository", "workflow is set without it; a name like release.yml is in every other repository", repositoryExample)
	}
	if r.text("ref") != "" && r.text("workflow") == "" {
		r.wrong("ref", "it goes with workflow; the other ways to name the signer have the ref in the identity", workflowExample)
	}
	return len(ways) == 1
}

// identity reads `certificate-identity`, which is compared as it is.
func (r *reader) identity() string {
	const input = "certificate-identity"
	v := r.text(input)
	switch isWorkflow := strings.Contains(v, "/.github/workflows/"); {
	case v == "":
	case strings.ContainsFunc(v, odd):
		r.wrong(input, quote(v)+" has spaces or control characters, and no certificate has", repositoryExample+"\n  "+workflowExample)
	case strings.ContainsAny(v, `*^\`):
		r.wrong(input, quote(v)+" looks like a pattern, and is compared as it is", patternExample)
	case isWorkflow && !workflowURI.MatchString(v):
		r.wrong(input, quote(v)+" is not the whole identity of a workflow: its URL with the ref", input+": https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main")
	}
	return v
}

var workflowURI = regexp.MustCompile(`^https?://[^/]+/[^/]+/[^/]+/\.github/workflows/[^/]+@.+$`)

func odd(c rune) bool { return unicode.IsSpace(c) || unicode.IsControl(c) }

// Identities of nobody. Who accepts them accepts everybody.
const (
	somePerson   = "nobody@nowhere.invalid"
	someService  = "https://nowhere.invalid/nobody"
	someWorkflow = "/nobody--/nothing/.github/workflows/none.yml@refs/heads/none" // no owner has two hyphens
)

// identityPattern reads `certificate-identity-regexp`. It must make sense alone, before
// anything is put around it: else `a)|(?:b` would get out of the anchors.
func (r *reader) identityPattern(server string) string {
	const input = "certificate-identity-regexp"
	v := r.text(input)
	if v == "" {
		return ""
	}
	_, err := regexp.Compile(v)
	whole, wholeErr := regexp.Compile("^(?:" + v + ")$")
	switch {
	case err != nil || wholeErr != nil:
		r.wrong(input, quote(v)+" is not a regular expression (RE2)", patternExample)
	case strings.ContainsFunc(v, unicode.IsControl):
		r.wrong(input, quote(v)+" has line breaks or control characters, and no certificate has", patternExample)
	case whole.MatchString(somePerson) && whole.MatchString(someService):
		r.wrong(input, quote(v)+" accepts every signer there is, so that anyone could have signed", patternExample)
	case whole.MatchString(server+someWorkflow) && r.text("repository") == "":
		r.wrong(input, quote(v)+" accepts the workflows of every repository on "+server+", and anyone can have one there", patternExample)
	}
	return v
}

// issuer reads `certificate-oidc-issuer`, which is compared as it is, slash at its end included.
func (r *reader) issuer() string {
	const input = "certificate-oidc-issuer"
	v := r.text(input)
	u, err := url.Parse(v)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || u.User != nil || strings.ContainsFunc(v, odd) {
		shown := quote(v)
		if strings.Contains(v, "@") { // a password may stand before it
			shown = "it"
		}
		r.wrong(input, shown+" is not the URL of an issuer", input+": "+r.defaults[input]+"   # on GitHub Enterprise Server https://HOST/_services/token")
	}
	return v
}

var (
	repositoryName = regexp.MustCompile(`^[A-Za-z0-9_-]+/[A-Za-z0-9._-]+$`)
	workflowFile   = regexp.MustCompile(`^(?:(?:([A-Za-z0-9_-]+/[A-Za-z0-9._-]+)/)?\.github/workflows/)?([\p{L}\p{M}\p{N}._+ -]+\.ya?ml)$`)
	commitSHA      = regexp.MustCompile(`^[0-9a-f]{40}$`)
)

// repository reads `repository`: owner/name; "" on a mistake.
func (r *reader) repository() string {
	v := r.text("repository")
	if v != "" && !repositoryName.MatchString(v) {
		r.wrong("repository", quote(v)+" is not owner/name", repositoryExample)
		return ""
	}
	return v
}

// workflow reads `workflow`, a file of repository or of the repository that it names, as
// owner/name/.github/workflows/file; "" if there is none, and on a mistake.
func (r *reader) workflow(repository string) string {
	const input = "workflow"
	v := strings.TrimPrefix(r.text(input), "./")
	if v == "" {
		return ""
	}
	if file, ref, ok := strings.Cut(v, "@"); ok {
		if !strings.HasPrefix(ref, "refs/") && !commitSHA.MatchString(ref) {
			ref = "refs/tags/" + ref
		}
		r.wrong(input, quote(v)+" has a ref in it, which is an input of its own", input+": "+typed(file)+"\n  ref: "+typed(ref))
		return ""
	}
	parts := workflowFile.FindStringSubmatch(v)
	if parts == nil {
		r.wrong(input, quote(v)+" is not a workflow: release.yml, .github/workflows/release.yml, or owner/name/.github/workflows/release.yml of another repository", workflowExample)
		return ""
	}
	if parts[1] != "" {
		repository = parts[1]
	}
	if repository == "" {
		return ""
	}
	return repository + "/.github/workflows/" + parts[2]
}

// ref reads `ref`: a whole ref, or the commit by which a reusable workflow is called.
func (r *reader) ref() string {
	v := r.text("ref")
	if v == "" || commitSHA.MatchString(v) || (strings.HasPrefix(v, "refs/") && !strings.ContainsFunc(v, odd)) {
		return v
	}
	right := "ref: refs/heads/main   # or refs/tags/v1"
	if !strings.ContainsFunc(v, odd) {
		right = fmt.Sprintf("ref: %s   # or %s", typed("refs/heads/"+v), typed("refs/tags/"+v))
	}
	r.wrong("ref", quote(v)+" is not a whole ref: refs/heads/ and a branch, refs/tags/ and a tag, or the 40 digits of the commit by which a reusable workflow is called", right)
	return ""
}

// workflowIdentity is what the certificate of a workflow says, as a URL: exactly, or, for
// any branch and tag, as a pattern. Other refs are those of pull requests, which run what
// nobody has merged.
func (r *reader) workflowIdentity(server, file, ref string) (exact, pattern string) {
	at := ""
	if ref != "" {
		at = "@" + ref
	}
	u, err := url.Parse(server + "/" + file + at)
	switch {
	case err != nil:
		r.wrong("ref", quote(ref)+" cannot stand in a certificate, which has the workflow as a URL", "ref: refs/heads/main")
		return "", ""
	case ref != "":
		return u.String(), ""
	default:
		return "", regexp.QuoteMeta(u.String()) + "@refs/(?:heads|tags)/.+"
	}
}
