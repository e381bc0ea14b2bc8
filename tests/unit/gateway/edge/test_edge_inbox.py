"""What the edge says about a request is believed with its token only, and whole messages find their request."""

import socket
from collections.abc import Iterator

import pytest

from gateway.edge.inbox import Inbox, Passed
from gateway.edge.link import EdgeLink

HEAD = "INVITE sip:900@h SIP/2.0\r\nCall-ID: one@x\r\nCSeq: 3 INVITE\r\n"


@pytest.fixture
def edge() -> Iterator[socket.socket]:
    """The edge's inner socket."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock


@pytest.fixture
def inbox(edge: socket.socket) -> Iterator[Inbox]:
    made = Inbox(EdgeLink("10.0.0.20", 5060, edge.getsockname()[1], "/nowhere", "token"))
    yield made
    made.close()


def told(said: str, head: str = HEAD) -> str:
    return f"{head}X-Apuntador-Edge: {said}\r\n\r\nv=0"


def test_the_source_and_the_trunk_are_the_edges_word(inbox: Inbox) -> None:
    message = told("token=token;source=10.1.1.1:5060;proto=tls;trunk=sede%201%3B;whole=0")
    assert inbox.read(message) == Passed(message, "10.1.1.1:5060", "sede 1;", "tls")


@pytest.mark.parametrize(
    "message",
    [
        HEAD + "\r\n",
        told("token=wrong;source=10.1.1.1:5060;trunk=a;whole=0"),
        told("source=10.1.1.1:5060;trunk=a"),
        told("token="),
        f"{HEAD}\r\nX-Apuntador-Edge: token=token;source=10.1.1.1:1;trunk=a;whole=0\r\n",
        "",
    ],
    ids=["none", "wrong", "without", "empty", "in the body", "nothing"],
)
def test_without_the_token_nothing_is_believed(inbox: Inbox, message: str) -> None:
    assert inbox.read(message) == Passed(message)


def test_the_whole_message_takes_the_place_of_what_was_cut(inbox: Inbox, edge: socket.socket) -> None:
    whole = f"{HEAD}X-Vendor: {'v' * 9000}\r\n\r\n<recording/>"
    other = whole.replace("3 INVITE", "4 UPDATE")
    for message in (other, whole):
        edge.sendto(message.encode(), ("127.0.0.1", inbox.port))
    assert inbox.read(told("token=token;source=1.2.3.4:5;trunk=a;whole=1")).message == whole
    cut = HEAD.replace("3 INVITE", "4 UPDATE")
    assert inbox.read(told("token=token;source=1.2.3.4:5;whole=1", cut)).message == other
    # A request that nothing was sent for stays as it is, and so does one that was not cut.
    lost = told("token=token;source=1.2.3.4:5;whole=1", HEAD.replace("one@x", "two@x"))
    assert inbox.read(lost) == Passed(lost, "1.2.3.4:5")
    uncut = told("token=token;source=1.2.3.4:5;whole=0")
    assert inbox.read(uncut).message == uncut


def test_mail_from_anybody_else_is_thrown_away(inbox: Inbox) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.sendto(f"{HEAD}\r\n<recording/>".encode(), ("127.0.0.1", inbox.port))
    message = told("token=token;source=1.2.3.4:5;whole=1")
    assert inbox.read(message).message == message


def test_mail_that_nobody_asks_for_does_not_pile_up(inbox: Inbox, edge: socket.socket) -> None:
    first = HEAD.replace("one@x", "0@x")
    for number in range(40):
        edge.sendto(f"{HEAD.replace('one@x', f'{number}@x')}\r\nwhole".encode(), ("127.0.0.1", inbox.port))
    kept = [inbox.read(told("token=token;whole=1", HEAD.replace("one@x", f"{n}@x"))).message for n in range(40)]
    assert sum(message.endswith("whole") for message in kept) == 16
    assert inbox.read(told("token=token;whole=1", first)).message.endswith("v=0")
