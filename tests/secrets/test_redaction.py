"""What is taken out of a text, and what is left in it."""

import base64
import json
import re
import subprocess
import sys
from urllib.parse import quote

import pytest

from qtui.errors import UserError
from qtui.processes import child_process
from qtui.secrets import redaction, url_secrets
from qtui.secrets.redaction import redact, redact_message

KEY = "sk-aB3/x+9_Zq~Lw8T="


@pytest.fixture(autouse=True)
def no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """But those of the test, and not the developer's."""
    for secret in list(redaction.known_secrets()):
        for name in secret.label.removeprefix("password of ").removeprefix("$").split():
            monkeypatch.delenv(name, raising=False)


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    return KEY


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


FORMS = {
    "as it is": KEY,
    "percent-encoded": quote(KEY, safe=""),
    "percent-encoded in small letters": "".join(c if c.isalnum() else f"%{ord(c):02x}" for c in KEY),
    "every character percent-encoded": "".join(f"%{byte:02x}" for byte in KEY.encode()),
    "percent-encoded twice": quote(quote(KEY, safe=""), safe=""),
    "with escaped slashes": KEY.replace("/", "\\/"),
    "as numbers of JSON": "".join(f"\\u{ord(c):04X}" for c in KEY),
    "some characters as numbers": KEY[:5] + "".join(f"\\u{ord(c):04x}" for c in KEY[5:9]) + KEY[9:],
    "as JSON in JSON": json.dumps(json.dumps({"a": KEY}).replace("/", "\\/")),
    "as Python writes bytes": "".join(f"\\x{byte:02x}" for byte in KEY.encode()),
    "as entities of HTML": "".join(f"&#x{ord(c):X};" for c in KEY),
    "with named entities": KEY.replace("+", "&plus;").replace("/", "&sol;"),
    "in hexadecimal": KEY.encode().hex(),
    "in hexadecimal, large": KEY.encode().hex().upper(),
    "in a header in Base64": b64(f"Bearer {KEY}"),
    "with a user in Base64": b64(f"u:{KEY}"),
    "in Base64 of something longer": b64(f"<html>..{KEY}</html>"),
    "in Base64 for URLs": base64.urlsafe_b64encode(f"??{KEY}??".encode()).decode(),
    "in Base64 with broken lines": base64.encodebytes(("x" * 50 + KEY + "y" * 50).encode()).decode(),
    "in Base64, percent-encoded": quote(b64(f"~~~{KEY}~~~"), safe=""),
    "in Base64, with escaped slashes": b64(f"~?~{KEY}").replace("/", "\\/"),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_key_is_found_in_every_form(form: str, key: str) -> None:
    text = redact(f"before {form} after")
    assert "[removed: $OPENAI_API_KEY]" in text
    assert text.startswith("before ")
    assert text.endswith(" after")
    assert not leaves(text), text


def leaves(text: str) -> bool:
    """Whether a good part of the key can still be read."""
    parts = [KEY[i : i + 6] for i in range(len(KEY) - 5)]
    decoded = text
    for word in text.split():
        try:
            decoded += base64.b64decode(word + "==", validate=True).decode(errors="replace")
        except ValueError:
            continue
    return any(part in decoded for part in parts)


LONG_KEY = "sk-proj-Ab3dEf6hIj9kLmN2pQr5tUv8xYz1"


@pytest.mark.parametrize(
    "repeated",
    [
        LONG_KEY[:20],
        LONG_KEY[:30],
        LONG_KEY[-14:],
        LONG_KEY.lower(),
        LONG_KEY.upper(),
        LONG_KEY[:16].upper(),
        LONG_KEY + "x",
    ],
)
def test_part_of_a_long_key_is_taken_out(repeated: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers cut a key in their messages, or write it in lower case."""
    monkeypatch.setenv("OPENAI_API_KEY", LONG_KEY)
    cleaned = redact(f"Incorrect API key: {repeated}… of this server")
    assert "[removed: $OPENAI_API_KEY]" in cleaned
    assert repeated[:12] not in cleaned
    assert cleaned.startswith("Incorrect API key: ")
    assert cleaned.endswith("… of this server")


def test_words_that_begin_like_a_key_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", LONG_KEY)
    for text in ("sk-proj-", "a key such as sk-proj-Ab3 or sk-proj-ZZZZ", "8xYz1"):
        assert redact(text) == text
    monkeypatch.setenv("SERVICE_PASSWORD", "correct horse battery staple")
    assert redact("the correct horse") == "the correct horse"


def test_all_places_of_all_secrets_are_found_and_the_rest_is_as_it_was(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_0123456789abcdef")
    text = f"改行\\n 100% & {KEY}{KEY} \\d+ &amp; hf_0123456789abcdef%20\n\ttail \\"
    assert redact(text) == (
        "改行\\n 100% & [removed: $OPENAI_API_KEY][removed: $OPENAI_API_KEY] \\d+ &amp; [removed: $HF_TOKEN]%20\n\ttail \\"
    )


def test_of_two_secrets_of_which_one_begins_the_other_the_longer_is_taken_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_TOKEN", "abcdef123456")
    monkeypatch.setenv("B_TOKEN", "abcdef123456789")
    assert redact("<abcdef123456789> <abcdef123456>") == "<[removed: $B_TOKEN]> <[removed: $A_TOKEN]>"


@pytest.mark.parametrize(
    "name",
    ["OPENAI_API_KEY", "AZURE_OPENAI_API_KEY", "ANTHROPIC_API_KEY", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "my_api_key",
     "DB_PASSWORD", "CLIENT_SECRET", "AWS_SECRET_ACCESS_KEY", "OPENAI_ADMIN_KEY", "API_KEY"],
)  # fmt: skip
def test_a_variable_is_a_secret_by_its_name(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "x7-canary-x7")
    assert redact("say x7-canary-x7") == f"say [removed: ${name}]"


@pytest.mark.parametrize(
    "name", ["HOME_FOLDER", "TOKENIZERS_PARALLELISM", "KEYBOARD", "PASSWORD_STORE_DIR", "HF_TOKEN_PATH"]
)
def test_other_variables_are_no_secrets(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "x7-canary-x7")
    assert redact("say x7-canary-x7") == "say x7-canary-x7"


def test_a_variable_that_an_experiment_names_is_a_secret_in_children_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATE", "x7-canary-x7")
    redaction.announce(["GATE"])
    code = "from qtui.secrets.redaction import redact; print(redact('say x7-canary-x7'))"
    done = subprocess.run(
        child_process.code_command(code),
        env=child_process.environment(keys=child_process.every_key),
        capture_output=True,
        text=True,
        check=True,
    )
    assert redact("say x7-canary-x7") == done.stdout.strip() == "say [removed: $GATE]"


def test_spaces_around_a_key_do_not_hide_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", f" {KEY}\n")
    assert (
        redact(f"Illegal header value b'Bearer {KEY}\\n'")
        == "Illegal header value b'Bearer [removed: $OPENAI_API_KEY]\\n'"
    )


SHORT = [("none", "none of these"), ("x", "x = 1"), ("1234", "in 1234"), ("EMPTY", "EMPTY"), ("secret7", "a secret7 b")]


@pytest.mark.parametrize(("value", "text"), SHORT)
def test_a_short_key_is_left_in_ordinary_words(value: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", value)
    assert redact(text) == text


@pytest.mark.parametrize(("value", "_"), SHORT)
@pytest.mark.parametrize(
    "form", ["Bearer {}", "bearer {}", "Authorization: Bearer {}", "Bearer%20{}", "Bearer\\u0020{}"]
)
def test_a_short_key_is_taken_out_as_a_credential(
    form: str, value: str, _: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", value)
    assert redact(f"<{form.format(value)}>").endswith("[removed: $OPENAI_API_KEY]>")
    assert redact(f"<{form.format(value)}y>") == f"<{form.format(value)}y>", "another word"


@pytest.mark.parametrize(
    "address", ["http://u:pw1@proxy:3128", "http://u:longer-password@proxy", "http://some-user:p%40ss@proxy"]
)
def test_a_password_of_a_proxy_is_taken_out_as_it_is_sent(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", address)
    pair = address[url_secrets.userinfo(address)].replace("%40", "@")
    text = redact(f"got Basic {b64(pair)} there")
    # What Base64 says of half a character and how it fills up may stay.
    assert re.fullmatch(r"got Basic \[removed: password of \$https_proxy\]\w?=* there", text)


@pytest.mark.parametrize(
    ("name", "value"),
    [("DB_PASSWORD", "postgres"), ("EOS_TOKEN", "<|endoftext|>"), ("USE_TOKEN", "required"), ("A_SECRET", "1"),
     ("DATABASE_URL", "postgres://postgres:postgres@localhost"), ("OPENAI_API_KEY", "not-needed"),
     ("OPENAI_API_KEY", "placeholder")],
)  # fmt: skip
def test_words_of_ordinary_answers_stay(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    text = "postgres <|endoftext|> required 1 not-needed placeholder"
    assert redact(text) == text


def test_headers_that_the_library_adds_are_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", f"X-Gate: {KEY}\nX-Name: me")
    assert redact(f"you sent {KEY}, me") == "you sent [removed: $OPENAI_CUSTOM_HEADERS], me"


def test_an_url_with_a_password_stays_in_an_answer_and_not_in_a_message() -> None:
    text = "see https://user:word@example.com/x, user:word and http://a:1/b@c"
    assert redact(text) == text
    assert redact_message(text) == "see https://user:***@example.com/x, user:word and http://a:1/b@c"


def test_every_error_of_a_user_is_without_secrets(key: str) -> None:
    assert str(UserError(f"https://u:p@h: {KEY}")) == "https://u:***@h: [removed: $OPENAI_API_KEY]"


def test_a_long_secret_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    value = "\n".join("line" + str(i) * 60 for i in range(30))
    monkeypatch.setenv("SERVICE_PRIVATE_KEY", value)
    for form in (value, json.dumps(value), quote(value)):
        assert redact(form).strip('"') == "[removed: $SERVICE_PRIVATE_KEY]"


PROGRAM = """
import logging, os, sys, traceback
from qtui.secrets import redaction
with redaction.guarded_streams():
    logging.basicConfig()
    logging.warning("headers %s", {"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]})
    sys.stderr.write("half a li"); sys.stderr.write("ne: " + os.environ["OPENAI_API_KEY"][:5])
    sys.stderr.write(os.environ["OPENAI_API_KEY"][5:] + "\\n")
    print("print", os.environ["OPENAI_API_KEY"], "https://user:word@host")
    try:
        raise RuntimeError(os.environ["OPENAI_API_KEY"])
    except RuntimeError:
        traceback.print_exc()
    sys.stderr.write("the end, " + os.environ["OPENAI_API_KEY"])
    os.write(sys.stderr.fileno(), b"")
"""


def test_streams_of_a_log_are_without_secrets_and_otherwise_whole(key: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True
    )
    assert KEY not in done.stdout
    assert done.stdout.count("[removed: $OPENAI_API_KEY]") == 5
    for part in (
        "headers {'Authorization': 'Bearer",
        "half a line: [removed",
        "https://user:***@host",
        "Traceback",
        "the end, ",
    ):
        assert part in done.stdout


def test_streams_that_are_closed_do_no_harm(key: str) -> None:
    code = "from qtui.secrets import redaction\nwith redaction.guarded_streams(): print('x')"
    done = subprocess.run(["sh", "-c", f'"{sys.executable}" -c "{code}" >&- 2>&-'], check=False)
    assert done.returncode == 0


def test_the_log_of_a_defect_has_no_secret_of_the_command_line_or_the_error(key: str) -> None:
    from qtui import paths

    code = f"import os, sys, qtui.cli as c; sys.argv = {['qtui', 'runs', '--base-url', 'https://u:hunter2pw@h']!r}\n"
    code += (
        "def broken(*_): raise RuntimeError(os.environ['OPENAI_API_KEY'])\nc.importlib.import_module = broken; c.main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    log = (paths.logs() / "errors.log").read_text()
    assert "RuntimeError: [removed: $OPENAI_API_KEY]" in log
    assert "https://u:***@h" in log
    assert not any(secret in log + done.stderr for secret in (KEY, "hunter2pw"))
