// Makes the image: an OCI layout, and an archive of it that `docker load` takes as well, without a container engine. The same binaries
// and the same commit give the same bytes.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "image: %v\n", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	var made source
	flags := flag.NewFlagSet("image", flag.ContinueOnError)
	flags.StringVar(&made.targetDirectory, "target-directory", "", "Cargo's target `directory`, with the binaries of each platform")
	flags.StringVar(&made.rootsFile, "roots", "", "PEM `file` of the certificate authorities")
	flags.StringVar(&made.version, "version", "", "version, as in Cargo.toml")
	flags.StringVar(&made.revision, "revision", "", "commit that it is made of")
	epoch := flags.Int64("created", 0, "time of that commit, in `seconds` since 1970")
	wanted := flags.String("platforms", "linux/amd64,linux/arm64", "what it is for")
	name := flags.String("name", "", "name of the image, without a tag")
	layoutDirectory := flags.String("layout", "", "`directory` of the OCI layout that is written")
	archive := flags.String("archive", "", "`file` that the layout is packed into")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	var lacking error
	flags.VisitAll(func(option *flag.Flag) {
		if value := option.Value.String(); value == "" || value == "0" {
			lacking = fmt.Errorf("-%s is needed: %s", option.Name, option.Usage)
		}
	})
	if lacking != nil {
		return lacking
	}
	made.created = time.Unix(*epoch, 0).UTC()

	var platforms []platform
	for text := range strings.SplitSeq(*wanted, ",") {
		platform, err := parsePlatform(text)
		if err != nil {
			return err
		}
		platforms = append(platforms, platform)
	}
	index, err := made.index(platforms)
	if err != nil {
		return err
	}
	tag := "v" + made.version
	if err := writeLayout(*layoutDirectory, tag, index); err != nil {
		return err
	}
	if err := writeArchive(*archive, *layoutDirectory, *name, tag, index, made.created); err != nil {
		return err
	}
	digest, err := index.Digest()
	if err != nil {
		return err
	}
	fmt.Printf("%s:%s@%s\n", *name, tag, digest)
	return nil
}
