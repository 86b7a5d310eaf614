"""The relay: bytes up, bytes down, and nothing of memory in between.

    client -> down.py  reads requests   -> flow.py  one exchange -> upstream.py  reads replies, keeps idle connections
              sink.py  large bodies        |                        connect.py   DNS, TLS, proxies
                                           delivery.py  the reply through a tap, back to the client
    door.py    ports, sweep, drain            heads.py   heads read strictly and rendered (pure)
    limits.py  sizes, times, counters         chunks.py  chunked coding (pure)

What to do with a request is asked of the house (core/plan.py); there is no task per request unless the house needs one or a new
connection has to be opened. Time limits are watched by one sweep per door. To use it: `Door(house)`, `await door.listen(host, port)`,
`await door.drain(seconds)`.
"""

from backstory.relay.connect import Connector, Proxies, Tls
from backstory.relay.door import Door
from backstory.relay.limits import DoorMetrics, Limits, Timeouts

__all__ = ["Connector", "Door", "DoorMetrics", "Limits", "Proxies", "Timeouts", "Tls"]
