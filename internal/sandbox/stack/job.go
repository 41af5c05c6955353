package stack

import (
	"context"
	"fmt"
	"net/http"
	"os"

	"seal-image/internal/sandbox/artifact"
	"seal-image/internal/sandbox/front"
	"seal-image/internal/sandbox/githubapi"
	"seal-image/internal/sandbox/oidc"
	"seal-image/internal/sandbox/sigstore"
)

// A Job tells a client where everything is. Registries are host:port, as in an image's name.
type Job struct {
	Dir                    string `json:"dir"` // has the files below, and cosign 2's keys and certificates
	Control                string `json:"control"`
	Issuer                 string `json:"issuer"`
	IDTokenRequestURL      string `json:"id_token_request_url"`
	IDTokenRequestToken    string `json:"id_token_request_token"`
	ResultsURL             string `json:"results_url"`
	RuntimeToken           string `json:"runtime_token"` // the same as IDTokenRequestToken, as on GitHub
	GitHubAPIURL           string `json:"github_api_url"`
	GitHubToken            string `json:"github_token"`
	FulcioURL              string `json:"fulcio_url"`
	RekorURL               string `json:"rekor_url"`
	RekorV2URL             string `json:"rekor_v2_url"`
	TSAURL                 string `json:"tsa_url"`
	TUFURL                 string `json:"tuf_url"`
	TUFRoot                string `json:"tuf_root"`
	Registry               string `json:"registry"` // with the referrers API
	RegistryNoReferrers    string `json:"registry_without_referrers"`
	RegistryWithLogin      string `json:"registry_with_login"`      // with the referrers API
	RegistryWithBasicAuth  string `json:"registry_with_basic_auth"` // with the referrers API
	RegistryDistribution   string `json:"registry_distribution"`    // the distribution project's, without the referrers API
	RegistryUsername       string `json:"registry_username"`
	RegistryPassword       string `json:"registry_password"`
	RegistryReaderUsername string `json:"registry_reader_username"` // may not push
	RegistryReaderPassword string `json:"registry_reader_password"`
	TrustedRoot            string `json:"trusted_root"`
	SigningConfig          string `json:"signing_config"`
	SigningConfigV2        string `json:"signing_config_rekor_v2"`       // Rekor v2 first, then v1
	SigningConfigV2Alone   string `json:"signing_config_rekor_v2_alone"` // without Rekor v1

	RegistryQuirks map[string]string `json:"registry_quirks"` // by the name of what has the quirk
}

// repository is the one of all jobs, as in their tokens.
const repository = "acme/demo"

// NewJob opens a job. It stays open until the stack is closed.
func (s *Stack) NewJob(ctx context.Context) (*Job, error) {
	dir, err := os.MkdirTemp(s.dir, "job-")
	if err != nil {
		return nil, fmt.Errorf("make directory of the job: %w", err)
	}
	run := artifact.NewRun()
	token, err := s.issuer.RuntimeToken("Actions.ExternalRead:"+run.ID, run.Scope())
	if err != nil {
		return nil, err
	}
	api := githubapi.New(repository)
	trustedRoot, err := s.trust.Root()
	if err == nil {
		err = api.Trust(trustedRoot)
	}
	if err != nil {
		return nil, fmt.Errorf("make GitHub's API: %w", err)
	}
	job := &Job{
		Dir:                    dir,
		GitHubToken:            api.Token(),
		Issuer:                 oidc.URL,
		IDTokenRequestToken:    token,
		RuntimeToken:           token,
		RegistryUsername:       s.writer.Username,
		RegistryPassword:       s.writer.Password,
		RegistryReaderUsername: s.reader.Username,
		RegistryReaderPassword: s.reader.Password,
	}
	if err := s.open(ctx, job, artifact.New(run, s.issuer.Scopes), api); err != nil {
		return nil, fmt.Errorf("open job: %w", err)
	}
	return job, nil
}

// open opens the job's ports. The TUF repository comes last: it names the others.
func (s *Stack) open(ctx context.Context, job *Job, artifacts *artifact.Service, api *githubapi.Service) error {
	f := front.Front{Lies: s.lies}
	hosts := map[front.Service]string{}
	listen := func(service front.Service, server http.Handler) (err error) {
		hosts[service], err = s.servers.HTTP(ctx, f.Wrap(service, server))
		return err
	}
	for service, server := range s.shared {
		if err := listen(service, server); err != nil {
			return err
		}
	}
	if err := listen(front.OIDC, s.issuer.Tokens(job.IDTokenRequestToken)); err != nil {
		return err
	}
	if err := listen(front.Blobs, artifacts.Storage()); err != nil {
		return err
	}
	if err := listen(front.Results, artifacts.Twirp("http://"+hosts[front.Blobs])); err != nil {
		return err
	}
	if err := listen(front.GitHubAPI, api.Handler()); err != nil {
		return err
	}
	job.locate(hosts)
	api.Locate(job.GitHubAPIURL)

	targets, err := s.writeFiles(job)
	if err != nil {
		return err
	}
	if err := listen(front.TUF, targets); err != nil {
		return err
	}
	job.TUFURL = "http://" + hosts[front.TUF]

	control, err := s.servers.HTTP(ctx, s.control(&f, targets, artifacts, api))
	if err != nil {
		return err
	}
	job.Control = "http://" + control
	return nil
}

// locate sets the addresses of the job's services.
func (j *Job) locate(hosts map[front.Service]string) {
	j.IDTokenRequestURL = oidc.RequestURL("http://" + hosts[front.OIDC])
	j.ResultsURL = "http://" + hosts[front.Results] + "/" // GitHub's has the slash
	j.GitHubAPIURL = "http://" + hosts[front.GitHubAPI]
	j.FulcioURL = "http://" + hosts[front.Fulcio]
	j.RekorURL = "http://" + hosts[front.Rekor]
	j.RekorV2URL = "http://" + hosts[front.Rekor2]
	j.TSAURL = "http://" + hosts[front.TSA] + sigstore.TimestampPath
	j.Registry = hosts[front.Registry]
	j.RegistryNoReferrers = hosts[front.RegistryWithoutReferrers]
	j.RegistryWithLogin = hosts[front.RegistryWithLogin]
	j.RegistryWithBasicAuth = hosts[front.RegistryWithBasicAuth]
	j.RegistryDistribution = hosts[front.RegistryDistribution]
	j.RegistryQuirks = map[string]string{
		"ghcr":     hosts[front.RegistryGHCR],
		"gitlab":   hosts[front.RegistryGitLab],
		"ecr":      hosts[front.RegistryECR],
		"jfrog":    hosts[front.RegistryJFrog],
		"quay":     hosts[front.RegistryQuay],
		"harbor":   hosts[front.RegistryHarbor],
		"eventual": hosts[front.RegistryEventual],
	}
}
