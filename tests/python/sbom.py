"""Reads each SBOM given (SPDX or CycloneDX, as JSON) with a library that did not write it, and prints by its path what is wrong with it
by the standard's own rules, and what it lists: name, version, licence and SHA-256 by package URL, or by name where there is none.
"""

import json
import sys

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL
from spdx_tools.spdx.model import ExternalPackageRefCategory
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document


def listed(name, version, licence, sha256, purl):
    if purl:
        PackageURL.from_string(purl)
    return purl or name, {"name": name, "version": version, "licence": licence, "sha256": sha256}


def cyclonedx(text):
    found = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    bom = json.loads(text)
    problems = [] if found is None else [str(found)]
    parts = [bom["metadata"]["component"], *bom["components"]]
    known = {part["bom-ref"] for part in parts}
    for dependency in bom["dependencies"]:
        for ref in [dependency["ref"], *dependency.get("dependsOn", [])]:
            if ref not in known:
                problems.append(f"{ref} is referred to and not listed")
    packages = dict(
        listed(
            part["name"],
            part["version"],
            part["licenses"][0]["expression"],
            next((hash["content"] for hash in part.get("hashes", [])), None),
            part.get("purl"),
        )
        for part in parts
    )
    return problems, packages, len(parts)


def spdx(path):
    document = parse_file(path)
    problems = [message.validation_message for message in validate_full_spdx_document(document)]
    packages = dict(
        listed(
            package.name,
            package.version,
            str(package.license_declared),
            next((checksum.value for checksum in package.checksums), None),
            next(
                (
                    reference.locator
                    for reference in package.external_references
                    if reference.category == ExternalPackageRefCategory.PACKAGE_MANAGER
                ),
                None,
            ),
        )
        for package in document.packages
    )
    return problems, packages, len(document.packages)


def main():
    answers = {}
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8") as file:
            text = file.read()
        problems, packages, parts = spdx(path) if "spdxVersion" in json.loads(text) else cyclonedx(text)
        if len(packages) != parts:
            problems.append("two of its packages have one name")
        answers[path] = {"problems": problems, "packages": packages}
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
