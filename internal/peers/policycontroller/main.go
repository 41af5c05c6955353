// Command policycontroller is sigstore's policy-controller without a cluster: it says whether a
// ClusterImagePolicy admits an image, with the trusted root of a file as the TrustRoot of a name.
//
//	policycontroller POLICY TRUSTED_ROOT NAME IMAGE
//
// In a cluster, the keys of logs get identifiers in hexadecimal digits, by which signatures
// under tags find them; bundles find them by the bytes, which the public root has there too.
// So the form of the identifiers follows that of the signatures.
// Source: https://github.com/sigstore/policy-controller/blob/v0.13.1/pkg/reconciler/trustroot/trustroot.go
package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"slices"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/sigstore/policy-controller/pkg/apis/config"
	"github.com/sigstore/policy-controller/pkg/policy"
	"google.golang.org/protobuf/encoding/protojson"
)

func main() {
	if len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "usage: policycontroller POLICY TRUSTED_ROOT NAME IMAGE")
		os.Exit(2)
	}
	if err := admit(context.Background(), os.Args[1], os.Args[2], os.Args[3], os.Args[4]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func admit(ctx context.Context, file, root, trustRoot, image string) error {
	encoded, err := os.ReadFile(root)
	if err != nil {
		return err
	}
	keys := &config.SigstoreKeys{}
	if err := protojson.Unmarshal(encoded, keys); err != nil {
		return err
	}
	rules, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if !bytes.Contains(rules, []byte("signatureFormat: bundle")) {
		for _, log := range slices.Concat(keys.Tlogs, keys.Ctlogs) {
			log.LogId.KeyId = []byte(hex.EncodeToString(log.LogId.KeyId))
		}
	}
	known := config.FromContextOrDefaults(ctx)
	known.SigstoreKeysConfig = &config.SigstoreKeysMap{SigstoreKeys: map[string]*config.SigstoreKeys{trustRoot: keys}}
	ctx = config.ToContext(ctx, known)

	check := policy.Verification{NoMatchPolicy: "deny", Policies: &[]policy.Source{{Data: string(rules)}}}
	if err := check.Validate(ctx); err != nil { // warnings too
		return err
	}
	verifier, err := policy.Compile(ctx, check, func(text string, args ...any) { fmt.Fprintf(os.Stderr, text+"\n", args...) })
	if err != nil {
		return err
	}
	ref, err := name.ParseReference(image)
	if err != nil {
		return err
	}
	return verifier.Verify(ctx, ref, authn.DefaultKeychain)
}
