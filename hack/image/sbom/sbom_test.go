package main

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

const (
	lock = `[[package]]
name = "irsa-operator"
version = "1.2.3"
[[package]]
name = "irsa-webhook"
version = "1.2.3"
[[package]]
name = "ring"
version = "0.17.14"
checksum = "aa"
[[package]]
name = "untrusted"
version = "0.9.0"
checksum = "bb"
[[package]]
name = "proptest"
version = "1.0.0"
checksum = "cc"
`
	tree = `0|irsa-operator v1.2.3 (/somewhere/crates/operator)|Apache-2.0|
1|ring v0.17.14|Apache-2.0 AND ISC|https://example.com/ring
2|untrusted v0.9.0|ISC / MIT|

0|irsa-webhook v1.2.3 (/somewhere/crates/webhook)|Apache-2.0|
1|ring v0.17.14|Apache-2.0 AND ISC|https://example.com/ring (*)
`
)

// image writes a layout with an image of one platform, and gives the arguments that name it and what else an SBOM is made of.
func image(t *testing.T, paths ...string) []string {
	t.Helper()
	directory := t.TempDir()
	files := map[string][]byte{}
	for _, path := range paths {
		files[path] = []byte(path)
	}
	index := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{
		Add:        imageOf(t, files),
		Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}},
	})
	written, err := layout.Write(filepath.Join(directory, "layout"), empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	if err := written.AppendIndex(index); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"Cargo.lock": lock, "libc.a": "x\x001.2.5\x00y"} {
		if err := os.WriteFile(filepath.Join(directory, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return []string{
		"-layout=" + filepath.Join(directory, "layout"), "-architecture=amd64", "-lock=" + filepath.Join(directory, "Cargo.lock"), "-rust=1.95.0",
		"-libc=" + filepath.Join(directory, "libc.a"), "-roots=2026.1.1",
		"-spdx=" + filepath.Join(directory, "spdx.json"), "-cyclonedx=" + filepath.Join(directory, "cdx.json"),
	}
}

func imageOf(t *testing.T, files map[string][]byte) v1.Image {
	t.Helper()
	layer, err := tarball.LayerFromOpener(opener(t, files))
	if err != nil {
		t.Fatal(err)
	}
	image, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		t.Fatal(err)
	}
	labels := map[string]string{}
	for name, value := range map[string]string{"title": "it", "version": "1.2.3", "licenses": "Apache-2.0", "source": "https://example.com/it"} {
		labels["org.opencontainers.image."+name] = value
	}
	image, err = mutate.Config(image, v1.Config{Labels: labels})
	if err != nil {
		t.Fatal(err)
	}
	return image
}

func written(t *testing.T, arguments []string) (spdx, cyclonedx string) {
	t.Helper()
	if err := run(arguments, strings.NewReader(tree)); err != nil {
		t.Fatal(err)
	}
	var texts [2]string
	for position, argument := range arguments[len(arguments)-2:] {
		_, path, _ := strings.Cut(argument, "=")
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		texts[position] = string(content)
	}
	return texts[0], texts[1]
}

func TestBothSayWhatIsLinkedInAndNothingElse(t *testing.T) {
	arguments := image(t, "irsa-anywhere", "irsa-anywhere-webhook", "etc/ssl/certs/ca-certificates.crt")
	spdx, cyclonedx := written(t, arguments)
	for _, text := range []string{spdx, cyclonedx} {
		for _, wanted := range []string{
			"pkg:cargo/ring@0.17.14", "pkg:cargo/untrusted@0.9.0", "ISC OR MIT", "pkg:generic/musl@1.2.5", "pkg:generic/rust-std@1.95.0",
			"pkg:pypi/certifi@2026.1.1", "irsa-operator", "irsa-webhook", "irsa-anywhere-webhook", "pkg:oci/it@sha256%3A",
		} {
			if !strings.Contains(text, wanted) {
				t.Errorf("it lacks %s", wanted)
			}
		}
		for _, unwanted := range []string{"proptest", "/somewhere"} {
			if strings.Contains(text, unwanted) {
				t.Errorf("it has %s", unwanted)
			}
		}
	}
	again, cyclonedxAgain := written(t, arguments)
	if spdx != again || cyclonedx != cyclonedxAgain {
		t.Error("the same image has another SBOM")
	}
}

func TestWhatCannotBeDescribedIsRefused(t *testing.T) {
	if err := run(image(t, "irsa-anywhere", "busybox"), strings.NewReader(tree)); err == nil || !strings.Contains(err.Error(), "busybox") {
		t.Errorf("a program that nobody knows: %v", err)
	}
	arguments := image(t, "irsa-anywhere")
	for title, wrong := range map[string]string{
		"what is not locked":   "0|leftpad v1.0.0|MIT|\n",
		"nothing":              "",
		"no licence":           "0|ring v0.17.14||\n",
		"another format":       "irsa-operator v1.2.3\n",
		"a depth from nowhere": "2|ring v0.17.14|MIT|\n",
	} {
		if err := run(arguments, strings.NewReader(wrong)); err == nil {
			t.Errorf("%s is taken", title)
		}
	}
	if err := run(append(arguments, "-architecture=arm64"), strings.NewReader(tree)); err == nil || !strings.Contains(err.Error(), "arm64") {
		t.Errorf("a platform that is not there: %v", err)
	}
}

func TestTheTreeIsReadWithItsArrows(t *testing.T) {
	checksums := map[string]string{"irsa-operator@1.2.3": "", "irsa-webhook@1.2.3": "", "ring@0.17.14": "aa", "untrusted@0.9.0": "bb"}
	crates, err := readCrates(bytes.NewReader([]byte(tree)), checksums)
	if err != nil {
		t.Fatal(err)
	}
	for id, needs := range map[string]string{"irsa-operator@1.2.3": "ring@0.17.14", "irsa-webhook@1.2.3": "ring@0.17.14", "ring@0.17.14": "untrusted@0.9.0"} {
		if got := strings.Join(crates[id].needs, " "); got != needs {
			t.Errorf("%s needs %q", id, got)
		}
	}
	if !crates["irsa-operator@1.2.3"].ours() || crates["ring@0.17.14"].ours() {
		t.Error("ours are those without a checksum")
	}
}

func opener(t *testing.T, files map[string][]byte) tarball.Opener {
	t.Helper()
	var archive bytes.Buffer
	packed := tar.NewWriter(&archive)
	for path, content := range files {
		if err := packed.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: path, Mode: 0o755, Size: int64(len(content))}); err != nil {
			t.Fatal(err)
		}
		if _, err := packed.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := packed.Close(); err != nil {
		t.Fatal(err)
	}
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(archive.Bytes())), nil }
}
