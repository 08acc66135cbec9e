package main

import (
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

const (
	// limit is what an image may have, packed as unpacked: more would be something that nobody meant to put in.
	limit = 20 << 20
	// user has no name, as there is no /etc/passwd; config/ and the chart name it as well.
	user  = "65532:65532"
	roots = "etc/ssl/certs/ca-certificates.crt"
)

var binaries = []string{"irsa-anywhere", "irsa-anywhere-webhook"}

// source is what an image is made of.
type source struct {
	// targetDirectory is Cargo's, where <target>/release/ has the binaries.
	targetDirectory string
	rootsFile       string
	version         string
	revision        string
	created         time.Time
}

// index makes the image of each platform, and the index over them.
func (s source) index(platforms []platform) (v1.ImageIndex, error) {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, platform := range platforms {
		image, err := s.image(platform)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", platform, err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add:        image,
			Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: platform.os, Architecture: platform.architecture}},
		})
	}
	return canonical(index, s.labels())
}

func (s source) image(platform platform) (v1.Image, error) {
	certificates, err := os.ReadFile(s.rootsFile)
	if err != nil {
		return nil, err
	}
	programs := make([]file, 0, len(binaries))
	for _, name := range binaries {
		path := filepath.Join(s.targetDirectory, platform.target(), "release", name)
		if err := runsOn(path, platform); err != nil {
			return nil, err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		programs = append(programs, file{path: name, content: content, executable: true})
	}

	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	var packed, unpacked int64
	// What changes least comes first, so that a registry and a node have it already.
	for _, part := range []struct {
		files []file
		says  string
	}{
		{[]file{{path: roots, content: certificates}}, "the certificate authorities that Mozilla trusts"},
		{programs, "the operator and the webhook"},
	} {
		layer, size, err := layer(part.files, s.created)
		if err != nil {
			return nil, err
		}
		compressedSize, err := layer.Size()
		if err != nil {
			return nil, err
		}
		packed, unpacked = packed+compressedSize, unpacked+size
		image, err = mutate.Append(image, mutate.Addendum{
			Layer:     layer,
			MediaType: types.OCILayer,
			History:   v1.History{Created: v1.Time{Time: s.created}, CreatedBy: "make image", Comment: part.says},
		})
		if err != nil {
			return nil, err
		}
	}
	fmt.Fprintf(os.Stderr, "image: %s: %.1f MB packed, %.1f MB unpacked\n", platform, megabytes(packed), megabytes(unpacked))
	if unpacked > limit {
		return nil, fmt.Errorf("it has %.1f MB unpacked, and may have %.0f", megabytes(unpacked), megabytes(limit))
	}

	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = platform.os, platform.architecture
	config.Created = v1.Time{Time: s.created}
	config.Config = v1.Config{
		User:       user,
		Entrypoint: []string{"/" + binaries[0]},
		WorkingDir: "/",
		Labels:     s.labels(),
	}
	image, err = mutate.ConfigFile(image, config)
	if err != nil {
		return nil, err
	}
	annotated, ok := mutate.Annotations(image, s.labels()).(v1.Image)
	if !ok {
		return nil, errors.New("an annotated image is no image")
	}
	return annotated, nil
}

// labels are those that the OCI image specification has names for.
func (s source) labels() map[string]string {
	const name, repository = "org.opencontainers.image.", "https://github.com/irsa-anywhere/irsa-anywhere"
	return map[string]string{
		name + "title":         "irsa-anywhere",
		name + "description":   "IAM Roles for Service Accounts on any Kubernetes cluster: the operator and the webhook",
		name + "url":           repository,
		name + "source":        repository,
		name + "documentation": repository + "/blob/" + s.revision + "/README.md",
		name + "licenses":      "Apache-2.0",
		name + "vendor":        "irsa-anywhere",
		name + "version":       s.version,
		name + "revision":      s.revision,
		name + "created":       s.created.Format(time.RFC3339),
	}
}

// runsOn tells whether a program is one of this platform that needs nothing else, since the image has nothing else.
func runsOn(path string, platform platform) error {
	program, err := elf.Open(path)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	defer program.Close()
	machine := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}[platform.architecture]
	if program.Machine != machine {
		return fmt.Errorf("%s is for %s, not for %s", path, program.Machine, machine)
	}
	for _, header := range program.Progs {
		if header.Type == elf.PT_INTERP {
			return fmt.Errorf("%s wants a dynamic loader, which the image does not have", path)
		}
	}
	return nil
}

func megabytes(bytes int64) float64 { return float64(bytes) / (1 << 20) }
