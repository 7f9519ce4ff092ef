"""What the server itself refuses on a classic path is told in the words that charting clients read."""

import json

import pytest

from datafeed.middleware import in_classic_words
from kernel.middleware import early_refusal
from signalbox.bodies import _refusal


@pytest.mark.parametrize("status", [400, 408, 413, 414, 431, 503])
@pytest.mark.parametrize(
    "line", [b"GET /udf/history?symbol=A HTTP/1.1", b"GET /api/v1/udf/config", b"POST /api/udf/time"]
)
def test_a_refusal_on_a_classic_path_says_so_in_its_words(line: bytes, status: int) -> None:
    response = _refusal(line, status)
    told = json.loads(response.content)
    assert (response.status_code, told["s"], bool(told["errmsg"])) == (status, "error", True)
    assert response["Content-Length"] == str(len(response.content))
    assert response["X-Request-ID"]


@pytest.mark.parametrize("line", [b"GET /datafeed/bars?x=/udf/ HTTP/1.1", b"GET", b"", b"\xff\xfe\x00 \xff"])
def test_elsewhere_it_is_a_problem_as_ever(line: bytes) -> None:
    response = _refusal(line, 400)
    assert response["Content-Type"] == "application/problem+json"


def test_what_is_no_error_stays_as_it_is() -> None:
    response = early_refusal(400)
    response.status_code = 200
    assert in_classic_words("/udf/time", response) is response
