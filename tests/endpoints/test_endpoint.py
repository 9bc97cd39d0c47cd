"""Addresses and keys of endpoints as a person writes them: what is refused, what is shown, what is sent."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from qtui.endpoints import endpoint
from qtui.errors import UserError
from qtui.experiment import experiment
from qtui.records import TaskSet
from qtui.secrets import redaction, url_secrets
from tests.judges.endpoint import endpoint as judging_endpoint

WITH_SECRETS = [
    "https://user:hunter2pw@host/v1",
    "https://user:p/ss@host/v1",
    "https://user:p%40ss@host:8000/v1",
    "https://:hunter2pw@host/v1",
    "http://user:pre${NAME}@host/v1",
    "http://user:$NAME@host/v1",
    "https://sk-0123456789abcdef@host/v1",
    "https://sk-0123456789abcdef:${NAME}@host/v1",
    "user:hunter2pw@host/v1",
    "https://host/v1?api_key=hunter2pw",
    "https://host/v1?version=1&token=hunter2pw",
]
WITHOUT = [
    "http://localhost:8000/v1",
    "https://host/v1?api-version=2024",
    "https://user@host/v1",
    "https://[::1]:8000/v1/@x",
    "https://host:8000/accounts/@me/v1",
    "https://user:${NAME}@host/v1",
    "https://${NAME}@host/v1",
    "https://host/v1?api_key=${NAME}",
    "${NAME}",
]


@pytest.fixture(autouse=True)
def value_of_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAME", "p@ss/w:rd")


def text(address: str, key: str = "NAME") -> str:
    variant = f'name = "A"\nengine = "openai"\nweights = "w"\nbase_url = "{address}"\napi_key_env = "{key}"'
    return f'name = "e"\ntasks = "demo"\n[[models]]\nname = "m"\n[[models.variants]]\n{variant}\n'


def judged(address: str, key: str = "NAME") -> str:
    judge = f'[[judges]]\nkind = "openai"\nmodel = "j"\nbase_url = "{address}"\napi_key_env = "{key}"\n'
    return text("http://localhost/v1") + judge


@pytest.mark.parametrize("write", [text, judged])
@pytest.mark.parametrize("address", WITH_SECRETS)
def test_a_secret_in_an_address_is_refused_without_repeating_it(
    address: str, write: Callable[..., str], tmp_path: Path
) -> None:
    with pytest.raises(
        UserError, match=r"e\.toml:\d+: .*base_url: contains a password or key.*\$\{JUDGE_PASSWORD\}@host"
    ) as refused:
        experiment.parse(write(address), tmp_path / "e.toml")
    assert not any(
        part in str(refused.value) for part in ("hunter2pw", "p/ss", "p%40ss", "sk-0123456789abcdef", "pre$")
    )


@pytest.mark.parametrize("write", [text, judged])
@pytest.mark.parametrize("address", WITHOUT)
def test_other_addresses_are_taken_as_they_are(address: str, write: Callable[..., str], tmp_path: Path) -> None:
    made = experiment.parse(write(address), tmp_path / "e.toml")
    assert address in (made.variants[0].base_url, *(judge.base_url for judge in made.judges))


@pytest.mark.parametrize("address", WITH_SECRETS)
def test_a_text_of_the_store_is_not_refused(address: str, tmp_path: Path) -> None:
    made = experiment.parse(judged(address), tmp_path / "e.toml", stored_tasks=TaskSet("t", ()))
    assert made.judges[0].base_url == address


@pytest.mark.parametrize("address", WITH_SECRETS)
def test_a_secret_in_an_address_is_not_shown(address: str) -> None:
    shown = endpoint.shown(address)
    assert "***" in shown
    assert not any(part in shown for part in ("hunter2pw", "p/ss", "p%40ss", "sk-0123456789abcdef", "pre$"))
    assert endpoint.shown("https://user:${NAME}@host/v1") == "https://user:***@host/v1"
    assert endpoint.shown(None) == "api.openai.com"


@pytest.mark.parametrize("write", [text, judged])
def test_a_variable_of_an_address_that_is_not_set_is_named(write: Callable[..., str], tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"base_url: the environment variable GATE_PASSWORD is not set \(export"):
        experiment.parse(write("https://u:${GATE_PASSWORD}@h/v1"), tmp_path / "e.toml")
    with pytest.raises(UserError, match="GATE_PASSWORD is not set"):
        endpoint.resolved("https://u:${GATE_PASSWORD}@h/v1")


def test_what_is_no_name_of_a_variable_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not the name of an environment variable"):
        experiment.parse(text("https://u:${hunter2-pw!}@h/v1"), tmp_path / "e.toml")


@pytest.mark.parametrize(
    ("address", "asked"),
    [
        ("https://u:${NAME}@h/v1", "https://u:p%40ss%2Fw%3Ard@h/v1"),
        ("https://${USER_AND_WORD}@h/v1", "https://u:w@h/v1"),
        ("https://${HOST_NAME}:${PORT}/v1", "https://box.local:8000/v1"),
        ("${WHOLE}", "http://u:w@h/v1"),
        ("https://h/v1?key=${NAME}", "https://h/v1?key=p%40ss%2Fw%3Ard"),
        ("http://h/v1", "http://h/v1"),
    ],
)
def test_variables_take_their_value_when_the_endpoint_is_asked(
    address: str, asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {"USER_AND_WORD": "u:w", "HOST_NAME": "box.local", "PORT": "8000", "WHOLE": "http://u:w@h/v1"}
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    assert endpoint.resolved(address) == asked


def test_a_password_is_a_secret_from_the_moment_it_is_used_and_the_host_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOST_NAME", "some-box.example")
    endpoint.resolved("https://u:${NAME}@${HOST_NAME}/v1")
    assert (
        redaction.redact("p@ss/w:rd p%40ss%2Fw%3Ard at some-box.example")
        == "[removed: $NAME] [removed: $NAME] at some-box.example"
    )


KEYS = [
    "sk-abcdefghijklmnop", "sk-proj-aB3", "hf_aBcDeFgHiJkLmNoPqRsTuV", "gsk_0123456789abcdefXYZ", "AIzaSyA0123456789abcdefghij",
    "0123456789abcdef0123456789abcdef", "aB3dE5gH7jK9mN1pQ3sT", "eyJhbGciOiJIUzI1NiJ9.x.y", "my key", "", "NAME=x", "ключ",
]  # fmt: skip


@pytest.mark.parametrize("write", [text, judged])
@pytest.mark.parametrize("key", [key for key in KEYS if key])
def test_a_key_in_the_place_of_its_variables_name_is_refused_without_repeating_it(
    key: str, write: Callable[..., str], tmp_path: Path
) -> None:
    with pytest.raises(
        UserError, match=r"e\.toml:\d+: .*api_key_env: must be .*environment variable.*export MY_API_KEY"
    ) as refused:
        experiment.parse(write("http://localhost/v1", key), tmp_path / "e.toml")
    assert key not in str(refused.value)


@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "my_key", "hf_token", "MyCompany_OpenAI_Key_2024", "K" * 40])
def test_names_of_variables_are_taken_where_they_are_set(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "x")
    assert experiment.parse(judged("http://localhost/v1", name), tmp_path / "e.toml").judges[0].api_key_env == name


@pytest.mark.parametrize(
    "line", ['base_url = ["https://u:hunter2pw@h"]', 'api_key_env = ["hunter2pw"]', 'api_key = "hunter2pw"']
)
def test_a_value_of_the_wrong_form_is_not_repeated(line: str, tmp_path: Path) -> None:
    lines = judged("http://h/v1").splitlines()[:-2]
    with pytest.raises(UserError) as refused:
        experiment.parse("\n".join([*lines, line]), tmp_path / "e.toml")
    assert "hunter2pw" not in str(refused.value)


def test_a_secret_elsewhere_in_the_file_is_refused_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-0123")
    with pytest.raises(UserError, match=r"e\.toml: line 1 contains the value of \$OPENAI_API_KEY") as refused:
        experiment.parse(text("http://h/v1").replace('name = "e"', 'name = "sk-canary-0123"'), tmp_path / "e.toml")
    assert "canary" not in str(refused.value)


def test_secrets_in_comments_do_not_get_into_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-0123")
    comments = "# sk-canary-0123\n# base_url = 'https://u:hunter2pw@h'\n"
    made = experiment.parse(comments + text("http://u:${NAME}@h/v1"), tmp_path / "e.toml")
    assert "canary" not in made.text
    assert "hunter2pw" not in made.text
    assert made.text.endswith(text("http://u:${NAME}@h/v1")), "the rest is as it was"


def test_the_plan_of_an_experiment_does_not_depend_on_the_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans = set()
    for word in ("one", "another"):
        monkeypatch.setenv("NAME", word)
        plans.add(experiment.parse(judged("http://u:${NAME}@h/v1"), tmp_path / "e.toml").plan)
    assert len(plans) == 1


def test_a_password_on_the_command_line_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from click.testing import CliRunner

    from qtui.cli import cli
    from qtui.store import open_store, runs
    from tests.filled_store import fill

    fill(tmp_path / "s.sqlite")
    options = ("--model", "j", "--store", str(tmp_path / "s.sqlite"))
    for more in (("--base-url", "https://u:hunter2pw@h/v1"), ("--api-key-env", "sk-hunter2pw")):
        done = CliRunner().invoke(cli, ["judge", "openai", *options, *more])
        assert isinstance(done.exception, UserError)
        assert "hunter2pw" not in str(done.exception)
    with closing(open_store(tmp_path / "s.sqlite")) as store:
        assert runs.summaries(store)[0].judges == ()


@pytest.mark.parametrize("address", ["http://[", "http://u:p/ss@h/v1", "http://h:99999999/v1", "http://\x00/v1"])
async def test_an_address_that_cannot_be_read_is_said_without_its_password(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from qtui.judges import Question, create_judge
    from qtui.records import JudgeSpec

    monkeypatch.setattr("qtui.endpoints.sending.TRIES", 1)
    with pytest.raises(UserError, match=r"address is not valid|cannot be reached") as refused:
        judge = create_judge(JudgeSpec("openai", model="j", base_url=address))
        await judge.grade(Question("a", "b", "c", "d"), 1)
    assert "ss@" not in str(refused.value)
    assert "'p'" not in str(refused.value)


def test_a_key_with_characters_that_none_has_is_said_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAME", "ключ-canary")
    with pytest.raises(UserError, match="NAME is not a key") as refused:
        endpoint.key("NAME")
    assert "canary" not in str(refused.value)


async def test_a_key_with_a_line_break_at_its_end_is_sent_without(monkeypatch: pytest.MonkeyPatch) -> None:
    from qtui.judges import Question, create_judge
    from qtui.records import JudgeSpec

    monkeypatch.setenv("NAME", "sk-canary\n")
    with judging_endpoint(lambda *_: '{"grade": 3}') as served:
        judge = create_judge(JudgeSpec("openai", model="j", base_url=served.base_url, api_key_env="NAME"))
        await judge.grade(Question("a", "b", "c", "d"), 1)
        await judge.close()
    sent = {name.lower(): value for name, value in served.headers[0].items()}
    assert sent["authorization"] == "Bearer sk-canary"


def test_masking_leaves_an_example_with_a_variable_as_it_is() -> None:
    assert url_secrets.mask("write https://user:${NAME}@host") == "write https://user:${NAME}@host"
