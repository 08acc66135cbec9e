"""Checks the built site as a browser would meet it, without the network: check.py <directory>.

Every link to the site itself leads to a file that is there, and where it has an anchor to an element that has this id; no id is there twice
on a page; every image has a text; a page with a diagram has the script that draws it, and none shows its source. Links to elsewhere are listed in <directory>/external-links.txt and not fetched.
"""

import html.parser
import pathlib
import sys
import urllib.parse
import xml.etree.ElementTree

# Elements that lead somewhere, and by which attribute.
LEADS = {"a": "href", "link": "href", "img": "src", "script": "src", "iframe": "src", "source": "src"}


class Page(html.parser.HTMLParser):
    """What a page has and where it leads."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.problems, self.base = set(), [], [], None
        self.diagrams, self.scripts = 0, []
        self.feed(text)
        self.close()
        if self.diagrams and not any("mermaid" in script and script.endswith(".min.js") for script in self.scripts):
            self.problems.append("nothing draws its diagrams")

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "base":
            self.base = attributes.get("href")
        anchor = attributes.get("id")
        if anchor is not None:
            if anchor in self.ids:
                self.problems.append(f"the id {anchor} is there twice")
            self.ids.add(anchor)
        if tag == "a" and attributes.get("name"):
            self.ids.add(attributes["name"])
        if tag == "img" and not attributes.get("alt", "").strip():
            self.problems.append(f"the image {attributes.get('src')} has no text")
        classes = (attributes.get("class") or "").split()
        if tag == "code" and "language-mermaid" in classes:
            self.problems.append("a diagram is shown as its source")
        self.diagrams += tag == "pre" and "mermaid" in classes
        if tag == "script" and attributes.get("src"):
            self.scripts.append(attributes["src"])
        lead = attributes.get(LEADS.get(tag, ""))
        if lead is not None:
            self.links.append(lead)

    handle_startendtag = handle_starttag


def check(directory):
    """Problems, links to the site itself, links to elsewhere."""
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in sorted(directory.rglob("*.html"))}
    problems, inside, outside = [], 0, set()
    for path, page in pages.items():
        name = path.relative_to(directory)
        problems += [f"{name}: {problem}" for problem in page.problems]
        for link in page.links:
            target = urllib.parse.urlsplit(link)
            if target.scheme in ("http", "https", "mailto"):
                outside.add(link)
                continue
            if target.scheme or target.netloc:
                problems.append(f"{name}: {link} is no link of a page")
                continue
            inside += 1
            file = path
            if target.path:
                begin = directory if page.base == "/" or target.path.startswith("/") else path.parent
                file = (begin / urllib.parse.unquote(target.path).lstrip("/")).resolve()
                file = file / "index.html" if file.is_dir() else file
            if directory not in file.parents or not file.is_file():
                problems.append(f"{name}: {link} leads nowhere")
            elif target.fragment and file.suffix == ".html":
                if urllib.parse.unquote(target.fragment) not in pages[file].ids:
                    problems.append(f"{name}: {link}: nothing there has this id")
            elif file.suffix == ".md":
                problems.append(f"{name}: {link} leads to the source of a page")
    for path in sorted(directory.rglob("*.svg")):
        try:
            xml.etree.ElementTree.parse(path)
        except xml.etree.ElementTree.ParseError as error:
            problems.append(f"{path.relative_to(directory)}: {error}")
    return pages, problems, inside, outside


def main(directory):
    pages, problems, inside, outside = check(directory)
    (directory / "external-links.txt").write_text("".join(f"{link}\n" for link in sorted(outside)), encoding="utf-8")
    for problem in problems:
        print(f"site: {problem}", file=sys.stderr)
    print(f"site: {len(pages)} pages, {sum(page.diagrams for page in pages.values())} diagrams, {inside} links among them, {len(outside)} to elsewhere, {len(problems)} problems")
    return 1 if problems or not inside else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]).resolve()))
