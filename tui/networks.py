"""Wi-Fi through NetworkManager's D-Bus: the only file that speaks to it.

Only what a therapist needs: which networks are in reach, which one is used, and joining
one. NetworkManager keeps the passwords; the screen forgets them at once.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from dbus_fast import BusType, DBusError, Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from recorder.errors import SetupError

if TYPE_CHECKING:
    from types import TracebackType

_NAME = "org.freedesktop.NetworkManager"
_ROOT = "/org/freedesktop/NetworkManager"
_DEVICE = f"{_NAME}.Device"
_WIRELESS = f"{_NAME}.Device.Wireless"
_POINT = f"{_NAME}.AccessPoint"
_ACTIVE = f"{_NAME}.Connection.Active"
_CONNECTION = f"{_NAME}.Settings.Connection"
_PROPERTIES = "org.freedesktop.DBus.Properties"
_NOTHING = "/"
_WIFI = 2  # NMDeviceType
_ACTIVATING, _ACTIVATED = 1, 2  # NMActiveConnectionState
_PRIVACY = 0x1  # NM80211ApFlags
_PATIENCE_S = 30.0
_LOOK_S = 0.5


class NetworkError(SetupError):
    """NetworkManager is not there, or refused."""


@dataclass(frozen=True, slots=True)
class Network:
    """One Wi-Fi network in reach; ``known`` where its password is kept already."""

    name: str
    strength: int  # per cent
    locked: bool
    known: bool
    used: bool
    path: str  # of the access point


class Networks:
    """A connection to NetworkManager; use it in ``async with``. Raises NetworkError."""

    def __init__(self) -> None:
        self._bus: MessageBus | None = None

    async def __aenter__(self) -> Self:
        try:
            self._bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
        except (OSError, DBusError, ValueError) as error:
            raise NetworkError("there is no system bus") from error
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bus is not None:
            self._bus.disconnect()

    async def in_reach(self) -> list[Network]:
        """Return the networks in reach, the strongest first; each name once."""
        device = await self._wifi_device()
        await self._try_scan(device)
        used = await self._used_point(device)
        known = await self._known_names(device)
        found: dict[str, Network] = {}
        for path in await self._call(device, _WIRELESS, "GetAllAccessPoints"):
            network = await self._network(path, known, used)
            best = found.get(network.name)
            better = best is None or (network.used, network.strength) > (
                best.used,
                best.strength,
            )
            if network.name and better:
                found[network.name] = network
        return sorted(found.values(), key=lambda each: (not each.used, -each.strength))

    async def join(self, network: Network, password: str = "") -> None:
        """Use ``network`` from now on. Raises NetworkError where that fails."""
        device = await self._wifi_device()
        if network.known and not password:
            active = await self._call(
                _ROOT, _NAME, "ActivateConnection", "ooo", [_NOTHING, device, network.path]
            )
        else:
            settings = {
                "802-11-wireless": {"ssid": Variant("ay", network.name.encode())},
            }
            if password:
                settings["802-11-wireless-security"] = {
                    "key-mgmt": Variant("s", "wpa-psk"),
                    "psk": Variant("s", password),
                }
            _, active = await self._call(
                *(_ROOT, _NAME, "AddAndActivateConnection", "a{sa{sv}}oo"),
                [settings, device, network.path],
            )
        await self._wait_for(active)

    async def _wait_for(self, active: str) -> None:
        for _ in range(round(_PATIENCE_S / _LOOK_S)):
            state = await self._get(active, _ACTIVE, "State", 0)
            if state == _ACTIVATED:
                return
            if state != _ACTIVATING:
                break
            await asyncio.sleep(_LOOK_S)
        raise NetworkError("the network did not let the box in")

    async def _wifi_device(self) -> str:
        for path in await self._call(_ROOT, _NAME, "GetDevices"):
            if await self._get(path, _DEVICE, "DeviceType", 0) == _WIFI:
                return str(path)
        raise NetworkError("this box has no Wi-Fi")

    async def _try_scan(self, device: str) -> None:
        try:
            await self._call(device, _WIRELESS, "RequestScan", "a{sv}", [{}])
        except NetworkError:
            return  # one is going on, or was a moment ago

    async def _used_point(self, device: str) -> str:
        active = await self._get(device, _DEVICE, "ActiveConnection", _NOTHING)
        if active == _NOTHING:
            return _NOTHING
        return str(await self._get(active, _ACTIVE, "SpecificObject", _NOTHING))

    async def _known_names(self, device: str) -> set[str]:
        names = set()
        for path in await self._get(device, _DEVICE, "AvailableConnections", []):
            settings = await self._call(path, _CONNECTION, "GetSettings")
            ssid = settings.get("802-11-wireless", {}).get("ssid")
            if ssid is not None:
                names.add(bytes(ssid.value).decode("utf-8", "replace"))
        return names

    async def _network(self, path: str, known: set[str], used: str) -> Network:
        ssid = await self._get(path, _POINT, "Ssid", b"")
        name = bytes(ssid).decode("utf-8", "replace")
        flags = await self._get(path, _POINT, "Flags", 0)
        guards = await self._get(path, _POINT, "RsnFlags", 0)
        return Network(
            name=name,
            strength=int(await self._get(path, _POINT, "Strength", 0)),
            locked=bool(flags & _PRIVACY or guards),
            known=name in known,
            used=path == used,
            path=path,
        )

    async def _get(self, path: str, interface: str, name: str, otherwise: Any) -> Any:  # noqa: ANN401 - D-Bus values
        """Return a property, ``otherwise`` where there is no such one."""
        try:
            found = await self._call(path, _PROPERTIES, "Get", "ss", [interface, name])
        except NetworkError:
            return otherwise
        return found.value

    async def _call(
        self,
        path: str,
        interface: str,
        member: str,
        signature: str = "",
        body: list[Any] | None = None,
    ) -> Any:  # noqa: ANN401 - D-Bus values
        if self._bus is None:
            raise NetworkError("not connected to the system bus")
        message = Message(
            destination=_NAME,
            path=path,
            interface=interface,
            member=member,
            signature=signature,
            body=body or [],
        )
        try:
            reply = await asyncio.wait_for(self._bus.call(message), _PATIENCE_S)
        except (OSError, DBusError, TimeoutError) as error:
            raise NetworkError("NetworkManager does not answer") from error
        if reply.message_type is MessageType.ERROR:
            raise NetworkError(f"NetworkManager refused {member}: {reply.error_name}")
        return reply.body[0] if len(reply.body) == 1 else tuple(reply.body)
