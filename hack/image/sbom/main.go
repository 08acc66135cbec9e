// Says what is in the image of one platform, as SPDX and as CycloneDX: the crates that are linked in, as Cargo resolves them for that
// platform, the libraries of Rust and of C, and the certificate authorities. The same image has the same SBOM.
package main

import (
	"archive/tar"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	if err := run(os.Args[1:], os.Stdin); err != nil {
		fmt.Fprintf(os.Stderr, "sbom: %v\n", err)
		os.Exit(1)
	}
}

func run(arguments []string, tree io.Reader) error {
	flags := flag.NewFlagSet("sbom", flag.ContinueOnError)
	directory := flags.String("layout", "", "`directory` of the OCI layout")
	architecture := flags.String("architecture", "", "amd64 or arm64")
	lock := flags.String("lock", "", "Cargo.lock; what cargo tree says is read from standard input")
	rust := flags.String("rust", "", "version of Rust")
	libc := flags.String("libc", "", "libc.a that was linked")
	roots := flags.String("roots", "", "version of certifi")
	spdx := flags.String("spdx", "", "`file` that is written")
	cyclonedx := flags.String("cyclonedx", "", "`file` that is written")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	var lacking error
	flags.VisitAll(func(option *flag.Flag) {
		if option.Value.String() == "" {
			lacking = fmt.Errorf("-%s is needed: %s", option.Name, option.Usage)
		}
	})
	if lacking != nil {
		return lacking
	}
	checksums, err := readLock(*lock)
	if err != nil {
		return err
	}
	crates, err := readCrates(tree, checksums)
	if err != nil {
		return err
	}
	musl, err := muslVersion(*libc)
	if err != nil {
		return err
	}
	content, err := described(*directory, *architecture, crates, *rust, musl, *roots)
	if err != nil {
		return err
	}
	return errors.Join(save(*spdx, content.writeSPDX), save(*cyclonedx, content.writeCycloneDX))
}

func save(path string, written func(io.Writer) error) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(written(file), file.Close())
}

// walk reads the files of an archive.
func walk(archive io.Reader, each func(path string, content io.Reader) error) error {
	for entries := tar.NewReader(archive); ; {
		header, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if header.Typeflag != tar.TypeReg {
			continue
		}
		if err := each(header.Name, entries); err != nil {
			return err
		}
	}
}
