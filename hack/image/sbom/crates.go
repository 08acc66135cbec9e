package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"
)

// crate is one that is linked into a binary.
type crate struct {
	name, version, licence, repository string
	// checksum is of the archive on crates.io; ours have none.
	checksum string
	needs    []string
}

func (c *crate) ours() bool { return c.checksum == "" }

// id names a crate of the lock file; one version of a name is linked once.
func (c *crate) id() string { return c.name + "@" + c.version }

// readCrates reads what `cargo tree --prefix depth --format '|{p}|{l}|{r}'` says. A crate's own are listed where it comes first, and (*) stands
// in their place where it comes again.
func readCrates(tree io.Reader, checksums map[string]string) (map[string]*crate, error) {
	crates := map[string]*crate{}
	var way []*crate
	for lines := bufio.NewScanner(tree); lines.Scan(); {
		line := strings.TrimSuffix(strings.TrimSpace(lines.Text()), " (*)")
		if line == "" {
			continue
		}
		parts := strings.Split(line, "|")
		if len(parts) != 4 {
			return nil, fmt.Errorf("cargo tree says %q, which is not what it was asked for", line)
		}
		depth, err := strconv.Atoi(parts[0])
		if err != nil || depth > len(way) {
			return nil, fmt.Errorf("cargo tree says %q, which is at no depth", line)
		}
		name, version, found := strings.Cut(parts[1], " v")
		if !found {
			return nil, fmt.Errorf("cargo tree says %q, which is no crate", line)
		}
		// Behind the version comes where a crate of ours lies.
		version, _, _ = strings.Cut(version, " ")
		id := name + "@" + version
		checksum, locked := checksums[id]
		if !locked {
			return nil, fmt.Errorf("%s is not in Cargo.lock", id)
		}
		known, seen := crates[id]
		if !seen {
			known = &crate{
				name: name, version: version, checksum: checksum, repository: parts[3],
				// What crates said before SPDX had expressions.
				licence: strings.Join(strings.Fields(strings.ReplaceAll(parts[2], "/", " OR ")), " "),
			}
			crates[id] = known
		}
		way = append(way[:depth], known)
		if depth > 0 {
			above := way[depth-1]
			if !slices.Contains(above.needs, id) {
				above.needs = append(above.needs, id)
			}
		}
	}
	for _, crate := range crates {
		if crate.licence == "" {
			return nil, fmt.Errorf("%s says no licence", crate.id())
		}
		slices.Sort(crate.needs)
	}
	if len(crates) == 0 {
		return nil, fmt.Errorf("cargo tree says nothing")
	}
	return crates, nil
}

// readLock gives the checksum of each crate of Cargo.lock, which ours are in without one.
func readLock(path string) (map[string]string, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var lock struct {
		Package []struct{ Name, Version, Checksum string }
	}
	if err := toml.Unmarshal(content, &lock); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	checksums := map[string]string{}
	for _, locked := range lock.Package {
		checksums[locked.Name+"@"+locked.Version] = locked.Checksum
	}
	return checksums, nil
}
