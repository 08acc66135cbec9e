package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

// kind is what a part is, which both formats have words for.
type kind int

const (
	container kind = iota
	program
	library
	data
)

// part is something that the image has in it, or the image itself.
type part struct {
	id, name, version, licence, description string
	kind                                    kind
	purl, cpe, repository, sha256           string
	needs                                   []string
}

// content is the image of one platform with all its parts, the image first.
type content struct {
	parts   []part
	created time.Time
	digest  v1.Hash
}

// described finds the image of a platform in a layout, and says what it is made of.
func described(directory, architecture string, crates map[string]*crate, rust, libc, roots string) (*content, error) {
	image, digest, err := find(directory, architecture)
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	label := func(name string) string { return config.Config.Labels["org.opencontainers.image."+name] }
	files, err := sums(image)
	if err != nil {
		return nil, err
	}

	made := &content{created: config.Created.Time, digest: digest}
	whole := part{
		id: "image", name: label("title"), version: label("version"), licence: label("licenses"), description: label("description"), kind: container,
		purl:       fmt.Sprintf("pkg:oci/%s@%s?arch=%s", label("title"), strings.ReplaceAll(digest.String(), ":", "%3A"), architecture),
		repository: label("source"), sha256: digest.Hex,
	}
	var programs, others []part
	for _, path := range slices.Sorted(maps.Keys(files)) {
		if path == "etc/ssl/certs/ca-certificates.crt" {
			others = append(others, part{
				id: "roots", name: "certifi", version: roots, licence: "MPL-2.0", kind: data, sha256: files[path],
				description: "/" + path + ": the certificate authorities that Mozilla trusts for TLS servers",
				purl:        "pkg:pypi/certifi@" + roots, repository: "https://github.com/certifi/python-certifi",
			})
			continue
		}
		// The crate of a binary is called by what it does, the binary by what it is for.
		root, known := map[string]string{"irsa-anywhere": "irsa-operator", "irsa-anywhere-webhook": "irsa-webhook"}[path]
		if !known {
			return nil, fmt.Errorf("the image has %s in it, and nobody said what that is made of", path)
		}
		programs = append(programs, part{
			id: "program-" + path, name: path, version: whole.version, licence: whole.licence, kind: program, sha256: files[path],
			description: "/" + path, repository: whole.repository, needs: []string{crateID(crates, root), "rust-std"},
		})
	}
	for _, each := range slices.Concat(programs, others) {
		whole.needs = append(whole.needs, each.id)
	}
	made.parts = slices.Concat([]part{whole}, programs, others, runtime(rust, libc))
	for _, id := range slices.Sorted(maps.Keys(crates)) {
		made.parts = append(made.parts, crates[id].part(whole.repository))
	}
	return made, nil
}

// runtime is what is linked into every program of Rust for musl.
func runtime(rust, libc string) []part {
	return []part{
		{
			id: "rust-std", name: "rust-std", version: rust, licence: "MIT OR Apache-2.0", kind: library, needs: []string{"musl"},
			description: "the standard library of Rust with the crates in it, compiler-builtins and LLVM's libunwind, as rustup installs it",
			purl:        "pkg:generic/rust-std@" + rust, cpe: "cpe:2.3:a:rust-lang:rust:" + rust + ":*:*:*:*:*:*:*",
			repository: "https://github.com/rust-lang/rust",
		},
		{
			id: "musl", name: "musl", version: libc, licence: "MIT", kind: library, description: "the C library, as rustup installs it with rust-std",
			purl: "pkg:generic/musl@" + libc, cpe: "cpe:2.3:a:musl-libc:musl:" + libc + ":*:*:*:*:*:*:*", repository: "https://git.musl-libc.org/cgit/musl",
		},
	}
}

func (c *crate) part(repository string) part {
	made := part{
		id: "crate-" + c.id(), name: c.name, version: c.version, licence: c.licence, kind: library, sha256: c.checksum, repository: c.repository,
	}
	if c.ours() {
		made.description = "a crate of this repository"
		made.repository = repository
	} else {
		made.purl = "pkg:cargo/" + c.name + "@" + strings.ReplaceAll(c.version, "+", "%2B")
	}
	for _, need := range c.needs {
		made.needs = append(made.needs, "crate-"+need)
	}
	return made
}

func crateID(crates map[string]*crate, name string) string {
	for id, crate := range crates {
		if crate.name == name {
			return "crate-" + id
		}
	}
	return "crate-" + name
}

// find gives the image of a platform that the one index of a layout has.
func find(directory, architecture string) (v1.Image, v1.Hash, error) {
	whole, err := layout.ImageIndexFromPath(directory)
	if err != nil {
		return nil, v1.Hash{}, err
	}
	outer, err := whole.IndexManifest()
	if err != nil {
		return nil, v1.Hash{}, err
	}
	for _, tagged := range outer.Manifests {
		index, err := whole.ImageIndex(tagged.Digest)
		if err != nil {
			return nil, v1.Hash{}, err
		}
		inner, err := index.IndexManifest()
		if err != nil {
			return nil, v1.Hash{}, err
		}
		for _, descriptor := range inner.Manifests {
			if descriptor.Platform != nil && descriptor.Platform.Architecture == architecture {
				image, err := index.Image(descriptor.Digest)
				return image, descriptor.Digest, err
			}
		}
	}
	return nil, v1.Hash{}, fmt.Errorf("%s has no image for %s", directory, architecture)
}

// sums gives the SHA-256 of each file of an image.
func sums(image v1.Image) (map[string]string, error) {
	unpacked := mutate.Extract(image)
	defer unpacked.Close()
	files := map[string]string{}
	err := walk(unpacked, func(path string, content io.Reader) error {
		sum := sha256.New()
		if _, err := io.Copy(sum, content); err != nil {
			return err
		}
		files[path] = hex.EncodeToString(sum.Sum(nil))
		return nil
	})
	return files, err
}

// muslVersion asks the library itself, which has it as a string for its own loader.
func muslVersion(library string) (string, error) {
	content, err := os.ReadFile(library)
	if err != nil {
		return "", err
	}
	found := regexp.MustCompile(`\x00(1\.\d+\.\d+)\x00`).FindSubmatch(content)
	if found == nil {
		return "", fmt.Errorf("%s does not say which musl it is", library)
	}
	return string(found[1]), nil
}
