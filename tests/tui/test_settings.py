"""What can be set at the box: networks, light, language, devices, and a log for the lab."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
import pytest

from recorder.protocol.replies import FoundDevice
from tests.network_manager import networks_in_reach
from tests.service_process import ServiceProcess
from tests.tui.conftest import QUICK
from tests.tui.pilot import screen_on
from tests.tui.staged import HOME, staged
from tui.backlight import STEPS, Backlight, Dimmer
from tui.preferences import Preferences, load_preferences, save_preferences
from tui.screens.devices import short_name
from tui.screens.wifi import WifiScreen
from tui.sticks import find_stick, free_place
from tui.themes import CONTRAST, QUIET

if TYPE_CHECKING:
    from pathlib import Path


def test_a_network_is_found_and_joined_with_a_password_typed_on_any_layout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        async with staged(tmp_path) as screen:
            await screen.tell(HOME)
            await screen.app.push_screen(WifiScreen())
            await screen.until_says("Practice сигнал хороший")
            await screen.until_says("2 Cafe сигнал слабый")
            await screen.press("2", "enter")
            await screen.until_says("Пароль сети Cafe")
            await screen.press(*"зфыы12345")  # on a Latin layout: pass12345
            await screen.until_says("pass12345")
            await screen.press("enter")
            await screen.until_says("Подключено: Cafe")
            await screen.until_says("1 Cafe используется")
            assert "pass12345" not in screen.glass()

    with networks_in_reach({"Practice": 80, "Cafe": 30}) as address:
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", address)
        asyncio.run(story())


def test_a_password_too_short_for_any_network_is_not_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        async with staged(tmp_path) as screen:
            await screen.tell(HOME)
            await screen.app.push_screen(WifiScreen())
            await screen.until_says("Practice")
            await screen.press("enter", *"1234567", "enter")
            await screen.until_says("Пароль сети Practice")

    with networks_in_reach({"Practice": 80}) as address:
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", address)
        asyncio.run(story())


def test_a_box_without_wifi_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        async with staged(tmp_path) as screen:
            await screen.tell(HOME)
            await screen.app.push_screen(WifiScreen())
            await screen.until_says("Wi-Fi на этом приборе недоступен")

    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path}/nothing")
    asyncio.run(story())


@pytest.fixture
def light(tmp_path: Path) -> Backlight:
    folder = tmp_path / "backlight" / "rpi"
    folder.mkdir(parents=True)
    (folder / "max_brightness").write_text("31\n")
    (folder / "brightness").write_text("20\n")
    found = Backlight.find(tmp_path / "backlight")
    assert found is not None
    return found


def test_the_light_goes_in_steps_and_is_never_dark(light: Backlight) -> None:
    for step in range(-1, STEPS + 2):
        light.set_step(step)
        assert light.step() == max(1, min(step, STEPS))
        assert int((light.folder / "brightness").read_text()) > 0


def test_quiet_turns_the_light_down_and_back(light: Backlight) -> None:
    dimmer, before = Dimmer(light), light.step()
    dimmer.dim(dark=True)
    assert light.step() == 1
    dimmer.dim(dark=False)
    assert light.step() == before


@pytest.mark.parametrize("content", ["", "nonsense"])
def test_a_light_that_can_not_be_read_is_let_be(light: Backlight, content: str) -> None:
    (light.folder / "brightness").write_text(content)
    Dimmer(light).dim(dark=True)
    assert (light.folder / "brightness").read_text() == content


def test_without_a_light_there_is_none(tmp_path: Path) -> None:
    assert Backlight.find(tmp_path / "nothing") is None


def test_a_second_log_on_the_same_stick_gets_another_name(tmp_path: Path) -> None:
    names = []
    for _ in range(3):
        path = free_place(tmp_path, "fieldrec-BOX-00019", ".zip")
        path.touch()
        names.append(path.name)
    assert names == [f"fieldrec-BOX-00019{more}.zip" for more in ("", "-2", "-3")]


def test_a_stick_is_found_where_sticks_are_mounted(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/mmcblk0p2 / ext4 rw 0 0\n/dev/sda1 {tmp_path} vfat rw 0 0\n")
    assert find_stick(mounts) is None
    assert find_stick(tmp_path / "nothing") is None


def test_preferences_last_and_bad_ones_are_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "screen.json"
    assert load_preferences(path) == Preferences()
    chosen = Preferences(language="en", contrast=True, mode="online")
    save_preferences(path, chosen)
    assert load_preferences(path) == chosen
    path.write_text("{nonsense")
    assert load_preferences(path) == Preferences()


def test_the_language_changes_at_once_and_stays(service: ServiceProcess) -> None:
    box = service.socket.parent

    async def story() -> None:
        async with screen_on(service.socket, box=box) as screen:
            await screen.until_says("Прибор готов")
            await screen.press("f2")
            await screen.until_says("The box is ready")
        async with screen_on(service.socket, box=box, language=None) as screen:
            await screen.until_says("The box is ready")
            await screen.press("f2")

    asyncio.run(story())


def test_contrast_and_quiet_change_the_looks(service: ServiceProcess) -> None:
    async def story() -> None:
        async with screen_on(service.socket) as screen:
            await screen.press("f4")
            await screen.until_up("SettingsScreen")
            await screen.press("5", "enter")
            assert screen.app.theme == CONTRAST
            screen.app.set_quiet(quiet=True)
            assert screen.app.theme == QUIET
            screen.app.set_quiet(quiet=False)
            assert screen.app.theme == CONTRAST

    asyncio.run(story())


def test_devices_are_searched_and_one_is_chosen_and_forgotten(box: Path) -> None:
    async def story() -> None:
        async with screen_on(box / "recorder.sock") as screen:
            await screen.press("f4")
            await screen.until_up("SettingsScreen")
            await screen.press("2", "enter")
            await screen.until_says("Шлем: смоделированный")
            await screen.press("enter")
            await screen.until(lambda: screen.state.headset.name == "Simulated headset")
            await screen.until_says("Simulated headset, на связи")
            await screen.press("f8")
            await screen.until(lambda: screen.state.headset.name == "")

    with ServiceProcess(box, QUICK):
        asyncio.run(story())


@pytest.mark.parametrize(
    ("device", "name"),
    [
        (FoundDevice("ble:1", "Muse-4A12", "Muse 2"), "Muse-4A12"),
        (FoundDevice("ble:1", "", "OpenBCI: Cyton"), "OpenBCI- Cyton"),
        (FoundDevice("ble:1", "x" * 40), "x" * 24),
        (FoundDevice("ble:1", "  "), "headset"),
    ],
)
def test_a_headset_gets_a_short_name(device: FoundDevice, name: str) -> None:
    assert short_name(device) == name


def test_without_a_stick_there_is_no_log_and_it_says_so(service: ServiceProcess) -> None:
    async def story() -> None:
        async with screen_on(service.socket) as screen:
            await screen.press("f4")
            await screen.until_up("SettingsScreen")
            await screen.press("6", "enter")
            await screen.until_up("LogsScreen")
            await screen.press("enter")
            await screen.until_says("Флешки не видно")

    asyncio.run(story())


def test_what_is_known_of_the_box_can_be_read_out(tmp_path: Path) -> None:
    async def story() -> None:
        async with staged(tmp_path) as screen:
            await screen.tell(msgspec.structs.replace(HOME, box_temperature_c=51.0))
            await screen.press("f4", "7", "enter")
            await screen.until_says("51 °C")
            await screen.until_says("BOX-0007Y")

    asyncio.run(story())
