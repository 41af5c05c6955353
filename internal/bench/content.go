package main

import (
	"archive/tar"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"time"
)

// created is the time of all that is in the images.
var created = time.Date(2025, time.January, 1, 0, 0, 0, 0, time.UTC)

// folder writes what is in the folder from below the folder to of the image.
func folder(w *tar.Writer, from, to string) error {
	return filepath.WalkDir(from, func(at string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		link := ""
		if info.Mode()&fs.ModeSymlink != 0 {
			if link, err = os.Readlink(at); err != nil {
				return err
			}
		}
		header, err := tar.FileInfoHeader(info, link)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, at)
		if err != nil {
			return err
		}
		header = &tar.Header{Typeflag: header.Typeflag, Name: path.Join(to, rel), Linkname: link, Mode: header.Mode, Size: header.Size, ModTime: created}
		if d.IsDir() {
			header.Name += "/"
		}
		if err := w.WriteHeader(header); err != nil || !info.Mode().IsRegular() {
			return err
		}
		return copyFile(w, at)
	})
}

func copyFile(w io.Writer, name string) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = io.Copy(w, file)
	return err
}

// split cuts an archive into layers of about equal size, in the order that it has: a hard link
// comes after what it links to. What has no place in an image, such as a device, is left out.
func split(l *layout, archive string, into int) ([]stored, error) {
	file, err := os.Open(archive)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	var layers []stored
	entries, each := tar.NewReader(file), info.Size()/int64(into)
	for more := true; more; {
		layer, err := l.layer(func(w *tar.Writer) (err error) {
			more, err = part(w, entries, each)
			return err
		})
		if err != nil {
			return nil, err
		}
		layers = append(layers, layer)
	}
	return layers, nil
}

// part copies entries until they are of that many bytes, and reports whether there are more.
func part(w *tar.Writer, entries *tar.Reader, bytes int64) (bool, error) {
	for sum := int64(0); sum < bytes; {
		header, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		switch header.Typeflag {
		case tar.TypeReg, tar.TypeDir, tar.TypeSymlink, tar.TypeLink:
		default:
			continue
		}
		if err := w.WriteHeader(header); err != nil {
			return false, err
		}
		if _, err := io.Copy(w, entries); err != nil {
			return false, err
		}
		sum += header.Size + 1024
	}
	return true, nil
}

// data writes files of 1 MiB: of every eight one that is noise, as media and archives are, and
// seven of lines such as logs and tables have. They compress to about a third, as what images
// hold does.
func data(w *tar.Writer, dir string, files int, seed uint64) error {
	random := rand.New(rand.NewPCG(seed, 0))
	block := make([]byte, 1<<20)
	for n := range files {
		fill(block, random, n%8 == 0)
		header := &tar.Header{Typeflag: tar.TypeReg, Name: path.Join(dir, fileName(n)), Mode: 0o644, Size: int64(len(block)), ModTime: created}
		if err := w.WriteHeader(header); err != nil {
			return err
		}
		if _, err := w.Write(block); err != nil {
			return err
		}
	}
	return nil
}

// perFile is about what a file of data has when it is compressed.
const perFile = 300_000

func fileName(n int) string { return fmt.Sprintf("%05d.bin", n) }

// words are those of the lines, with about the length that lines have.
var words = []string{
	" the layer of the image", " a request was answered", " path=/usr/share/doc", " level=info", " status",
	" elapsed since start", " user", " value", " the next entry", " size in bytes",
}

// fill makes a block of noise, or of lines of numbers.
func fill(block []byte, random *rand.Rand, noise bool) {
	if noise {
		for i := 0; i+8 <= len(block); i += 8 {
			binary.LittleEndian.PutUint64(block[i:], random.Uint64())
		}
		return
	}
	line := block[:0]
	for len(line)+64 <= cap(block) {
		line = append(line, words[random.IntN(len(words))]...)
		line = append(line, '=')
		line = strconv.AppendUint(line, random.Uint64N(1_000_000), 10)
		line = append(line, words[random.IntN(len(words))]...)
		line = append(line, '\n')
	}
	for i := len(line); i < len(block); i++ {
		block[i] = ' '
	}
}
