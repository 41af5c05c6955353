package report

import (
	"maps"
	"path"
	"strings"

	"seal-image/internal/attest"
)

// Assets gives the files of a run that sealed every image, as [Files] has them, their names as
// assets of a release, which has no folders, and keeps letters, digits, dots, dashes and
// underscores alone. They are e.g. "app-linux-amd64.spdx.json", after the last part of the
// image's name, and "app-results.json", after the first image. Where names would meet, as of two
// images called app, the images have their digests in them: "app-0123456789ab-index.spdx.json".
//
// A signature for older verifiers, who look for it in the registry, stays out beside the bundle
// that says the same: when it is found there again, it has less in it than when it was made,
// and a run that is repeated would replace it.
func Assets(res *attest.Result, files map[string][]byte) map[string][]byte {
	// By folder. The one image of a run has none, like results.json.
	short := map[string]string{"": lastPart(res.Seals[0].Subject)}
	long := map[string]string{"": short[""]}
	for _, s := range res.Seals {
		if folder := namesOf(res, s).folder; folder != "" {
			short[folder], long[folder] = lastPart(s.Subject), folder
		}
	}
	files = maps.Clone(files)
	maps.DeleteFunc(files, func(name string, _ []byte) bool {
		_, beside := files[strings.Replace(name, legacyBundle, bundleSuffix, 1)]
		return beside && strings.HasSuffix(name, legacyBundle)
	})
	if assets := flat(files, short); len(assets) == len(files) {
		return assets
	}
	return flat(files, long)
}

func flat(files map[string][]byte, prefixes map[string]string) map[string][]byte {
	assets := map[string][]byte{}
	for name, content := range files {
		folder, file := path.Split(name)
		assets[prefixes[strings.TrimSuffix(folder, "/")]+"-"+file] = content
	}
	return assets
}
