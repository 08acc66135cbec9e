package main

import (
	"io"
	"regexp"
	"time"

	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx/v2/common"
	spdx "github.com/spdx/tools-golang/spdx/v2/v2_3"
)

const noAssertion = "NOASSERTION"

var notInIdentifiers = regexp.MustCompile(`[^a-zA-Z0-9.-]`)

// writeSPDX writes SPDX 2.3.
func (c *content) writeSPDX(out io.Writer) error {
	image := c.parts[0]
	document := &spdx.Document{
		SPDXVersion:    spdx.Version,
		DataLicense:    spdx.DataLicense,
		SPDXIdentifier: "DOCUMENT",
		DocumentName:   image.name + "-" + image.version,
		// It need not lead anywhere, only be this document's alone.
		DocumentNamespace: image.repository + "/sbom/" + c.uuid(),
		CreationInfo: &spdx.CreationInfo{
			Creators: []common.Creator{{CreatorType: "Organization", Creator: "irsa-anywhere"}, {CreatorType: "Tool", Creator: "irsa-anywhere-hack-image"}},
			Created:  c.created.Format(time.RFC3339),
		},
		Relationships: []*spdx.Relationship{relation("DOCUMENT", common.TypeRelationshipDescribe, identifier(image.id))},
	}
	for _, part := range c.parts {
		document.Packages = append(document.Packages, part.spdxPackage())
		for _, need := range part.needs {
			kind := common.TypeRelationshipDependsOn
			switch part.kind {
			case container:
				kind = common.TypeRelationshipContains
			case program:
				kind = common.TypeRelationshipStaticLink
			case library, data:
			}
			document.Relationships = append(document.Relationships, relation(identifier(part.id), kind, identifier(need)))
		}
	}
	return spdxjson.Write(document, out, spdxjson.Indent("  "), spdxjson.EscapeHTML(false))
}

func (p part) spdxPackage() *spdx.Package {
	described := &spdx.Package{
		PackageName:             p.name,
		PackageSPDXIdentifier:   identifier(p.id),
		PackageVersion:          p.version,
		PackageDescription:      p.description,
		PackageDownloadLocation: noAssertion,
		PackageLicenseDeclared:  p.licence,
		// Nobody has read the sources of all of it.
		PackageLicenseConcluded: noAssertion,
		PackageCopyrightText:    noAssertion,
		PackageSourceInfo:       p.repository,
		PrimaryPackagePurpose: map[kind]string{
			container: "CONTAINER", program: "APPLICATION", library: "LIBRARY", data: "FILE",
		}[p.kind],
	}
	if p.sha256 != "" {
		described.PackageChecksums = []common.Checksum{{Algorithm: common.SHA256, Value: p.sha256}}
	}
	if p.purl != "" {
		described.PackageExternalReferences = append(described.PackageExternalReferences, &spdx.PackageExternalReference{
			Category: common.CategoryPackageManager, RefType: common.TypePackageManagerPURL, Locator: p.purl,
		})
	}
	if p.cpe != "" {
		described.PackageExternalReferences = append(described.PackageExternalReferences, &spdx.PackageExternalReference{
			Category: common.CategorySecurity, RefType: common.TypeSecurityCPE23Type, Locator: p.cpe,
		})
	}
	return described
}

func identifier(id string) common.ElementID {
	return common.ElementID(notInIdentifiers.ReplaceAllString(id, "-"))
}

func relation(from common.ElementID, kind string, to common.ElementID) *spdx.Relationship {
	return &spdx.Relationship{RefA: common.DocElementID{ElementRefID: from}, Relationship: kind, RefB: common.DocElementID{ElementRefID: to}}
}
