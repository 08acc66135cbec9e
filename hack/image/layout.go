package main

import (
	"archive/tar"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
)

// writeLayout writes an OCI layout with nothing but this index in it, so that tools that push the only thing of a layout push it.
func writeLayout(directory, tag string, index v1.ImageIndex) error {
	if err := os.RemoveAll(directory); err != nil {
		return err
	}
	written, err := layout.Write(directory, empty.Index)
	if err != nil {
		return err
	}
	return written.AppendIndex(index, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": tag}))
}

// loadable is how Docker's own archive names an image of a layout.
type loadable struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// writeArchive packs a layout, with the list beside it by which `docker load` finds the image of each platform.
func writeArchive(archive, layoutDirectory, name, tag string, index v1.ImageIndex, created time.Time) error {
	list, err := dockerList(name, tag, index)
	if err != nil {
		return err
	}
	file, err := os.Create(archive)
	if err != nil {
		return err
	}
	defer file.Close()
	packed := tar.NewWriter(file)
	if err := addDirectory(packed, layoutDirectory, created); err != nil {
		return err
	}
	if err := add(packed, "manifest.json", int64(len(list)), created, strings.NewReader(string(list))); err != nil {
		return err
	}
	if err := packed.Close(); err != nil {
		return err
	}
	return file.Close()
}

func dockerList(name, tag string, index v1.ImageIndex) ([]byte, error) {
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	var images []loadable
	for _, descriptor := range manifest.Manifests {
		image, err := index.Image(descriptor.Digest)
		if err != nil {
			return nil, err
		}
		content, err := image.Manifest()
		if err != nil {
			return nil, err
		}
		entry := loadable{
			Config: blob(content.Config.Digest),
			// One tag for both would be that of whichever is loaded last.
			RepoTags: []string{fmt.Sprintf("%s:%s-%s", name, tag, descriptor.Platform.Architecture)},
		}
		for _, layer := range content.Layers {
			entry.Layers = append(entry.Layers, blob(layer.Digest))
		}
		images = append(images, entry)
	}
	return json.Marshal(images)
}

func blob(digest v1.Hash) string { return "blobs/" + digest.Algorithm + "/" + digest.Hex }

func addDirectory(packed *tar.Writer, directory string, created time.Time) error {
	var files []string
	err := filepath.WalkDir(directory, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		return err
	}
	slices.Sort(files)
	for _, path := range files {
		if err := addFile(packed, directory, path, created); err != nil {
			return err
		}
	}
	return nil
}

func addFile(packed *tar.Writer, directory, path string, created time.Time) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	status, err := file.Stat()
	if err != nil {
		return err
	}
	name, err := filepath.Rel(directory, path)
	if err != nil {
		return err
	}
	return add(packed, filepath.ToSlash(name), status.Size(), created, file)
}

func add(packed *tar.Writer, name string, size int64, created time.Time, content io.Reader) error {
	header := &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: size, ModTime: created, Format: tar.FormatUSTAR}
	if err := packed.WriteHeader(header); err != nil {
		return err
	}
	_, err := io.Copy(packed, content)
	return err
}
