package sbom

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/url"
	"path"
	"slices"

	"github.com/anchore/syft/syft/artifact"
	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/pkg"
	"github.com/anchore/syft/syft/sbom"
)

// locked is what npm noted of a package when it installed it. Syft reads the package.json of
// an installed package, which has neither the hash nor what the package was given to depend on.
// https://docs.npmjs.com/cli/v11/configuring-npm/package-lock-json#hidden-lockfiles
type locked struct {
	Version              string            `json:"version"`
	Resolved             string            `json:"resolved"`
	Integrity            string            `json:"integrity"`
	Dependencies         map[string]string `json:"dependencies"`
	OptionalDependencies map[string]string `json:"optionalDependencies"`
	PeerDependencies     map[string]string `json:"peerDependencies"`
}

// download is the URL that the package came from; "" if it is not one for everybody.
func (l locked) download() string {
	u, err := url.Parse(l.Resolved)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.RawQuery != "" {
		return ""
	}
	return u.String()
}

// maxLock bounds one lockfile; that of a thousand packages has less than a megabyte.
const maxLock = 64 << 20

// readLocks reads the lockfiles of the image, by the folder of each package. One that npm did
// not write is passed over: the packages are there without it.
func readLocks(files file.Resolver) (map[string]locked, error) {
	locks := map[string]locked{}
	found, err := files.FilesByGlob("**/.package-lock.json")
	if err != nil {
		return nil, fmt.Errorf("find lockfiles: %w", err)
	}
	for _, location := range found {
		folder := path.Dir(location.RealPath)
		if path.Base(folder) != "node_modules" {
			continue
		}
		content, err := contentOf(files, location)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", location.RealPath, err)
		}
		var lock struct {
			Packages map[string]locked `json:"packages"` // by folder, e.g. "node_modules/ms"
		}
		if json.Unmarshal(content, &lock) != nil {
			continue
		}
		for at, l := range lock.Packages {
			locks[path.Join(path.Dir(folder), at)] = l
		}
	}
	return locks, nil
}

func contentOf(files file.Resolver, location file.Location) ([]byte, error) {
	r, err := files.FileContentsByLocation(location)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(io.LimitReader(r, maxLock))
}

// addLocks adds what depends on what to found, and returns what else is locked of a package.
func addLocks(found *sbom.SBOM, locks map[string]locked) map[artifact.ID]locked {
	installed := map[string]pkg.Package{} // by folder
	for p := range found.Artifacts.Packages.Enumerate(pkg.NpmPkg) {
		if m, ok := p.Metadata.(pkg.NpmPackage); ok {
			for _, l := range p.Locations.ToSlice() {
				folder := path.Dir(l.RealPath)
				if lock, ok := locks[folder]; ok && lock.Version == m.Version {
					installed[folder] = p
				}
			}
		}
	}
	known := map[artifact.ID]locked{}
	for folder, p := range installed {
		lock := locks[folder]
		known[p.ID()] = lock
		for _, name := range lock.needs() {
			if needed, ok := required(installed, folder, name); ok {
				found.Relationships = append(found.Relationships, artifact.Relationship{
					From: needed, To: p, Type: artifact.DependencyOfRelationship,
				})
			}
		}
	}
	return known
}

// needs are the names of the dependencies, sorted, each once.
func (l locked) needs() []string {
	all := maps.Clone(l.Dependencies)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, l.OptionalDependencies)
	maps.Copy(all, l.PeerDependencies)
	return slices.Sorted(maps.Keys(all))
}

// required is the package that a module in the folder gets by the name: the nearest above it.
// https://nodejs.org/api/modules.html#loading-from-node_modules-folders
func required(installed map[string]pkg.Package, folder, name string) (pkg.Package, bool) {
	for {
		if path.Base(folder) != "node_modules" {
			if p, ok := installed[path.Join(folder, "node_modules", name)]; ok {
				return p, true
			}
		}
		if folder == "/" || folder == "." {
			return pkg.Package{}, false
		}
		folder = path.Dir(folder)
	}
}
