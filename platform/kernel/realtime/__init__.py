"""The one door to everybody who listens: `push` a message to a topic, and each socket on it has it.

`kernel.realtime` is the only caller of the channel layer. Sockets join topics in a hub of their own process;
the layer carries one copy of a message to each process that has listeners.
"""

from kernel.realtime.door import close_sockets, push, refresh_sockets, wake_stream
from kernel.realtime.hearers import has_listeners
from kernel.realtime.messages import Answer, Payload, Push, Request, encode, new_event_id, now_text
from kernel.realtime.operations import Operation, operation, use_authenticator, use_stream_source
from kernel.realtime.socket import Identity, Socket, SocketError
from kernel.realtime.streams import Head, StreamRow

__all__ = [
    "Answer",
    "Head",
    "Identity",
    "Operation",
    "Payload",
    "Push",
    "Request",
    "Socket",
    "SocketError",
    "StreamRow",
    "close_sockets",
    "encode",
    "has_listeners",
    "new_event_id",
    "now_text",
    "operation",
    "push",
    "refresh_sockets",
    "use_authenticator",
    "use_stream_source",
    "wake_stream",
]
