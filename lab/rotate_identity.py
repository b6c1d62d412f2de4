"""Change the lab's working identity: new recordings are sealed for a new one.

The new identity is on the disk before its public half can reach any box, and old ones
stay, since they open what was recorded before. The recovery key does not change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.identity import read_identities
from recorder.errors import LabError
from recorder.files import PRIVATE, PUBLIC, locked, read_private, write_atomic
from recorder.format.age import check_recipients, parse_recipients, recipient_text

if TYPE_CHECKING:
    from lab.settings import Lab


def rotate_identity(lab: Lab) -> str:
    """Make a new working identity and seal for it from now on; return its public key.

    Raises LabError where the present recipients are not this lab's two keys.
    """
    with locked(lab.root):
        own = read_identities(lab.identity_path)
        path = lab.public / "recipients.txt"
        text = path.read_text("ascii")
        present = parse_recipients(text)
        mine = {recipient_text(identity.recipient) for identity in own}
        others = [each for each in map(recipient_text, present) if each not in mine]
        working = [each for each in map(recipient_text, present) if each in mine]
        if len(others) != 1 or len(working) != 1:
            raise LabError(
                f"{path} names {len(working)} keys of this lab and {len(others)} others;"
                " needed are one working and one recovery key",
                hint="put back the file that `init` or the last change wrote",
            )
        new = type(own[0]).generate()
        public = recipient_text(new.recipient)
        check_recipients(parse_recipients(f"{public}\n{others[0]}\n"))
        kept = read_private(lab.identity_path).decode("ascii").rstrip("\n")
        added = f"{kept}\n# the next working key\n# public key: {public}\n{new.to_text()}\n"
        write_atomic(lab.identity_path, added.encode("ascii"), mode=PRIVATE)
        changed = text.replace(working[0], public)
        write_atomic(path, changed.encode("ascii"), mode=PUBLIC)
    return public
