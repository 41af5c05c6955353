package main

import (
	"archive/tar"
	"bytes"
	"fmt"
)

// dpkg writes the database of a Debian system with that many packages, as dpkg keeps it.
func dpkg(w *tar.Writer, packages int) error {
	var status bytes.Buffer
	for n := range packages {
		fmt.Fprintf(&status, "Package: bench-%06d\nStatus: install ok installed\nPriority: optional\nSection: libs\n"+
			"Installed-Size: %d\nMaintainer: Bench <bench@example.com>\nArchitecture: amd64\nVersion: 1.%d-1\n"+
			"Depends: bench-%06d\nDescription: package %d\n made for a measurement\n\n", n, n%9000, n%100, n/2, n)
	}
	if err := text(w, "etc/os-release", "ID=debian\nVERSION_ID=\"12\"\nNAME=\"Debian GNU/Linux\"\nVERSION_CODENAME=bookworm\n"); err != nil {
		return err
	}
	return text(w, "var/lib/dpkg/status", status.String())
}

// nodeModules writes that many packages as npm installs them.
func nodeModules(w *tar.Writer, packages int) error {
	for n := range packages {
		name := fmt.Sprintf("bench-%06d", n)
		manifest := fmt.Sprintf(`{"name":%q,"version":"1.%d.0","license":"MIT","main":"index.js"}`, name, n%100)
		if err := text(w, "srv/app/node_modules/"+name+"/package.json", manifest); err != nil {
			return err
		}
		if err := text(w, "srv/app/node_modules/"+name+"/index.js", "module.exports = "+fmt.Sprint(n)+"\n"); err != nil {
			return err
		}
	}
	return nil
}

func text(w *tar.Writer, name, content string) error {
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(content)), ModTime: created}); err != nil {
		return err
	}
	_, err := w.Write([]byte(content))
	return err
}
