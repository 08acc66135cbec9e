package main

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/gzip"
)

// file is one that the image has: its path there, what is in it, and whether it can be run.
type file struct {
	path       string
	content    []byte
	executable bool
}

// layer packs files, with the directories that they lie in. Nothing of this machine is in it: no owner, no umask, no time but `created`.
// The standard library's compressor gives other bytes with another Go; this one is pinned in go.mod.
func layer(files []file, created time.Time) (packed v1.Layer, unpackedSize int64, err error) {
	var unpacked bytes.Buffer
	archive := tar.NewWriter(&unpacked)
	files = slices.SortedFunc(slices.Values(files), func(a, b file) int { return strings.Compare(a.path, b.path) })
	seen := map[string]bool{".": true}
	for _, file := range files {
		for _, directory := range parents(file.path) {
			if seen[directory] {
				continue
			}
			seen[directory] = true
			header := &tar.Header{Typeflag: tar.TypeDir, Name: directory + "/", Mode: 0o755, ModTime: created, Format: tar.FormatUSTAR}
			if err := archive.WriteHeader(header); err != nil {
				return nil, 0, err
			}
		}
		mode := int64(0o644)
		if file.executable {
			mode = 0o755
		}
		header := &tar.Header{
			Typeflag: tar.TypeReg, Name: file.path, Mode: mode, Size: int64(len(file.content)), ModTime: created, Format: tar.FormatUSTAR,
		}
		if err := archive.WriteHeader(header); err != nil {
			return nil, 0, err
		}
		if _, err := archive.Write(file.content); err != nil {
			return nil, 0, err
		}
	}
	if err := archive.Close(); err != nil {
		return nil, 0, err
	}

	var compressed bytes.Buffer
	compressor, err := gzip.NewWriterLevel(&compressed, gzip.BestCompression)
	if err != nil {
		return nil, 0, err
	}
	if _, err := compressor.Write(unpacked.Bytes()); err != nil {
		return nil, 0, err
	}
	if err := compressor.Close(); err != nil {
		return nil, 0, err
	}
	diffID, _, err := v1.SHA256(bytes.NewReader(unpacked.Bytes()))
	if err != nil {
		return nil, 0, err
	}
	return &packedLayer{
		Layer:    static.NewLayer(compressed.Bytes(), types.OCILayer),
		unpacked: unpacked.Bytes(),
		diffID:   diffID,
	}, int64(unpacked.Len()), nil
}

// packedLayer knows what it was before it was compressed, which a static layer does not.
type packedLayer struct {
	v1.Layer
	unpacked []byte
	diffID   v1.Hash
}

func (l *packedLayer) DiffID() (v1.Hash, error) { return l.diffID, nil }

func (l *packedLayer) Uncompressed() (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(l.unpacked)), nil
}

// parents are the directories that a path lies in, outermost first.
func parents(name string) []string {
	var directories []string
	for directory := path.Dir(name); directory != "."; directory = path.Dir(directory) {
		directories = append(directories, directory)
	}
	slices.Reverse(directories)
	return directories
}

// platform is one that there is an image for.
type platform struct {
	os, architecture string
}

func parsePlatform(text string) (platform, error) {
	os, architecture, found := strings.Cut(text, "/")
	if !found || os != "linux" || (architecture != "amd64" && architecture != "arm64") {
		return platform{}, fmt.Errorf("there is no image for the platform %q: linux/amd64 or linux/arm64", text)
	}
	return platform{os, architecture}, nil
}

// target is what Rust calls the platform.
func (p platform) target() string {
	return map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[p.architecture] + "-unknown-linux-musl"
}

func (p platform) String() string { return p.os + "/" + p.architecture }
