package images

import (
	"archive/tar"
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// archive writes a tar archive whose names are whatever they are. It keeps the first error.
type archive struct {
	b   bytes.Buffer
	w   *tar.Writer
	err error
}

func (a *archive) add(h tar.Header, content []byte) {
	h.Size, h.ModTime = int64(len(content)), created
	if h.Mode == 0 {
		h.Mode = 0o755
	}
	if h.Format == tar.FormatUnknown {
		h.Format = tar.FormatGNU
	}
	if a.err == nil {
		a.err = a.w.WriteHeader(&h)
	}
	if a.err == nil {
		_, a.err = a.w.Write(content)
	}
}

func (a *archive) file(name string, content []byte) {
	a.add(tar.Header{Typeflag: tar.TypeReg, Name: name}, content)
}

func (a *archive) link(kind byte, name, to string) {
	a.add(tar.Header{Typeflag: kind, Name: name, Linkname: to}, nil)
}

// besideAlpine is the layer of the fixture alpine, and above it one of what write writes.
func (b *Builder) besideAlpine(write func(*archive)) ([]hostileLayer, error) {
	alpine, err := b.fixture("alpine")
	if err != nil {
		return nil, err
	}
	content, err := archiveOf(alpine.files)
	if err != nil {
		return nil, err
	}
	below, err := honest(content)
	if err != nil {
		return nil, err
	}
	below.packages = alpine.packages
	a := &archive{}
	a.w = tar.NewWriter(&a.b)
	write(a)
	if a.err == nil {
		a.err = a.w.Close()
	}
	if a.err != nil {
		return nil, a.err
	}
	above, err := honest(a.b.Bytes())
	return []hostileLayer{below, above}, err
}

// honest is a layer that is what it says.
func honest(content []byte) (hostileLayer, error) {
	diffID, _, err := v1.SHA256(bytes.NewReader(content))
	return hostileLayer{blob: gzipped(content), diffID: diffID}, err
}

func traversal(a *archive) {
	secret := []byte("Package: escaped\nVersion: 1\nStatus: install ok installed\nArchitecture: all\n\n")
	for _, name := range []string{"../../../../tmp/seal-image-escaped", "/tmp/seal-image-escaped", "a/../../../../tmp/seal-image-escaped"} {
		a.file(name, secret)
	}
	a.link(tar.TypeSymlink, "root", "/")
	a.file("root/tmp/seal-image-escaped", secret)
	a.link(tar.TypeSymlink, "up", "../../../../../../../..")
	a.file("up/tmp/seal-image-escaped", secret)
	for i, target := range []string{"/etc/passwd", "../../../../etc/passwd", "/proc/self/environ", "/proc/1/environ"} {
		a.link(tar.TypeSymlink, fmt.Sprint("soft-", i), target)
		a.link(tar.TypeLink, fmt.Sprint("hard-", i), target)
	}
	// Where parsers look.
	a.link(tar.TypeSymlink, "usr/lib/sysimage/rpm/rpmdb.sqlite", "/proc/self/mem")
	a.link(tar.TypeSymlink, "var/lib/dpkg/status", "/dev/zero")
	for i, kind := range []byte{tar.TypeChar, tar.TypeBlock, tar.TypeFifo} {
		a.add(tar.Header{Typeflag: kind, Name: fmt.Sprintf("dev/%d", i), Devmajor: 1, Devminor: 5}, nil)
	}
	a.add(tar.Header{Typeflag: tar.TypeFifo, Name: "app/package.json"}, nil)
}

func linkCycles(a *archive) {
	a.link(tar.TypeSymlink, "self", "self")
	a.link(tar.TypeSymlink, "a", "b")
	a.link(tar.TypeSymlink, "b", "a")
	a.link(tar.TypeSymlink, "loop/again", "../loop")
	a.link(tar.TypeLink, "hard-a", "hard-b")
	a.link(tar.TypeLink, "hard-b", "hard-a")
	a.link(tar.TypeSymlink, "usr/lib/sysimage/rpm", "../sysimage/rpm")
	a.link(tar.TypeSymlink, "app/package.json", "../app/package.json")
	for i := range 1000 {
		a.link(tar.TypeSymlink, fmt.Sprint("chain/", i), fmt.Sprint(i+1))
	}
	a.link(tar.TypeSymlink, "chain/1000", "/chain")
}

// files writes n empty files, a thousand in a folder.
func files(n int) func(*archive) {
	return func(a *archive) {
		for i := range n {
			a.file(fmt.Sprintf("data/%d/%d", i/1000, i%1000), nil)
		}
	}
}

func deepFolders(a *archive) { a.file(strings.Repeat("d/", 2000)+"file", nil) }

func longName(a *archive) { a.file(strings.Repeat("n", 64<<10), nil) }

// commands are names that mean something to the runner, a terminal, or a parser.
func commands() []string {
	return []string{
		"::set-output name=digest::sha256:0", "::error::broken", "##[add-mask]e", "##[error]broken", "\r::stop-commands::x",
		"a\n::set-env name=PATH::/tmp", "a\r\n::add-path::/tmp", "\x1b[2J\x1b]0;title\x07", "a\u2028::error::b", "a\u0085b", "\xff\xfe\x80",
		"\u202egnp.exe", "a\x00b", "<script>alert(1)</script>", "| a | b |", "`rm -rf /`", "$(id)", "\"; DROP TABLE", "%0A::error::c", "..", "con", " ",
	}
}

func names(a *archive) {
	for i, name := range commands() {
		if !strings.ContainsRune(name, 0) { // which an archive cannot hold in a name
			a.file("names/"+name+"/file", nil)
		}
		manifest := fmt.Sprintf(`{"name":%q,"version":%q,"license":%q,"homepage":%q,"description":%q}`, jsonText(name), jsonText(name), jsonText(name), jsonText(name), jsonText(name))
		a.file(fmt.Sprintf("srv/node_modules/p%d/package.json", i), []byte(manifest))
	}
	a.file("opt/venv/lib/python3.12/site-packages/x-1.dist-info/METADATA", []byte("Metadata-Version: 2.1\nName: "+strings.Join(commands()[:6], " ")+"\nVersion: 1\xff\n"))
}

// jsonText leaves what cannot be written in Go's quotes and JSON's alike.
func jsonText(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\r' || r == 0xfffd || r == 0x7f {
			return '?'
		}
		return r
	}, s)
}

// corrupt are databases and binaries of noise, whose beginnings are right.
func corrupt(a *archive) {
	noise := make([]byte, 1<<20)
	_, _ = rand.NewChaCha8([32]byte{}).Read(noise)
	begins := map[string]string{
		"usr/lib/sysimage/rpm/rpmdb.sqlite":   "SQLite format 3\x00\x10\x00\x01\x01\x00@  ",
		"var/lib/rpm/Packages":                "\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x61\x15\x06\x00",
		"usr/lib/sysimage/rpm/Packages.db":    "RpmP\x00\x00\x00\x00",
		"var/lib/dpkg/status":                 "Package: a\nVersion: ",
		"var/lib/dpkg/status.d/b":             "Package: b\nVersion: 1\nInstalled-Size: 99999999999999999999\n",
		"lib/apk/db/installed.1":              "P:a\nV:",
		"app/app.jar":                         "PK\x03\x04\x14\x00\x08\x00\x08\x00",
		"app/go":                              "\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x3e\x00\x01\x00\x00\x00",
		"app/go32":                            "\x7fELF\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x03\x00\x01\x00\x00\x00",
		"app/macho":                           "\xcf\xfa\xed\xfe\x07\x00\x00\x01\x03\x00\x00\x00\x02\x00\x00\x00\xff\xff\xff\x7f",
		"app/pe.exe":                          "MZ\x90\x00\x03\x00\x00\x00\x04\x00\x00\x00\xff\xff\x00\x00",
		"app/Cargo.lock":                      "[[package]]\nname = \"",
		"app/package-lock.json":               `{"lockfileVersion":3,"packages":{"`,
		"app/node_modules/.package-lock.json": `{"packages":` + strings.Repeat("[", 100_000),
		"app/node_modules/deep/package.json":  `{"name":` + strings.Repeat(`{"a":`, 100_000),
		"app/pom.xml":                         "<project>" + strings.Repeat("<a>", 100_000),
		"app/app.deps.json":                   `{"targets":{`,
		"app/yarn.lock":                       "__metadata:\n  version: 99999999999999999999\n",
		"app/gems/specifications/a-1.gemspec": "Gem::Specification.new do |s|\n  s.name = \"a\".freeze\n  s.licenses = [",
	}
	for _, name := range slices.Sorted(maps.Keys(begins)) {
		a.file(name, append([]byte(begins[name]), noise...))
	}
	a.file("app/empty.jar", nil)
	a.file("var/lib/rpm/rpmdb.sqlite", []byte("SQLite format 3\x00"))
}

// manyLayers lists one layer again and again.
func (b *Builder) manyLayers() ([]hostileLayer, error) {
	layers, err := b.besideAlpine(func(*archive) {})
	for err == nil && len(layers) < 10_000 {
		layers = append(layers, layers[1])
	}
	return layers, err
}

func (b *Builder) cutOff() ([]hostileLayer, error) {
	layers, err := b.besideAlpine(files(1000))
	if err == nil {
		layers[1].blob = layers[1].blob[:len(layers[1].blob)/2]
	}
	return layers, err
}

func (b *Builder) wrongDiffID() ([]hostileLayer, error) {
	layers, err := b.besideAlpine(files(10))
	if err == nil {
		layers[1].diffID = layers[0].diffID
	}
	return layers, err
}

func (b *Builder) fewDiffIDs() ([]hostileLayer, error) {
	layers, err := b.besideAlpine(files(10))
	if err == nil {
		layers[1].unlisted = true
	}
	return layers, err
}

func (b *Builder) weirdType() ([]hostileLayer, error) {
	layers, err := b.besideAlpine(files(10))
	if err == nil {
		layers[1].mediaType = types.MediaType("application/vnd.example.layer.v1.rar+encrypted")
	}
	return layers, err
}
