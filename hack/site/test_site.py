"""That stage.py and check.py find what they are for: python3 -m unittest discover -s hack/site."""

import pathlib
import tempfile
import unittest

import check
import stage


class Stage(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = pathlib.Path(directory.name)
        for file in ["docs/a.md", "docs/runbooks/b.md", "docs/p.json", "docs/README.md", "docs/SUMMARY.md", "docs/runbooks/README.md", "README.md", "config/rules.yaml", "config/x/y"]:
            (self.root / file).parent.mkdir(parents=True, exist_ok=True)
            (self.root / file).write_text("", encoding="utf-8")

    def test_links_lead_to_the_book_or_to_the_repository(self):
        blob = f"{stage.REPOSITORY}/blob/main"
        for page, link, expected in [
            ("docs/runbooks/b.md", "../a.md#x", "../a.md#x"),
            ("docs/runbooks/b.md", "../../README.md#x", "../project.md#x"),
            ("docs/a.md", "../config/rules.yaml", f"{blob}/config/rules.yaml"),
            ("docs/a.md", "../config/x", f"{stage.REPOSITORY}/tree/main/config/x"),
            ("README.md", "docs/a.md", "a.md"),
            ("docs/a.md", "runbooks/README.md#x", "runbooks/index.md#x"),
            ("docs/runbooks/b.md", "../README.md", "../index.md"),
            ("README.md", "docs/SUMMARY.md", f"{blob}/docs/SUMMARY.md"),
            ("docs/a.md", "p.json", "p.json"),
            ("docs/a.md", "#x", "#x"),
            ("docs/a.md", "https://example.com/a.md", "https://example.com/a.md"),
        ]:
            self.assertEqual(stage.rewritten(self.root, page, link), expected)

    def test_code_stays_as_it_is_and_a_link_to_nowhere_is_refused(self):
        text = "[a](../README.md)\n```\n[b](../README.md)\n```\nwith `[c](../README.md)` and [d\ne](../README.md)\n"
        (self.root / "docs/a.md").write_text(text, encoding="utf-8")
        staged = stage.stage_page(self.root, "docs/a.md")
        self.assertEqual(staged, text.replace("[a](../README.md)", "[a](project.md)").replace("e](../README.md)", "e](project.md)"))
        for link in ["nowhere.md", "../../outside.md"]:
            with self.assertRaises(SystemExit):
                stage.rewritten(self.root, "docs/a.md", link)


class Check(unittest.TestCase):
    def problems(self, text):
        with tempfile.TemporaryDirectory() as name:
            root = pathlib.Path(name).resolve()
            (root / "sub").mkdir()
            (root / "mermaid-1.min.js").touch()
            (root / "there.html").write_text('<p id="here">', encoding="utf-8")
            (root / "sub/page.html").write_text(text, encoding="utf-8")
            return check.check(root)[1]

    def test_what_is_right_is_no_problem(self):
        for text in ['<b><b><a href="../there.html#here">', '<a href="#x"><b id="x">', '<a href="/there.html">', '<a href="https://example.com/#x">', '<pre class="mermaid"></pre><script src="../mermaid-1.min.js">']:
            self.assertEqual(self.problems(text), [])

    def test_what_is_broken_is_found(self):
        for text in [
            '<a href="there.html">',
            '<a href="../there.html#nowhere">',
            '<a href="#nowhere">',
            '<a href="../../outside.html">',
            '<a href="javascript:x">',
            '<img src="../there.html">',
            '<p id="x"><p id="x">',
            '<a href="../README.md">',
            '<pre><code class="language-mermaid">',
            '<pre class="mermaid">',
        ]:
            self.assertEqual(len(self.problems(text)), 1, text)


if __name__ == "__main__":
    unittest.main()
