package main

import (
	"bytes"
	"encoding/json"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	oci "github.com/opencontainers/image-spec/specs-go/v1"
)

// images is an index by another name: embedded by its own, it would hide its method of that name.
type images = v1.ImageIndex

// writtenIndex is an index in just these bytes.
type writtenIndex struct {
	images
	raw []byte
}

// canonical writes an index as the specification's own types do, fields in their order and none besides. skopeo reads what it pushes into
// them and writes it again: anything else would have another digest in the registry than here.
func canonical(index v1.ImageIndex, annotations map[string]string) (v1.ImageIndex, error) {
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	written := oci.Index{
		Versioned:   specs.Versioned{SchemaVersion: 2},
		MediaType:   oci.MediaTypeImageIndex,
		Annotations: annotations,
	}
	for _, image := range manifest.Manifests {
		written.Manifests = append(written.Manifests, oci.Descriptor{
			MediaType: string(image.MediaType),
			Digest:    digest.Digest(image.Digest.String()),
			Size:      image.Size,
			Platform:  &oci.Platform{OS: image.Platform.OS, Architecture: image.Platform.Architecture},
		})
	}
	raw, err := json.Marshal(written)
	if err != nil {
		return nil, err
	}
	return &writtenIndex{images: index, raw: raw}, nil
}

func (i *writtenIndex) RawManifest() ([]byte, error) { return i.raw, nil }

func (i *writtenIndex) IndexManifest() (*v1.IndexManifest, error) {
	return v1.ParseIndexManifest(bytes.NewReader(i.raw))
}

func (i *writtenIndex) Size() (int64, error) { return int64(len(i.raw)), nil }

func (i *writtenIndex) Digest() (v1.Hash, error) {
	hash, _, err := v1.SHA256(bytes.NewReader(i.raw))
	return hash, err
}
