"""Settings: which source wins, and what is told about a wrong one."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.config import Config, OutboundProxies, describe, effective, mask
from backstory.errors import ConfigError


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """An environment with nothing in it but a home."""
    return {"HOME": str(tmp_path / "home")}


def write(folder: Path, text: str, name: str = "backstory.yaml") -> Path:
    """A settings file in this folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(text)
    return path


def refused(text: str, tmp_path: Path, home: dict[str, str]) -> str:
    """What is said about a file with this text."""
    write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        Config.load(environ=home, cwd=tmp_path)
    return str(caught.value)


def test_defaults_need_no_source(tmp_path: Path, home: dict[str, str]) -> None:
    config = Config.load(environ=home, cwd=tmp_path)
    assert (config.proxy.host, config.proxy.port) == ("127.0.0.1", 5757)
    assert config.compaction.context_window == 120_000
    assert config.marker == "auto"
    assert config.storage.url.startswith("sqlite:///")
    assert config.storage.url.endswith("backstory/backstory.db")
    assert [(it.host, it.port, it.config) for it in config.listeners] == [("127.0.0.1", 5757, None)]


def test_command_line_wins_over_environment_over_file(tmp_path: Path, home: dict[str, str]) -> None:
    write(tmp_path, "proxy:\n  port: 1\nrecall:\n  budget_tokens: 1\nmarker: never\n")
    environ = home | {"BACKSTORY_PROXY__PORT": "2", "BACKSTORY_RECALL__BUDGET_TOKENS": "2"}
    config = Config.load({"proxy.port": "3"}, environ, tmp_path)
    assert (config.proxy.port, config.recall.budget_tokens, config.marker) == (3, 2, "never")
    sources = {it.key: it.source for it in effective({"proxy.port": "3"}, environ, tmp_path)}
    assert sources["proxy.port"] == "command line"
    assert sources["recall.budget_tokens"] == "environment BACKSTORY_RECALL__BUDGET_TOKENS"
    assert sources["marker"] == f"{tmp_path / 'backstory.yaml'}, line 5"
    assert sources["log.level"] == "default"


def test_file_is_found_upward_then_in_the_users_folder(tmp_path: Path, home: dict[str, str]) -> None:
    write(Path(home["HOME"]) / ".config" / "backstory", "proxy: {port: 7}", "backstory.yml")
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    assert Config.load(environ=home, cwd=below).proxy.port == 7
    write(tmp_path, "proxy: {port: 8}")
    assert Config.load(environ=home, cwd=below).proxy.port == 8
    named = write(tmp_path / "other", "proxy: {port: 9}", "mine.yaml")
    assert Config.load({"config": str(named)}, home, below).proxy.port == 9


def test_an_empty_file_and_empty_sections_are_fine(tmp_path: Path, home: dict[str, str]) -> None:
    write(tmp_path, "# nothing yet\n")
    assert Config.load(environ=home, cwd=tmp_path).proxy.port == 5757
    write(tmp_path, "recall:\nproxy:\n  port: 4\n")
    assert Config.load(environ=home, cwd=tmp_path).proxy.port == 4


def test_predecessors_variables_count_below_our_own(tmp_path: Path, home: dict[str, str]) -> None:
    environ = home | {"PROXY_HOST": "0.0.0.0", "PROXY_PORT": "6000", "DATABASE_URL": "sqlite:////tmp/x.db"}
    config = Config.load(environ=environ, cwd=tmp_path)
    assert (config.proxy.host, config.proxy.port, config.storage.url) == ("0.0.0.0", 6000, "sqlite:////tmp/x.db")
    assert Config.load(environ=environ | {"BACKSTORY_PROXY__PORT": "6001"}, cwd=tmp_path).proxy.port == 6001


def test_predecessors_keys_work(tmp_path: Path, home: dict[str, str]) -> None:
    write(tmp_path, "context_window: 9000\nmemory:\n  reward_profile: COST_FOCUSED\n")
    config = Config.load(environ=home, cwd=tmp_path)
    assert (config.compaction.context_window, config.memory.reward_profile) == (9000, "COST")
    assert Config.load(environ=home | {"BACKSTORY_CONTEXT_WINDOW": "8000"}, cwd=tmp_path).compaction.context_window == 8000


def test_unknown_key_names_line_and_nearest(tmp_path: Path, home: dict[str, str]) -> None:
    said = refused("proxy:\n  port: 1\nrecall:\n  # more\n  budget_token: 3\n", tmp_path, home)
    assert "backstory.yaml, line 5: recall.budget_token: no such setting; did you mean recall.budget_tokens?" in said
    assert "budget_tokens, deadline_ms, min_score" in said


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("proxy:\n  port: hello\n", "line 2: proxy.port: expected a whole number from 0 to 65535, got 'hello'"),
        ("proxy:\n  port: 70000\n", "line 2: proxy.port: expected a whole number from 0 to 65535, got 70000"),
        ("marker: off\n", "line 1: marker: expected one of auto, always, never, got False"),
        ("memory:\n  enabled: 7\n", "line 2: memory.enabled: expected true or false, got 7"),
        ("log: loud\n", "line 1: log: expected a section with the keys level, format"),
        ("port: 5757\n", "line 1: port: no such setting; did you mean proxy.port?"),
        ("redis_url: redis://x\n", "line 1: redis_url: a shared cache is not available in this version"),
        ("memory:\n  decay: 1.5\n", "line 2: memory.decay: expected a number from 0 to 1, got 1.5"),
        ("memory:\n  min_importance: much\n", "line 2: memory.min_importance: expected a number from 0 to 1"),
        (
            "providers:\n  groq: {}\n  work:\n    kind: opnai\n",
            "line 4: providers.work.kind: no kind 'opnai'; did you mean openai? (kind is one of openai,",
        ),
        ("providers:\n  gw: {kind: openai_compatible}\n", "line 2: providers.gw: the kind openai_compatible needs url"),
        (
            "providers:\n  my-gw:\n    kind: groq\n    keys: 3\n",
            "line 4: providers.my-gw.keys: no such setting (there are kind, url, wire,",
        ),
        (
            "providers:\n  groq:\n    wire: gemni\n",
            "line 3: providers.groq.wire: expected one of anthropic, openai_chat, openai_responses, gemini",
        ),
        ("providers:\n  groq:\n    auth: keys\n", "line 3: providers.groq.auth: expected one of client, key, none, oauth_refresh,"),
        ("providers:\n  groq:\n    wire: gemini\n", "line 3: providers.groq.wire: Groq speaks openai_chat; any other wire needs a url"),
        ("providers:\n  groq: {api_key_env: sk-1}\n", "line 2: providers.groq.api_key_env: the name of a variable in which the key stands"),
        (
            "providers:\n  groq: {auth: oauth_client}\n",
            "providers.groq.auth: auth oauth_client needs token_url, client_id, client_secret_env",
        ),
        ("providers: [groq]\n", "line 1: providers: expected names, each with {kind,"),
        (
            "model_aliases:\n  - pattern: x\n    replacement: 'opnai:x'\n",
            "line 3: model_aliases[0].replacement: no provider 'opnai'; did you mean openai? (there are anthropic, gemini, openai)",
        ),
        ("model_aliases:\n  - {pattern: '(', replacement: 'openai:x'}\n", "line 2: model_aliases[0].pattern: no regular expression"),
        ("routing:\n  static: 'openai:x|'\n", "line 2: routing.static: a backend and model are missing (at the end of 'openai:x|')"),
        ("routing:\n  gemini: gpt-4o\n", "line 2: routing.gemini: a selector in the settings names a provider: provider:model"),
        ("routing:\n  disabled: [opena]\n", "line 2: routing.disabled: no provider 'opena'; did you mean openai?"),
        ("memory:\n  scope: world\n", "line 2: memory.scope: expected one of conversation, project, principal"),
        (
            "storage:\n  url: postgresql://u:secret@h\n",
            "line 2: storage.url: expected text, got 'postgresql://u:***@h' (the name of one database stands behind the host: postgresql://",
        ),
        ("storage:\n  url: postgresql://u:p@h:many/d\n", "(the port is a number from 1 to 65535 (spell / ? # @ in a password as %2F %3F"),
        ("storage:\n  url: postgresql:h/d\n", "(a PostgreSQL URL is postgresql://USER:PASSWORD@HOST:PORT/DATABASE)"),
        ("storage:\n  url: postgresql://h/a/b\n", "(the name of one database stands behind the host"),
        ("storage:\n  url: postgresql:///d\n", "(it names no host (a socket's folder may be given as ?host=/FOLDER)"),
        ("storage:\n  url: postgresql://h/d?sslmod=require\n", "(?sslmod: known are host, port, sslmode"),
        ("storage:\n  url: postgresql://h/d?sslmode=on\n", "(?sslmode is one of disable, allow, prefer, require"),
        ("storage:\n  url: postgresql://u:p#w@h/d\n", "(there is a # in it: spell that %23)"),
        ("storage:\n  url: mysql://h\n", "a storage URL is sqlite:///PATH"),
        ("upstream:\n  url: api.openai.com\n", "line 2: upstream.url: expected text, got 'api.openai.com' (a URL is http:// or https://"),
        (
            "upstream:\n  url: http://me:hush@h\n",
            "got 'http://me:***@h' (a URL is http:// or https:// with a host, without a query or credentials)",
        ),
        ("upstream:\n  ca_file: nowhere.pem\n", "there is no such file"),
        (
            "upstream:\n  url: https://h:99999/v1\n",
            "line 2: upstream.url: expected text, got 'https://h:99999/v1' (its host or its port cannot",
        ),
        ("upstream:\n  url: http://[::1\n", "(its host or its port cannot be read)"),
        ("upstream:\n  url: http://:80\n", "(its host or its port cannot be read)"),
        ("upstream:\n  proxy: http://me:hush@h:many\n", "got 'http://me:***@h:many' (its host or its port cannot be read)"),
        ("upstream:\n  url: https://h/?api_key=sk-1&x=2\n", "got 'https://h/?api_key=***&x=2' (a URL is http:// or https:// with a host"),
        ("upstream:\n  client_key: backstory.yaml\n", "line 2: upstream.client_key: there is no upstream.client_cert that it belongs to"),
        ("storage:\n  url: 'sqlite:///:memory:'\n", "(a SQLite database is a file here"),
        ("compaction:\n  soft_threshold: 0.9\n", "compaction.soft_threshold (0.9) is above compaction.hard_threshold (0.85)"),
        ("marker: never\nmarker: always\n", "line 2: marker: stands here twice"),
        ("recall: {budget_tokens: 1}\nrecall: {min_score: 0.5}\n", "line 2: recall: stands here twice"),
        ("recall: {budget_tokens: 1}\nrecall:\n", "line 2: recall: stands here twice"),
        ("providers:\n  groq: {}\n  xai: {}\n  groq: {}\n", "line 4: providers.groq: stands here twice"),
        ("prices:\n  - {model: x}\n  - {model: y,\n     model: z}\n", "line 4: prices[1].model: stands here twice"),
        ("marker: 2026-13-45\n", "cannot be read as a configuration file: month must be in 1..12"),
        ("recall: {budget_tokens: !!int x}\n", "cannot be read as a configuration file: invalid literal for int()"),
        ("marker: " + "[" * 3000 + "]" * 3000 + "\n", "cannot be read as a configuration file: it is nested too deeply"),
        ("proxy:\n  instances:\n    - port: 1\n    - prt: 2\n", "line 4: proxy.instances[1]"),
        ("proxy:\n  instances:\n    - {port: 1}\n    - {port: 1}\n", "two instances at 127.0.0.1:1"),
        (
            "proxy: {port: 81}\nupstream: {url: 'http://localhost:81/v1'}\n",
            "the upstream 'http://localhost:81/v1' of port 81 is this proxy itself",
        ),
        (
            "proxy: {port: 81}\nupstream: {openai: 'http://127.0.0.1:81'}\n",
            "the upstream 'http://127.0.0.1:81' of port 81 is this proxy itself",
        ),
        (
            "proxy: {host: '::', port: 80}\nupstream: {gemini: 'http://[::1]'}\n",
            "the upstream 'http://[::1]' of port 80 is this proxy itself",
        ),
        (
            "proxy:\n  instances: [{port: 1, upstream: 'http://127.0.0.1:2'}, {port: 2, upstream: 'http://127.0.0.1:2'}]\n",
            "the upstream 'http://127.0.0.1:2' of port 2 is this proxy itself",
        ),
        ("proxy:\n  instances: [{port: 1, upstream: nowhere}]\n", "line 2: proxy.instances: upstream 'nowhere': a URL is http://"),
        (
            "proxy:\n  instances: [{port: 1, upstream: 'http://h:99999'}]\n",
            "upstream 'http://h:99999': its host or its port cannot be read",
        ),
        ("proxy:\n  instances: [{port: 1, config: none.yaml}]\n", "none.yaml: cannot be read as a configuration file"),
        ("commands:\n  prefix: go\n", "line 2: commands.prefix: expected text of the form ^[!#$%&*+,"),
        ("commands:\n  undo_s: -1\n", "line 2: commands.undo_s: expected a number from 0 to 31536000, got -1"),
        ("commands:\n  undo_s: .inf\n", "line 2: commands.undo_s: expected a number from 0 to 31536000, got inf"),
        (
            "side_model: {provider: olama, model: m}\n",
            "line 1: side_model.provider: expected text, got 'olama' (no such provider; one of ollama, lmstudio",
        ),
        ("side_model:\n  provider: ollama\n", "line 2: side_model.provider: side_model.model, the name of the model to use, is needed"),
        ("side_model:\n  model: m\n", "line 2: side_model.model: side_model.provider (one of ollama, lmstudio"),
        ("side_model: {provider: openai_compatible, model: m}\n", "the provider openai_compatible needs side_model.url"),
        ("side_model:\n  tasks: [tags, poems]\n", "side_model.tasks[1]: expected a list of tags, digests"),
        ("side_model:\n  tokens_per_day: -1\n", "side_model.tokens_per_day: expected a whole number from 0 to 1000000000000, got -1"),
        ("side_model:\n  money_per_day: .nan\n", "side_model.money_per_day: expected a number from 0 to 1000000, got nan"),
        ("side_model:\n  via: theirs\n", "side_model.via: expected one of own, client, got 'theirs'"),
        (
            "side_model:\n  via: client\n  url: http://x\n",
            "line 3: side_model.url: with side_model.via client the upstream and the key are",
        ),
        ("side_model:\n  api_key_env: sk-live-123\n", "got *** (the name of a variable in which the key stands, not the key itself)"),
        ("side_model:\n  api_key_file: nowhere\n", "side_model.api_key_file: expected text, got 'nowhere' (there is no such file)"),
        ("- 1\n", "line 1: expected keys and values, got list"),
        ("proxy: [\n", "cannot be read as a configuration file"),
    ],
)
def test_wrong_setting_is_told_with_place_and_what_is_allowed(text: str, expected: str, tmp_path: Path, home: dict[str, str]) -> None:
    assert expected in refused(text, tmp_path, home)


def test_all_problems_are_told_at_once(tmp_path: Path, home: dict[str, str]) -> None:
    said = refused("proxy:\n  port: x\nmarkr: never\n", tmp_path, home)
    assert len(said.splitlines()) == 2
    assert "did you mean marker?" in said


def test_unknown_variable_is_refused_with_the_nearest(tmp_path: Path, home: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="BACKSTORY_RECALL__BUDGET: no such setting; did you mean BACKSTORY_RECALL__BUDGET_TOKENS"):
        Config.load(environ=home | {"BACKSTORY_RECALL__BUDGET": "1"}, cwd=tmp_path)
    with pytest.raises(ConfigError, match="environment BACKSTORY_MARKER: marker: expected one of auto, always, never, got 'no'"):
        Config.load(environ=home | {"BACKSTORY_MARKER": "no"}, cwd=tmp_path)


def test_variables_carry_every_type(tmp_path: Path, home: dict[str, str]) -> None:
    environ = home | {
        "BACKSTORY_MARKER": "never",
        "BACKSTORY_MEMORY__ENABLED": "false",
        "BACKSTORY_UPSTREAM__CONNECT_TIMEOUT_S": "0.5",
        "BACKSTORY_PROXY__INSTANCES": "[{port: 5, label: five}]",
    }
    config = Config.load(environ=environ, cwd=tmp_path)
    assert (config.marker, config.memory.enabled, config.upstream.connect_timeout_s) == ("never", False, 0.5)
    assert [it.label for it in config.listeners] == ["five"]


def test_every_key_is_reachable_by_its_variable(tmp_path: Path, home: dict[str, str]) -> None:
    values = {"proxy.instances": "[]", "upstream.proxy": "none", "upstream.ca_file": str(write(tmp_path / "c", "x", "ca.pem"))}
    for name, expects, default, meaning in describe():
        variable = "BACKSTORY_" + name.upper().replace(".", "__")
        value = values.get(name, default)
        found = {it.key: it.source for it in effective(environ=home | {variable: value}, cwd=tmp_path / "none")}
        assert found[name] == f"environment {variable}"
        assert expects
        assert meaning


def test_prices_are_rows_by_pattern(tmp_path: Path, home: dict[str, str]) -> None:
    write(tmp_path, "prices:\n  - {model: 'local-*', input: 0.1, output: 0.2}\n  - {model: gpt-4o, cache_read: 1, cache_ttl_s: 60}\n")
    first, second = Config.load(environ=home, cwd=tmp_path).prices
    assert (first.model, first.input, first.output, first.cache_read) == ("local-*", 0.1, 0.2, None)
    assert (second.input, second.cache_read, second.cache_ttl_s) == (None, 1.0, 60.0)
    told = home | {"BACKSTORY_PRICES": "[{model: x, input: 3}]"}
    assert [row.model for row in Config.load(environ=told, cwd=tmp_path).prices] == ["x"]
    for text, expected in (
        ("prices:\n  - {model: x, input: -1}\n", "line 2: prices[0].input"),
        ("prices:\n  - {model: x, inptu: 1}\n", "line 2: prices[0]"),
        ("prices:\n  - {input: 1}\n", "line 2: prices[0]"),
        ("prices: cheap\n", "line 1: prices: expected a list of {model, input, output, cache_read"),
    ):
        assert expected in refused(text, tmp_path, home)


def test_instances_are_listeners_and_a_file_of_their_own_is_a_memory_of_their_own(tmp_path: Path, home: dict[str, str]) -> None:
    write(tmp_path, "recall: {budget_tokens: 77}\nmarker: always", "own.yaml")
    text = (
        "marker: never\nproxy:\n  instances:\n"
        "    - {port: 5757, upstream: 'https://api.anthropic.com/', label: anthropic, config: ./own.yaml}\n"
        "    - {port: 5758, upstream: https://api.openai.com, label: openai}\n"
    )
    write(tmp_path, text)
    config = Config.load(environ=home, cwd=tmp_path)
    first, second = config.listeners
    assert (first.port, first.upstream, second.port, second.label) == (5757, "https://api.anthropic.com", 5758, "openai")
    assert first.config is not None
    assert (first.config.recall.budget_tokens, first.config.marker, config.marker) == (77, "always", "never")
    assert first.config.storage.url != config.storage.url
    assert second.config is None
    assert [it.port for it in Config.load({"proxy.port": "9"}, home, tmp_path).listeners] == [9, 5757, 5758]


def test_an_instances_file_has_no_ports(tmp_path: Path, home: dict[str, str]) -> None:
    write(tmp_path, "proxy: {port: 3}", "own.yaml")
    assert "line 1: proxy.port: belongs into the main file" in refused(
        "proxy:\n  instances: [{port: 1, config: own.yaml}]\n", tmp_path, home
    )


def test_paths_are_meant_from_their_file(tmp_path: Path, home: dict[str, str]) -> None:
    pem = write(tmp_path / "etc", "x", "ca.pem")
    write(tmp_path / "etc", "upstream: {ca_file: ca.pem}", "b.yaml")
    assert Config.load({"config": "etc/b.yaml"}, home, tmp_path).upstream.ca_file == str(pem)


def test_outbound_proxies_come_from_the_environment_unless_told_otherwise(tmp_path: Path, home: dict[str, str]) -> None:
    environ = home | {"HTTPS_PROXY": "http://p:1", "http_proxy": "http://q:2", "NO_PROXY": "localhost, .corp.test,127.0.0.1:80"}
    found = Config.load(environ=environ, cwd=tmp_path).outbound
    assert found.url("https", "api.openai.com", 443) == "http://p:1"
    assert found.url("http", "x", 80) == "http://q:2"
    assert found.url("https", "a.corp.test", 443) == found.url("http", "LOCALHOST", 80) == found.url("http", "127.0.0.1", 80) == ""
    assert found.url("http", "127.0.0.1", 81) == "http://q:2"
    assert Config.load({"upstream.proxy": "none"}, environ, tmp_path).outbound == OutboundProxies()
    assert Config.load({"upstream.proxy": "http://z:3"}, environ, tmp_path).outbound.url("https", "localhost", 1) == "http://z:3"
    assert OutboundProxies("a", "b", ("*",)).url("http", "x", 1) == ""
    everything = Config.load(environ=home | {"all_proxy": "socks5://s:1", "HTTP_PROXY": "http://p:1"}, cwd=tmp_path).outbound
    assert (everything.http_from, everything.https, everything.https_from) == ("HTTP_PROXY", "socks5://s:1", "all_proxy")


def test_secrets_are_masked(tmp_path: Path, home: dict[str, str]) -> None:
    rows = effective({"upstream.proxy": "http://me:hush@proxy:1"}, home, tmp_path)
    assert "hush" not in "".join(row.value for row in rows)
    assert mask("http://me:hush@proxy:1/x") == "http://me:***@proxy:1/x"
    assert mask("https://h/a?key=hush&b=1&Access-Token=hush#c") == "https://h/a?key=***&b=1&Access-Token=***#c"
    assert mask("postgresql://h/d?sslkey=/a.key&sslmode=require") == "postgresql://h/d?sslkey=/a.key&sslmode=require"


@given(
    text=st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=40),
    key=st.sampled_from([row[0] for row in describe()]),
)
def test_whatever_stands_in_a_variable_it_is_a_setting_or_a_config_error(text: str, key: str) -> None:
    variable = "BACKSTORY_" + key.upper().replace(".", "__")
    environ = {"HOME": "/nonexistent", variable: text}
    try:
        Config.load(environ=environ, cwd="/nonexistent")
    except ConfigError:
        with pytest.raises(ConfigError, match=f"{variable}|threshold"):
            Config.load(environ=environ, cwd="/nonexistent")


def test_a_list_in_a_variable_that_is_no_yaml_is_refused(tmp_path: Path, home: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=r"proxy\.instances: expected a list of \{port"):
        Config.load(environ=home | {"BACKSTORY_PROXY__INSTANCES": "[{"}, cwd=tmp_path)


@pytest.mark.parametrize(
    "url",
    ["postgresql://ann:pw@db.example:5432/memory", "postgres://ann@[::1]/memory?sslmode=verify-full", "postgresql:///memory?host=/run/pg"],
)
def test_a_postgresql_url_is_taken_and_its_journal_has_a_place(tmp_path: Path, url: str) -> None:
    config = Config.load({"storage.url": url}, {"HOME": str(tmp_path)}, tmp_path)
    assert config.storage.url == url
    assert Path(config.storage.journal).name == "backstory"
    assert Config.load({"storage.url": url}, {"BACKSTORY_STORAGE__JOURNAL": "/j", "HOME": "/h"}, tmp_path).storage.journal == "/j"
    shown = {row.key: row.value for row in effective({"storage.url": url}, {"HOME": str(tmp_path)}, tmp_path)}
    assert "pw" not in shown["storage.url"]


def test_postgresql_without_its_driver_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backstory.config.storage.find_spec", lambda _: None)
    with pytest.raises(ConfigError, match="make setup EXTRAS=postgres"):
        Config.load({"storage.url": "postgresql://h/d"}, {}, tmp_path)


def test_the_settings_page_lists_every_key_with_its_default() -> None:
    page = (Path(__file__).parent.parent / "docs" / "settings.md").read_text()
    for name, _, default, meaning in describe():
        assert f"| `{name}` | {f'`{default}`' if default else 'empty'} | {meaning} |" in page


@pytest.mark.parametrize(("spelled", "meant"), [("true", 0.5), ("false", 0.0), ("0.25", 0.25)])
def test_decay_may_only_be_switched_on(tmp_path: Path, spelled: str, meant: float) -> None:
    (tmp_path / "backstory.yaml").write_text(f"memory:\n  decay: {spelled}\n")
    assert Config.load(environ={"HOME": str(tmp_path)}, cwd=tmp_path).memory.decay == meant
    assert Config.load(environ={"HOME": str(tmp_path), "BACKSTORY_MEMORY__DECAY": spelled}, cwd="/").memory.decay == meant


def test_a_setting_that_needs_an_extra_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Config.load({"media.recompress": "true"}, {}, tmp_path).media.recompress
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ConfigError, match=r"media\.recompress.*make setup EXTRAS=media"):
        Config.load({"media.recompress": "true"}, {}, tmp_path)
    assert not Config.load({"media.recompress": "false"}, {}, tmp_path).media.recompress


@pytest.mark.parametrize(
    ("fields", "environ", "key", "trouble"),
    [
        ("provider: openai, model: m", {"OPENAI_API_KEY": " k1\n"}, "k1", ""),
        ("provider: openai, model: m, api_key_env: MINE", {"OPENAI_API_KEY": "k1", "MINE": "k2"}, "k2", ""),
        ("provider: openai, model: m", {}, "", "the variable OPENAI_API_KEY is not set"),
        ("provider: openai, model: m, api_key_env: MINE", {"MINE": "two lines\nk"}, "", "the variable MINE holds no key"),
        ("provider: openai, model: m, api_key_file: key.txt", {}, "k3", ""),
        ("provider: openai, model: m, api_key_file: none.txt", {}, "", "none.txt holds no key"),
        ("provider: ollama, model: m", {"OPENAI_API_KEY": "k1"}, "", ""),
        ("via: client", {"OPENAI_API_KEY": "k1"}, "", ""),
    ],
)
def test_the_side_models_key_comes_from_a_variable_or_a_file_and_is_never_shown(
    fields: str, environ: dict[str, str], key: str, trouble: str, tmp_path: Path, home: dict[str, str]
) -> None:
    (tmp_path / "key.txt").write_text("k3\n")
    (tmp_path / "none.txt").write_text("\n")
    write(tmp_path, f"side_model: {{{fields}}}\n")
    config = Config.load(environ=home | environ, cwd=tmp_path)
    assert config.side_key.value == key
    assert trouble in config.side_key.trouble if trouble else not config.side_key.trouble
    if key:
        assert key not in repr(config)
        assert all(key not in row.value for row in effective(environ=home | environ, cwd=tmp_path))


def test_tasks_are_a_list_in_a_variable_too(tmp_path: Path, home: dict[str, str]) -> None:
    for text in ("tags, digests", "[tags, digests]", "tags digests", '["tags","digests"]'):
        assert Config.load(environ=home | {"BACKSTORY_SIDE_MODEL__TASKS": text}, cwd=tmp_path).side_model.tasks == ("tags", "digests")
    with pytest.raises(ConfigError, match=r"side_model\.tasks\[0\]: expected a list of tags, digests"):
        Config.load(environ=home | {"BACKSTORY_SIDE_MODEL__TASKS": "poems"}, cwd=tmp_path)
