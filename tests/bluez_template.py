"""dbusmock's BlueZ with an adapter, and headsets that advertise while somebody listens.

Run by Debian's python3-dbusmock, in Debian's own Python: `tests.bluetooth` starts it.
"""

# mypy: ignore-errors
# dbus and gi, which have no types, live in Debian's Python.
# ruff: noqa: ANN001, ANN201, ANN202, FBT003

import dbus
from dbusmock import OBJECT_MANAGER_IFACE, mockobject
from dbusmock.templates import bluez5
from dbusmock.templates.bluez5 import (
    ADAPTER_IFACE,
    BUS_NAME,
    DEVICE_IFACE,
    IS_OBJECT_MANAGER,
    MAIN_OBJ,
    SYSTEM_BUS,
    AddAdapter,
)
from gi.repository import GLib

__all__ = ["BUS_NAME", "IS_OBJECT_MANAGER", "MAIN_OBJ", "SYSTEM_BUS", "AddAdapter", "load"]

_EVERY_MS = 200


def load(mock, parameters):
    """Add the adapter; ``parameters`` maps addresses to [name, dBm]."""
    bluez5.load(mock, {})
    GLib.idle_add(begin, mock, parameters)  # the manager's own object comes after this


def begin(mock, parameters):
    """Switch the adapter on."""
    adapter = mock.AddAdapter("hci0", "box")
    # What dbusmock 0.28 leaves out and every BlueZ since 5.47 tells.
    roles = dbus.Array(["central", "peripheral"], signature="s", variant_level=1)
    if "Roles" not in mockobject.objects[adapter].props[ADAPTER_IFACE]:
        mockobject.objects[adapter].AddProperty(ADAPTER_IFACE, "Roles", roles)
    GLib.timeout_add(_EVERY_MS, advertise, mock, adapter, parameters)


def advertise(mock, adapter, headsets):
    """Let every headset be heard, as BlueZ tells it, while it discovers."""
    if mockobject.objects[adapter].props[ADAPTER_IFACE]["Discovering"]:
        for address, (name, signal_dbm) in headsets.items():
            hear(mock, adapter, str(address), str(name), int(signal_dbm))
    return True


def hear(mock, adapter, address, name, signal_dbm):
    """Add a device that is heard for the first time; else tell how strong it was."""
    path = f"{adapter}/dev_{address.replace(':', '_')}"
    strength = {"RSSI": dbus.Int16(signal_dbm, variant_level=1)}
    if path in mockobject.objects:
        mockobject.objects[path].UpdateProperties(DEVICE_IFACE, strength)
        return
    properties = {
        "Address": dbus.String(address, variant_level=1),
        "AddressType": dbus.String("public", variant_level=1),
        "Name": dbus.String(name, variant_level=1),
        "Alias": dbus.String(name, variant_level=1),
        "Adapter": dbus.ObjectPath(adapter, variant_level=1),
        "Paired": dbus.Boolean(False, variant_level=1),
        "Connected": dbus.Boolean(False, variant_level=1),
        "UUIDs": dbus.Array([], signature="s", variant_level=1),
        **strength,
    }
    mock.AddObject(path, DEVICE_IFACE, properties, [])
    mock.EmitSignal(
        OBJECT_MANAGER_IFACE,
        "InterfacesAdded",
        "oa{sa{sv}}",
        [dbus.ObjectPath(path), {DEVICE_IFACE: properties}],
    )
