"""Puts the pages where mdBook wants them: stage.py <repository> <directory>.

Pages stay where people find them in the repository: docs/ and a few at the root. mdBook wants them all below one directory, so they are
copied there, and links that lead out of docs/ are made to lead to the copy, or to the repository if the book does not have it.
"""

import pathlib
import posixpath
import re
import shutil
import sys

REPOSITORY = "https://github.com/irsa-anywhere/irsa-anywhere"
# Pages outside of docs/, and their names in the book.
OUTSIDE = {
    "README.md": "project.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "charts/irsa-anywhere/README.md": "helm.md",
    "deploy/README.md": "deploy.md",
}
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"(`+)[^`].*?\1", re.DOTALL)


def in_book(path):
    """The place of a file of the repository in the book, or None."""
    if path in OUTSIDE:
        return OUTSIDE[path]
    if not path.startswith("docs/"):
        return None
    directory, name = posixpath.split(path.removeprefix("docs/"))
    # mdBook makes index.html of README.md, but leaves links to it as they are.
    return posixpath.join(directory, "index.md" if name == "README.md" else name)


def rewritten(repository, page, target):
    """A link of a page, as the copy of the page has to say it."""
    if re.match(r"[a-z]+:", target) or target.startswith("#"):
        return target
    path, mark, anchor = target.partition("#")
    path = posixpath.normpath(posixpath.join(posixpath.dirname(page), path))
    found = repository / path
    if path.startswith("..") or not found.exists():
        raise SystemExit(f"stage.py: {page}: there is no {target}")
    place = in_book(path)
    # The list of pages is no page.
    if place in (None, "SUMMARY.md") or found.is_dir():
        return f"{REPOSITORY}/{'tree' if found.is_dir() else 'blob'}/main/{path}{mark}{anchor}"
    return posixpath.relpath(place, posixpath.dirname(in_book(page)) or ".") + mark + anchor


def stage_page(repository, page):
    """The text of a page for the book. Code stays as it is."""
    lines, prose, text = [], [], (repository / page).read_text(encoding="utf-8")

    def end_prose():
        joined = "\n".join(prose)
        code = [match.span() for match in CODE.finditer(joined)]

        def link(match):
            if any(begin <= match.start() < end for begin, end in code):
                return match.group(0)
            return f"]({rewritten(repository, page, match.group(1))})"

        if prose:
            lines.append(LINK.sub(link, joined))
        prose.clear()

    fenced = False
    for line in text.split("\n"):
        fence = line.lstrip().startswith("```")
        if fence or fenced:
            end_prose()
            lines.append(line)
        else:
            prose.append(line)
        fenced ^= fence
    end_prose()
    return "\n".join(lines)


def stage(repository, directory):
    """Makes <directory>/src and book.toml anew."""
    shutil.rmtree(directory, ignore_errors=True)
    source = directory / "src"
    files = [str(path.relative_to(repository)) for path in (repository / "docs").rglob("*") if path.is_file()]
    for file in sorted(files + list(OUTSIDE)):
        copy = source / in_book(file)
        copy.parent.mkdir(parents=True, exist_ok=True)
        if file.endswith(".md"):
            copy.write_text(stage_page(repository, file), encoding="utf-8")
        else:
            shutil.copyfile(repository / file, copy)
    shutil.copyfile(repository / "hack/site/book.toml", directory / "book.toml")


if __name__ == "__main__":
    stage(pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]))
