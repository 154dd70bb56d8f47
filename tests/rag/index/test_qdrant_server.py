import socket

import pytest

from rag.errors import IndexUnavailableError
from rag.index.qdrant_server import server_client


def test_no_answer_is_transient_and_names_the_setting() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(IndexUnavailableError, match="QDRANT_URL") as caught:
            server_client(url, timeout_s=1)
    assert caught.value.transient
