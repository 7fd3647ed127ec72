"""Secrets leave no trace in payloads and kept bodies, and masking changes nothing else (R8.1)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from signals_app.alerts.decoding import MASK, NO_SECRETS, decode_alert, mask_body, split_secrets
from tests.kernel.json_strategies import json_objects, texts

SECRET = "wh-7f3c91-demo"
NAMES = [
    "secret", "passphrase", "password", "token", "apikey", "api_key", "auth_key", "auth_token", "api_token",
    "webhook_secret", "api_secret", "secretKey", "private_key", "accessKey", "client-key", "license_id", "licenseKey",
    "authorization", "X-Signature", "pwd", "passwd", "PIN", "user_pin", "credentials", "general.secret", "API_SECRET",
    "APIKey", "apisecret", "secretkey", "authtoken", "privatekey", "accesstoken", "myApiKey", "PASSWORD", "Secret",
    "apiKey", "Webhook-Secret", "broker.api_key", "telegram_bot_token",
]  # fmt: skip
DATA = [
    "key", "keys", "monkey", "keyLevel", "public_key", "tokens", "pinned", "spinning_top", "opinion", "author",
    "passed", "signatures", "secretary", "client", "symbol", "tokenised",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_secret_member_is_removed_and_presented_whatever_its_spelling(name: str) -> None:
    rest, presented = split_secrets({"symbol": "SPY", name: SECRET})

    assert rest == {"symbol": "SPY"}
    assert presented == (SECRET,)
    assert SECRET.encode() not in mask_body(json.dumps({"symbol": "SPY", name: SECRET}).encode())


@pytest.mark.parametrize("place", [{"a": ...}, {"accounts": [...]}, {"a": [[{"b": ...}]]}, {"a": {"b": {"c": ...}}}])
def test_a_secret_is_removed_at_any_depth(place: dict[str, Any]) -> None:
    def around(inner: object) -> Any:
        return json.loads(json.dumps(place, default=lambda _: inner))

    payload = around({"token": SECRET, "size": 1})

    assert split_secrets(payload) == (around({"size": 1}), (SECRET,))
    assert json.loads(mask_body(json.dumps(payload).encode())) == around({"token": MASK, "size": 1})


@pytest.mark.parametrize("name", [*sorted(NO_SECRETS), *DATA, "token_symbol", "tokenAddress", "pin_bar", "Base-Token"])
def test_names_that_only_look_like_secrets_are_data(name: str) -> None:
    payload = {"symbol": "SPY", name: "ETH"}

    assert split_secrets(payload) == (payload, ())
    assert mask_body(json.dumps(payload).encode()) == json.dumps(payload).encode()


@pytest.mark.parametrize("value", [12345, None, True, 1.5, "", [SECRET], {"a": SECRET}])
def test_a_secret_that_is_no_text_is_removed_and_presents_nothing(value: object) -> None:
    rest, presented = split_secrets({"symbol": "SPY", "secret": value})

    assert rest == {"symbol": "SPY"}
    assert presented == ()


def test_several_secrets_are_all_presented() -> None:
    assert split_secrets({"secret": "one", "a": 1, "password": "two"}) == ({"a": 1}, ("one", "two"))


def test_a_member_called_key_is_data_unless_it_carries_the_expected_secret() -> None:
    payload = {"key": SECRET, "symbol": "SPY"}

    assert split_secrets(payload) == (payload, ())
    assert split_secrets(payload, lambda text: text == "another") == (payload, ())
    assert split_secrets(payload, lambda text: text == SECRET) == ({"symbol": "SPY"}, (SECRET,))


@pytest.mark.parametrize("place", ["object", "array"])
def test_a_member_called_key_carries_the_expected_secret_at_any_depth(place: str) -> None:
    inner = {"key": SECRET, "size": 1}
    payload = {"a": inner if place == "object" else [inner]}

    rest, presented = split_secrets(payload, lambda text: text == SECRET)

    assert rest == {"a": {"size": 1} if place == "object" else [{"size": 1}]}
    assert presented == (SECRET,)


def test_a_long_name_is_that_of_a_secret_as_well() -> None:
    assert split_secrets({"the_one_that_the_broker_gave_to_us_as_secret": SECRET, "a": 1}) == ({"a": 1}, (SECRET,))


def test_copies_of_a_secret_are_masked_in_the_payload() -> None:
    payload = {
        "token": SECRET,
        "accounts": [{"name": SECRET, "id": "AB1234"}],
        "comment": f"sent with {SECRET}!",
        f"name {SECRET}": 1,
    }

    rest, _ = split_secrets(payload)

    assert rest == {
        "accounts": [{"name": MASK, "id": "AB1234"}],
        "comment": f"sent with {MASK}!",
        f"name {MASK}": 1,
    }


def test_a_short_secret_does_not_mask_ordinary_data() -> None:
    rest, presented = split_secrets({"token": "5", "timeframe": "5", "symbol": "SPY"})

    assert rest == {"timeframe": "5", "symbol": "SPY"}
    assert presented == ("5",)


@pytest.mark.parametrize(
    ("body", "masked"),
    [
        (b'{"a": 1}', b'{"a": 1}'),
        (b'{"secret": "abc", "a": 1}', b'{"secret": "***", "a": 1}'),
        (b'\n{ "SECRET" :\t"abc" }\n', b'\n{ "SECRET" :\t"***" }\n'),
        (b'\xef\xbb\xbf{"secret": "abc"}', b'\xef\xbb\xbf{"secret": "***"}'),
        (b'{"secret": "a\\"b\\\\", "b": "c"}', b'{"secret": "***", "b": "c"}'),
        (b'{"s\\u0065cret": "abc"}', b'{"s\\u0065cret": "***"}'),
        (b'{"secret": 12345, "b": 12345}', b'{"secret": "***", "b": 12345}'),
        (b'{"secret": null}', b'{"secret": "***"}'),
        (b'{"secret": {"a": ["long-enough", {}]}, "b": [1]}', b'{"secret": "***", "b": [1]}'),
        (b'{"secret": "long-enough", "b": "long-enough"}', b'{"secret": "***", "b": "***"}'),
        (b'{"secret": "long-enough", "b": "long-\\u0065nough!"}', b'{"secret": "***", "b": "***!"}'),
        (b'{"secret": "long-enough", "long-enough": 1}', b'{"secret": "***", "***": 1}'),
        (b'{"secret": "one-secret", "secret": "two-secret"}', b'{"secret": "***", "secret": "***"}'),
        (b'{"secret": "abc", "n": 1e400}', b'{"secret": "***", "n": 1e400}'),
        (
            b'{"key": "abc", "tokens": "x", "a": {"token": "y"}}',
            b'{"key": "abc", "tokens": "x", "a": {"token": "***"}}',
        ),
    ],
)
def test_a_json_object_keeps_every_byte_but_its_secrets(body: bytes, masked: bytes) -> None:
    assert mask_body(body) == masked


@pytest.mark.parametrize(
    ("body", "masked"),
    [
        (b"{'secret': 'abc', 'a': 1}", b"{'secret': '***', 'a': 1}"),
        (b'{"secret": "abc",}', b'{"secret": "***",}'),
        (b'{"secret": "a\\"bc",}', b'{"secret": "***",}'),
        (b'{\n "key": "abc"\n "msg": Long', b'{\n "key": "***"\n "msg": Long'),
        (b'{"secret": "abc', b'{"secret": "***'),
        (b'{"secret": abc, "a": 1}', b'{"secret": ***, "a": 1}'),
        (b'{"secret": {"x": "abc"', b'{"secret": ***'),
        (b"SECRET=abc;SYMBOL=SPY", b"SECRET=***;SYMBOL=SPY"),
        (b"pass phrase: abc\nbuy", b"pass phrase: ***\nbuy"),
        (b'[{"secret": "abc"}]', b'[{"secret": "***"}]'),
        (b'"{\\"secret\\": \\"abc\\"}"', b'"{\\"secret\\": \\"***\\"}"'),
        (b"{&quot;token&quot;: &quot;abc&quot;}", b"{&quot;token&quot;: &quot;***&quot;}"),
        ("{“secret”: “abc”}".encode(), "{“secret”: “***”}".encode()),
        (b'{"secret": "long-enough", note: long-enough}', b'{"secret": "***", note: ***}'),
        (b'\xff{"secret": "abc"}', b'\xff{"secret": "***"}'),
        (b'{"broker_pin": "1234", userPin: 1234, "spin": 1,}', b'{"broker_pin": "***", userPin: ***, "spin": 1,}'),
        (b"Authorization: Bearer abc\nx", b"Authorization: Bearer ***\nx"),
        (b'{"license_id": "606",}', b'{"license_id": "***",}'),
        (b'{"my_secret_token": "abc", }', b'{"my_secret_token": "***", }'),
    ],
)
def test_a_body_that_is_no_json_object_is_masked_by_what_looks_like_a_secret(body: bytes, masked: bytes) -> None:
    assert mask_body(body) == masked


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32"])
def test_a_body_in_another_encoding_is_masked_whole(encoding: str) -> None:
    assert mask_body('{"secret": "abc"}'.encode(encoding)) == b"***"


def test_a_body_cut_within_its_secret_is_masked_to_the_end() -> None:
    body = b'{"pad": "' + b"x" * 100 + b'", "secret": "' + SECRET.encode() + b'"}'

    assert b"wh-7" not in mask_body(body[:-8])


secrets = texts.map(lambda text: f"s3cret-7-{text}")
members = st.sampled_from(NAMES)


@st.composite
def bodies_with_copies(draw: st.DrawFn) -> tuple[bytes, str]:
    """Return an alert body that holds a secret in several places, in one of several spellings."""
    secret = draw(secrets)
    payload: dict[str, Any] = {
        **draw(json_objects),
        "copy": f"{draw(texts)}{secret}{draw(texts)}",
        "nested": [{"copy": secret}, draw(json_objects)],
        draw(members): secret,
    }
    text = json.dumps(payload, ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, 1])))
    return text.encode(), secret


@given(bodies_with_copies())
def test_the_masked_body_never_holds_the_secret(case: tuple[bytes, str]) -> None:
    body, secret = case

    masked = mask_body(body)

    assert secret.encode() not in masked
    assert secret not in json.dumps(decode_alert(masked), ensure_ascii=False)


@given(bodies_with_copies())
def test_the_masked_body_says_the_same_as_the_body(case: tuple[bytes, str]) -> None:
    payload, presented = split_secrets(decode_alert(case[0]))

    from_masked, _ = split_secrets(decode_alert(mask_body(case[0], presented)))

    assert from_masked == payload


def test_the_masked_body_says_the_same_where_key_carries_the_secret() -> None:
    body = json.dumps({"key": SECRET, "symbol": "SPY", "note": SECRET}).encode()
    payload, presented = split_secrets(decode_alert(body), lambda text: text == SECRET)

    masked = mask_body(body, presented)

    assert SECRET.encode() not in masked
    assert split_secrets(decode_alert(masked), lambda text: text == SECRET)[0] == payload


@given(secrets, members, texts, st.sampled_from(['{"%s": "%s", %s', "{'%s': '%s', %s}", "%s=%s;%s", '[{"%s":"%s"}]%s']))
@example("s3cret-7-\\", "token", "", '{"%s": "%s", %s')
def test_a_secret_in_broken_json_is_masked(secret: str, name: str, rest: str, layout: str) -> None:
    # A secret with quotes or separators in it has no end that could be found in broken text.
    plain = "".join(character for character in secret if character.isalnum() or character == "-")

    masked = mask_body((layout % (name, plain, rest)).encode())

    assert plain.encode() not in masked


@given(st.binary(max_size=80), st.lists(texts, max_size=2))
def test_any_bytes_can_be_masked(body: bytes, presented: list[str]) -> None:
    assert isinstance(mask_body(body, presented), bytes)


@given(st.text("{}[]\":,\\='secrtokn* \n", max_size=60))
def test_any_text_that_resembles_a_secret_can_be_masked(text: str) -> None:
    assert isinstance(mask_body(text.encode()), bytes)


def test_a_key_that_is_masked_already_was_a_secret_when_it_came() -> None:
    assert split_secrets({"key": MASK, "a": 1}, lambda _: False) == ({"a": 1}, (MASK,))
    assert split_secrets({"KEY": MASK, "a": 1}) == ({"KEY": MASK, "a": 1}, ())
    assert split_secrets({"key": 5}, lambda _: True) == ({"key": 5}, ())


def test_every_text_within_a_secret_is_masked_where_it_is_repeated() -> None:
    hidden = {"name-in-secret": ["item-in-secret", 5], "x": None}

    rest, presented = split_secrets(
        {"secret": hidden, "a": "name-in-secret", "b": ["item-in-secret", 5, None], "c": {"d": "item-in-secret"}}
    )

    assert rest == {"a": MASK, "b": [MASK, 5, None], "c": {"d": MASK}}
    assert presented == ()


@pytest.mark.parametrize(("secret", "kept"), [("1234567", "x1234567"), ("12345678", "x***")])
def test_copies_are_masked_from_eight_characters_on(secret: str, kept: str) -> None:
    body = json.dumps({"token": secret, "a": f"x{secret}"}).encode()

    assert split_secrets({"token": secret, "a": f"x{secret}"})[0] == {"a": kept}
    assert json.loads(mask_body(body))["a"] == kept


def test_the_longer_of_two_secrets_is_masked_first() -> None:
    payload = {"token": "long-enough", "secret": "long-enough-too", "a": "long-enough-too long-enough"}

    assert split_secrets(payload)[0] == {"a": "*** ***"}
    assert json.loads(mask_body(json.dumps(payload).encode()))["a"] == "*** ***"
    assert mask_body(b"a: long-enough-too", ["long-enough", "long-enough-too"]) == b"a: ***"


def test_a_presented_secret_is_masked_in_a_body_that_names_none() -> None:
    assert mask_body(b'{"a": "with long-enough"}', ["long-enough"]) == b'{"a": "with ***"}'
    assert mask_body(b"a: with long-enough", ["long-enough"]) == b"a: with ***"


def test_a_field_called_key_is_masked_where_it_carries_what_was_presented() -> None:
    body = b'{"key": "abc", "a": {"key": "abc"}, "b": 1}'

    assert mask_body(body, ["abc"]) == b'{"key": "***", "a": {"key": "***"}, "b": 1}'
    assert mask_body(body, ["other"]) == body
    assert mask_body(b'{"key": 5, "token": 7}', ["5"]) == b'{"key": 5, "token": "***"}'


@pytest.mark.parametrize(
    ("body", "masked"),
    [
        (b'{"secret": "",}', b'{"secret": "***",}'),
        (b"{'secret': 'a\\'b', 'a': 1,}", b"{'secret': '***', 'a': 1,}"),
        (b'{"secret": "a\\"b\\"c", x}', b'{"secret": "***", x}'),
        (b"secret: [1, 2", b"secret: ***"),
        (b"secret=token=abc;x", b"secret=***;x"),
        (b"secret=abc;token=def;x", b"secret=***;token=***;x"),
        (b"secret=abc|x", b"secret=***|x"),
        (b"(secret=abc)", b"(secret=***)"),
        (b"secret=abc", b"secret=***"),
        (b"{&#34;token&#34;: &#34;a\\&#34;b&#34;}", b"{&#34;token&#34;: &#34;***&#34;b&#34;}"),
        ("token: “abc” x".encode(), "token: “***” x".encode()),
        ("token: ”abc” x".encode(), "token: ”***” x".encode()),
        ("é\xff secret=abc".encode("latin-1"), "é\xff secret=***".encode("latin-1")),
    ],
)
def test_a_value_in_loose_text_ends_where_its_quote_or_word_ends(body: bytes, masked: bytes) -> None:
    assert mask_body(body) == masked


def test_a_number_of_values_in_one_object_are_masked_each_to_its_end() -> None:
    body = b'{"secret": [1, {"a": "}"}, []], "x": [{"token": "t"}], "token": {}, "password": "\\u0061"}'

    assert mask_body(body) == b'{"secret": "***", "x": [{"token": "***"}], "token": "***", "password": "***"}'


def test_a_body_in_which_everything_looks_like_a_secret_is_masked() -> None:
    body = b'{"secret": "abc", "password": "\\u0061", "token": 1, "key": 2}'

    assert mask_body(body) == b'{"secret": "***", "password": "***", "token": "***", "key": 2}'


def test_a_secret_within_another_leaves_nothing_of_it() -> None:
    payload = {"token": "zz-secret", "secret": "my-zz-secret", "a": "my-zz-secret"}

    assert split_secrets(payload)[0] == {"a": "***"}
    assert json.loads(mask_body(json.dumps(payload).encode()))["a"] == "***"


def test_numbers_and_spellings_are_left_as_they_were_sent() -> None:
    body = '{"token": "23456789", "n": 1234567890, "s": "é \\u0041", "m": 23456789}'.encode()

    assert mask_body(body) == body.replace(b'"23456789"', b'"***"')


def test_after_a_value_that_holds_the_name_of_a_secret_masking_goes_on() -> None:
    assert mask_body(b"secret=token=abc;password=def") == b"secret=***;password=***"


def test_a_quote_that_is_escaped_may_stand_last() -> None:
    assert mask_body(b'{"secret": "a\\"",}') == b'{"secret": "***",}'
