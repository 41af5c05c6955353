package lies

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/sigstore/fulcio/pkg/generated/protobuf"
	"google.golang.org/protobuf/encoding/protojson"

	"seal-image/internal/sandbox/sigstore"
)

// signingCertPath is of the current API. That of cosign 2 is asked with another request.
const signingCertPath = "/api/v2/signingCert"

// Mint makes a token of the issuer for an audience, with claims in place of others.
type Mint func(audience string, claims map[string]any) (string, error)

// fulcio is the true server, and what is needed to have it lie.
type fulcio struct {
	truth http.Handler
	mint  Mint
	key   *stranger
}

// Fulcio returns the lies of Fulcio. They are about certificates; those that change the request
// know the current API alone, and answer 501 to others.
func Fulcio(truth http.Handler, impostors *sigstore.Impostors, mint Mint) (Lies, error) {
	key, err := newStranger()
	if err != nil {
		return nil, err
	}
	f := &fulcio{truth: truth, mint: mint, key: key}
	return Lies{
		// As another workflow of the same repository gets it.
		"another-identity": f.withClaims(map[string]any{
			"job_workflow_ref": "acme/demo/.github/workflows/evil.yml@refs/heads/main",
		}),
		// As a job of another repository gets it, that calls our workflow as a reusable one.
		"another-repository": f.withClaims(map[string]any{
			"repository":    "acme/other",
			"repository_id": "75",
			"workflow_ref":  "acme/other/.github/workflows/caller.yml@refs/heads/main",
		}),
		"another-ref":       f.withClaims(map[string]any{"ref": "refs/heads/other"}),
		"another-commit":    f.withClaims(map[string]any{"sha": "0123456789abcdef0123456789abcdef01234567"}),
		"another-key":       f.asked(f.withKey),
		"another-authority": impostors.AnotherAuthority,
		"without-sct":       impostors.WithoutSCT,
		"wrong-sct":         impostors.WrongSCT,
		"expired":           impostors.Expired,
		"garbage":           always(http.StatusOK, "application/json", "Service is busy"),
		"empty":             always(http.StatusOK, "application/json", "{}"),
	}.about("/signingCert", truth), nil
}

// withClaims answers as if the client's token had other claims.
func (f *fulcio) withClaims(changes map[string]any) http.Handler {
	return f.asked(func(request *protobuf.CreateSigningCertificateRequest, claims map[string]any) error {
		changed := maps.Clone(claims)
		maps.Copy(changed, changes)
		audience, _ := claims["aud"].(string)
		token, err := f.mint(audience, changed)
		if err != nil {
			return fmt.Errorf("mint token: %w", err)
		}
		setToken(request, token)
		return nil
	})
}

// withKey asks for a certificate for a key of our own, whose possession we prove.
func (f *fulcio) withKey(request *protobuf.CreateSigningCertificateRequest, claims map[string]any) error {
	subject, _ := claims["sub"].(string)
	proof, err := f.key.sign([]byte(subject))
	if err != nil {
		return err
	}
	request.Key = &protobuf.CreateSigningCertificateRequest_PublicKeyRequest{PublicKeyRequest: &protobuf.PublicKeyRequest{
		PublicKey:         &protobuf.PublicKey{Algorithm: protobuf.PublicKeyAlgorithm_ECDSA, Content: string(f.key.pem)},
		ProofOfPossession: proof,
	}}
	return nil
}

// asked has the true server answer a request that was changed. The change also gets the claims
// of the client's token.
func (f *fulcio) asked(change func(*protobuf.CreateSigningCertificateRequest, map[string]any) error) http.Handler {
	return askedAnew(f.truth, func(r *http.Request, body []byte) ([]byte, error) {
		if r.URL.Path != signingCertPath {
			return nil, fmt.Errorf("it is about %s alone", signingCertPath)
		}
		var request protobuf.CreateSigningCertificateRequest
		if err := protojson.Unmarshal(body, &request); err != nil {
			return nil, fmt.Errorf("parse request: %w", err)
		}
		token := request.GetCredentials().GetOidcIdentityToken()
		if token == "" {
			token = strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
			setToken(&request, token)
		}
		claims, err := claimsOf(token)
		if err != nil {
			return nil, err
		}
		if err := change(&request, claims); err != nil {
			return nil, err
		}
		return protojson.Marshal(&request)
	})
}

func setToken(request *protobuf.CreateSigningCertificateRequest, token string) {
	request.Credentials = &protobuf.Credentials{
		Credentials: &protobuf.Credentials_OidcIdentityToken{OidcIdentityToken: token},
	}
}

// claimsOf does not check the token: who lies need not.
func claimsOf(token string) (map[string]any, error) {
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return nil, fmt.Errorf("parse token: %w", err)
	}
	var claims map[string]any
	if err := parsed.UnsafeClaimsWithoutVerification(&claims); err != nil {
		return nil, fmt.Errorf("parse claims of token: %w", err)
	}
	if claims == nil {
		return nil, errors.New("the token has no claims")
	}
	return claims, nil
}
