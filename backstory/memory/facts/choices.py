"""Names of things of which one is chosen in the place of another: databases, editors, browsers.

Rule: a name stands in one list only, and what is in none is of no kind. Names are compared by the stems of their words. In front of each
list stands what its things are called.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache

from backstory.memory.text import stem

_KINDS = (
    "database: postgres postgresql mysql mariadb sqlite mongodb mongo oracle mssql cockroachdb dynamodb cassandra duckdb"
    " firebase supabase couchdb",
    "broker queue: kafka rabbitmq nats sqs pulsar activemq redpanda",
    "cache: redis memcached valkey dragonfly keydb",
    "frontend framework: react vue svelte angular solid preact htmx",
    "cloud host hosting provider: aws gcp azure hetzner digitalocean heroku vercel netlify render fly cloudflare linode ovh",
    "package manager: npm yarn pnpm bun",
    "test runner framework: pytest unittest nose jest vitest mocha",
    "web framework backend: fastapi flask django starlette express nestjs rails laravel spring",
    "programming language: python go golang rust java kotlin typescript javascript ruby elixir swift",
    "editor ide: vim neovim emacs vscode vs+code intellij pycharm sublime nano cursor zed",
    "forge repository: github gitlab bitbucket gitea",
    "container orchestration: docker podman kubernetes nomad",
    "auth authentication: jwt cookies sessions oauth saml",
    "api style: rest graphql grpc",
    "chat messenger: slack teams discord zulip mattermost",
    "package manager python: uv pip poetry pipenv conda",
    "ci pipeline: jenkins github+actions gitlab+ci circleci travis+ci travis buildkite teamcity drone bamboo",
    "issue tracker: jira linear asana trello youtrack clickup",
    "browser: chrome firefox safari brave edge vivaldi",
    "os operating system platform: linux windows macos ubuntu debian fedora arch nixos",
    "shell terminal: bash zsh fish powershell",
    "infrastructure iac provisioning: terraform pulumi ansible cloudformation opentofu",
    "monitoring observability: datadog grafana prometheus newrelic splunk honeycomb",
    "search engine: elasticsearch opensearch meilisearch typesense solr algolia",
    "bundler: webpack vite rollup esbuild parcel turbopack",
    "linter: eslint biome ruff flake8 pylint",
    "orm: sqlalchemy prisma drizzle typeorm hibernate",
    "payment provider: stripe paypal adyen braintree",
    "notes: notion obsidian evernote onenote roam logseq",
    "design tool: figma sketch",
    "phone mobile: iphone android pixel",
    "llm model provider: openai anthropic gemini mistral ollama",
)
_MOST_WORDS = 3
_WRITTEN = re.compile(r"[a-z][A-Z]|[A-Za-z]\d|\w\.[a-z]\w")
"""A name with a capital, a digit or a point inside, as only things that people make have them."""


def kind_of(terms: Sequence[str]) -> int | None:
    """Of what kind a thing with these stems is, None for none that is known. Two words that are one name come first."""
    single, double = _by_name()
    for (first, second), kind in double.items():
        if first in terms and second in terms:
            return kind
    return next((single[term] for term in terms if term in single), None)


def is_choice(name: str) -> bool:
    """Whether this is the name of such a thing: of a known kind and with no other words, or plainly written as one."""
    return is_known(name) or (0 < len(name.split()) <= _MOST_WORDS and _WRITTEN.search(name) is not None)


def is_known(name: str) -> bool:
    """Whether this names a thing of a known kind and nothing else: "B12", which is plainly a name, may as well be a gate."""
    said = name.lower().split()
    stems = tuple(stem(word) for word in said if not word[:1].isdigit())
    single, double = _by_name()
    return len(said) <= _MOST_WORDS and bool(stems) and (stems in double or all(one in single for one in stems))


def called(term: str) -> frozenset[int]:
    """The kinds of things that are called by a word with this stem: "database"."""
    return _by_call().get(term, frozenset())


@cache
def _by_call() -> Mapping[str, frozenset[int]]:
    found: dict[str, frozenset[int]] = {}
    for kind, row in enumerate(_KINDS):
        for word in row.partition(": ")[0].split():
            found[stem(word)] = found.get(stem(word), frozenset()) | {kind}
    return found


@cache
def _by_name() -> tuple[Mapping[str, int], Mapping[tuple[str, ...], int]]:
    single: dict[str, int] = {}
    double: dict[tuple[str, ...], int] = {}
    for kind, row in enumerate(_KINDS):
        for name in row.partition(": ")[2].split():
            stems = tuple(stem(word) for word in name.split("+"))
            if len(stems) == 1:
                single[stems[0]] = kind
            else:
                double[stems] = kind
    return single, double
