"""What the FastAGI server is told: where it listens, to whom, and how long a call may wait."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, kw_only=True)
class AgiSettings:
    """Raises ValueError for values that cannot work."""

    host: str
    port: int
    networks: tuple[Network, ...] = ()  #: who may connect, besides this host itself
    deadline: float = 0.2  #: seconds from the connection to the last byte
    max_connections: int = 256  #: at the same time; a PBX with 200 calls in hooks has fewer

    def __post_init__(self) -> None:
        if not self.host or not 0 <= self.port < 65536:
            raise ValueError("an address and a port from 0 to 65535 are needed")
        if not self.deadline > 0 or self.max_connections < 1:
            raise ValueError("deadline and max_connections must be above 0")

    def allows(self, address: str) -> bool:
        """Whether a peer with this address may connect."""
        try:
            peer = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        if isinstance(peer, ipaddress.IPv6Address) and peer.ipv4_mapped is not None:
            peer = peer.ipv4_mapped
        return peer.is_loopback or any(
            peer.version == network.version and peer in network for network in self.networks
        )
