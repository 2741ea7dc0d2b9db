"""The echo of Twisted, on its default reactor, epoll. Prints its port."""

from typing import Any

from twisted.internet import protocol
from twisted.internet import reactor as installed

reactor: Any = installed  # a module that is replaced by an object when first imported, which types cannot say


class Echo(protocol.Protocol):  # type: ignore[misc]  # untyped to mypy, see pyproject.toml
    transport: Any

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        self.transport.write(data)


port = reactor.listenTCP(0, protocol.Factory.forProtocol(Echo), backlog=4096, interface="127.0.0.1")
print(port.getHost().port, flush=True)
reactor.run()
