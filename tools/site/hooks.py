"""Hooks of MkDocs: the generated pages of the reference, and links from pages to files of the repository."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

import site_pages as pages  # of this folder, which MkDocs puts on the path for its hooks
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r"(?<=\]\()\.\./[^)#\s]+")
"""The target of a Markdown link that may lead out of docs/."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Fill the empty sections of the navigation with the generated pages that belong there."""
    sections = {
        "Configuration files": [{path: page_of(path)} for path in pages.CONFIGURATION],
        "Python API": [{name: pages.api_page(name)} for name in pages.api_packages(ROOT)],
        "Model cards": [{Path(path).stem: page_of(path)} for path in pages.cards(ROOT)],
    }
    for top in config.nav or []:
        for entry in next(iter(top.values())):
            if isinstance(entry, dict) and (title := next(iter(entry))) in sections:
                entry[title] = sections[title]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are generated, and the repository's files that pages link to."""
    generated = {
        "reference/messages.md": pages.messages(ROOT),
        "reference/commands.md": pages.commands(),
        "reference/parameters.md": pages.parameters(),
    }
    generated |= {page_of(path): pages.listing(ROOT, path) for path in pages.CONFIGURATION}
    generated |= {page_of(path): pages.card(ROOT, path) for path in pages.cards(ROOT)}
    generated |= {pages.api_page(name): pages.api(ROOT, name) for name in pages.api_packages(ROOT)}
    for name, text in generated.items():
        files.append(File.generated(config, name, content=text))
    for path in pages.pictures(ROOT):
        files.append(File.generated(config, f"repository/{path}", abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: object) -> str:
    """Lead links out of docs/ to the pages that show those files; MkDocs warns where there is no such page."""
    source = page.file.src_uri
    markdown = markdown.replace("] [m]", "] \\[m]")  # a unit, which Markdown takes for the name of a link
    if page.file.generated_by:
        return markdown
    markdown = markdown.replace("<details>", "<details markdown>")  # GitHub reads tables in there without being told

    def replaced(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join("docs", posixpath.dirname(source), link[0]))
        if target.startswith("docs/"):
            return link[0]
        return posixpath.relpath(page_of(target), posixpath.dirname(source) or ".")

    return LINK.sub(replaced, markdown)


def page_of(path: str) -> str:
    """Return the page that shows a file of the repository: repository/config/rig.yaml.md of config/rig.yaml."""
    return f"repository/{path}" if path.endswith(".md") else f"repository/{path}.md"
