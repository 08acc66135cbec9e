package main

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	oci "github.com/opencontainers/image-spec/specs-go/v1"
)

const created = 1_790_000_000

// program is an ELF file with what its platform shows by; nobody runs it.
func program(t *testing.T, machine elf.Machine, loader bool, content string) []byte {
	t.Helper()
	header := elf.Header64{
		Ident:   [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type:    uint16(elf.ET_DYN),
		Machine: uint16(machine),
		Version: uint32(elf.EV_CURRENT),
		Phoff:   64, Ehsize: 64, Phentsize: 56, Shentsize: 64,
	}
	var file bytes.Buffer
	if loader {
		header.Phnum = 1
	}
	if err := binary.Write(&file, binary.LittleEndian, header); err != nil {
		t.Fatal(err)
	}
	if loader {
		if err := binary.Write(&file, binary.LittleEndian, elf.Prog64{Type: uint32(elf.PT_INTERP)}); err != nil {
			t.Fatal(err)
		}
	}
	file.WriteString(content)
	return file.Bytes()
}

// sources writes what an image is made of into a directory of its own, and gives the arguments that name it.
func sources(t *testing.T) (directory string, arguments []string) {
	t.Helper()
	directory = t.TempDir()
	write(t, filepath.Join(directory, "roots.pem"), []byte("certificates\n"))
	for target, machine := range map[string]elf.Machine{"x86_64": elf.EM_X86_64, "aarch64": elf.EM_AARCH64} {
		for _, name := range binaries {
			write(t, binaryOf(directory, target, name), program(t, machine, false, name+" for "+target))
		}
	}
	return directory, []string{
		"-target-directory=" + directory, "-roots=" + filepath.Join(directory, "roots.pem"), "-version=1.2.3", "-revision=abc", "-created=1790000000",
		"-name=example.com/irsa-anywhere", "-layout=" + filepath.Join(directory, "layout"), "-archive=" + filepath.Join(directory, "image.tar"),
	}
}

func binaryOf(directory, target, name string) string {
	return filepath.Join(directory, target+"-unknown-linux-musl", "release", name)
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func made(t *testing.T, directory string, arguments []string) v1.ImageIndex {
	t.Helper()
	if err := run(arguments); err != nil {
		t.Fatal(err)
	}
	written, err := layout.ImageIndexFromPath(filepath.Join(directory, "layout"))
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := written.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if len(manifest.Manifests) != 1 || manifest.Manifests[0].Annotations["org.opencontainers.image.ref.name"] != "v1.2.3" {
		t.Fatalf("the layout is not of one tagged thing: %+v", manifest.Manifests)
	}
	index, err := written.ImageIndex(manifest.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	return index
}

func TestTheSameSourcesGiveTheSameBytesWhereverAndWheneverTheyWereMade(t *testing.T) {
	here, arguments := sources(t)
	first := archiveOf(t, here, arguments)

	t.Setenv("TZ", "Pacific/Kiritimati")
	time.Local = time.FixedZone("elsewhere", 14*60*60)
	t.Cleanup(func() { time.Local = time.UTC })
	before := syscall.Umask(0o077)
	t.Cleanup(func() { syscall.Umask(before) })
	elsewhere, arguments := sources(t)
	for _, target := range []string{"x86_64", "aarch64"} {
		for _, name := range binaries {
			path := binaryOf(elsewhere, target, name)
			if err := errors.Join(os.Chmod(path, 0o777), os.Chtimes(path, time.Unix(1, 0), time.Unix(1, 0))); err != nil {
				t.Fatal(err)
			}
		}
	}
	if !bytes.Equal(first, archiveOf(t, elsewhere, append(arguments, "-platforms=linux/amd64,linux/arm64"))) {
		t.Fatal("the archives differ")
	}
	if bytes.Equal(first, archiveOf(t, elsewhere, append(arguments, "-created=1790000001"))) {
		t.Fatal("another commit gives the same archive: the comparison sees nothing")
	}
}

func archiveOf(t *testing.T, directory string, arguments []string) []byte {
	t.Helper()
	made(t, directory, arguments)
	archive, err := os.ReadFile(filepath.Join(directory, "image.tar"))
	if err != nil {
		t.Fatal(err)
	}
	return archive
}

func TestEachPlatformHasItsProgramsTheRootsAndNothingElse(t *testing.T) {
	directory, arguments := sources(t)
	index := made(t, directory, arguments)
	if err := validate.Index(index); err != nil {
		t.Fatal(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if len(manifest.Manifests) != 2 {
		t.Fatalf("%d platforms", len(manifest.Manifests))
	}
	for position, target := range []string{"x86_64", "aarch64"} {
		image, err := index.Image(manifest.Manifests[position].Digest)
		if err != nil {
			t.Fatal(err)
		}
		entries := unpacked(t, image)
		names := []string{
			"etc/", "etc/ssl/", "etc/ssl/certs/", "etc/ssl/certs/ca-certificates.crt", "irsa-anywhere", "irsa-anywhere-webhook",
		}
		if !slices.Equal(keys(entries), names) {
			t.Fatalf("%s has %q", target, keys(entries))
		}
		for _, name := range binaries {
			if !strings.HasSuffix(entries[name], name+" for "+target) {
				t.Fatalf("%s of %s is another's", name, target)
			}
		}
		config, err := image.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		architecture := []string{"amd64", "arm64"}[position]
		if config.OS != "linux" || config.Architecture != architecture || manifest.Manifests[position].Platform.Architecture != architecture {
			t.Fatalf("%s says %s/%s", target, config.OS, config.Architecture)
		}
		if config.Config.User != "65532:65532" || !slices.Equal(config.Config.Entrypoint, []string{"/irsa-anywhere"}) {
			t.Fatalf("%+v", config.Config)
		}
		labels := config.Config.Labels
		if labels["org.opencontainers.image.revision"] != "abc" || labels["org.opencontainers.image.created"] != "2026-09-21T14:13:20Z" {
			t.Fatalf("%v", labels)
		}
	}
}

func TestTheIndexIsWrittenAsThoseWriteItWhoPushIt(t *testing.T) {
	directory, arguments := sources(t)
	raw, err := made(t, directory, arguments).RawManifest()
	if err != nil {
		t.Fatal(err)
	}
	var read oci.Index
	if err := json.Unmarshal(raw, &read); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(read)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(raw, again) || bytes.Contains(raw, []byte("artifactType")) {
		t.Fatalf("%s", raw)
	}
}

func unpacked(t *testing.T, image v1.Image) map[string]string {
	t.Helper()
	content := mutate.Extract(image)
	defer content.Close()
	entries := map[string]string{}
	for archive := tar.NewReader(content); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return entries
		}
		if err != nil {
			t.Fatal(err)
		}
		wanted := int64(0o755)
		if header.Name == roots {
			wanted = 0o644
		}
		if header.Mode != wanted || header.Uid != 0 || header.Gid != 0 || header.ModTime.Unix() != created {
			t.Fatalf("%+v", header)
		}
		text, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		name := header.Name
		if header.Typeflag == tar.TypeDir {
			name = strings.TrimSuffix(name, "/") + "/"
		}
		entries[name] = string(text)
	}
}

func keys(entries map[string]string) []string {
	var names []string
	for name := range entries {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func TestDockerFindsTheImageOfEachPlatformInTheArchive(t *testing.T) {
	directory, arguments := sources(t)
	made(t, directory, arguments)
	for _, architecture := range []string{"amd64", "arm64"} {
		tag := tagOf(t, "example.com/irsa-anywhere:v1.2.3-"+architecture)
		image, err := tarball.ImageFromPath(filepath.Join(directory, "image.tar"), &tag)
		if err != nil {
			t.Fatal(err)
		}
		if err := validate.Image(image); err != nil {
			t.Fatal(err)
		}
		config, err := image.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		if config.Architecture != architecture {
			t.Fatalf("%s has an image for %s", tag, config.Architecture)
		}
	}
}

func TestWhatCouldNotRunIsRefused(t *testing.T) {
	for title, wrong := range map[string]struct {
		content []byte
		says    string
	}{
		"the other processor": {program(t, elf.EM_AARCH64, false, ""), "is for EM_AARCH64, not for EM_X86_64"},
		"a dynamic loader":    {program(t, elf.EM_X86_64, true, ""), "wants a dynamic loader"},
		"no program":          {[]byte("#!/bin/sh\n" + strings.Repeat("true\n", 99)), "bad magic number"},
		"too much":            {append(program(t, elf.EM_X86_64, false, ""), make([]byte, limit)...), "may have 20"},
	} {
		t.Run(title, func(t *testing.T) {
			directory, arguments := sources(t)
			write(t, binaryOf(directory, "x86_64", binaries[0]), wrong.content)
			if err := run(arguments); err == nil || !strings.Contains(err.Error(), wrong.says) {
				t.Fatalf("%v", err)
			}
		})
	}
	_, arguments := sources(t)
	if err := run(append(arguments, "-platforms=windows/amd64")); err == nil || !strings.Contains(err.Error(), "linux/amd64 or linux/arm64") {
		t.Fatalf("%v", err)
	}
	if err := run(append(arguments, "-revision=")); err == nil || !strings.Contains(err.Error(), "-revision is needed") {
		t.Fatalf("%v", err)
	}
}

func tagOf(t *testing.T, text string) name.Tag {
	t.Helper()
	tag, err := name.NewTag(text)
	if err != nil {
		t.Fatal(err)
	}
	return tag
}
