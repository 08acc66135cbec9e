package main

import (
	"fmt"
	"io"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// writeCycloneDX writes CycloneDX 1.6.
func (c *content) writeCycloneDX(out io.Writer) error {
	image := c.parts[0].component()
	var components []cdx.Component
	var dependencies []cdx.Dependency
	for position, part := range c.parts {
		if position > 0 {
			components = append(components, part.component())
		}
		needs := part.needs
		dependencies = append(dependencies, cdx.Dependency{Ref: part.id, Dependencies: &needs})
	}
	bom := cdx.NewBOM()
	bom.SerialNumber = "urn:uuid:" + c.uuid()
	bom.Metadata = &cdx.Metadata{Timestamp: c.created.Format(time.RFC3339), Component: &image}
	bom.Components = &components
	bom.Dependencies = &dependencies
	return cdx.NewBOMEncoder(out, cdx.BOMFileFormatJSON).SetPretty(true).SetEscapeHTML(false).EncodeVersion(bom, cdx.SpecVersion1_6)
}

func (p part) component() cdx.Component {
	component := cdx.Component{
		BOMRef: p.id, Name: p.name, Version: p.version, Description: p.description, PackageURL: p.purl, CPE: p.cpe,
		Type: map[kind]cdx.ComponentType{
			container: cdx.ComponentTypeContainer, program: cdx.ComponentTypeApplication, library: cdx.ComponentTypeLibrary, data: cdx.ComponentTypeData,
		}[p.kind],
		Licenses: &cdx.Licenses{{Expression: p.licence}},
	}
	if p.sha256 != "" {
		component.Hashes = &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: p.sha256}}
	}
	if p.repository != "" {
		component.ExternalReferences = &[]cdx.ExternalReference{{Type: cdx.ERTypeVCS, URL: p.repository}}
	}
	return component
}

// uuid is made of the image's digest (version 8 of RFC 9562): the same image has the same SBOM.
func (c *content) uuid() string {
	hex := c.digest.Hex
	return fmt.Sprintf("%s-%s-8%s-8%s-%s", hex[:8], hex[8:12], hex[13:16], hex[17:20], hex[20:32])
}
