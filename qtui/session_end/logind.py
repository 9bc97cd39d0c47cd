"""Whether logind ends a run at a logout, and what outlives one.

A session's processes are in its scope, `session-N.scope`. logind ends all that is left in it where `KillUserProcesses=yes`; whether
the user lingers plays no part in that. What runs under the user manager, `user@UID.service`, is not in the scope, but the manager
itself ends after the user's last logout, unless the user lingers. So what outlives every logout is a scope of the user manager
(`systemd-run --user --scope`) of a user who lingers. See logind.conf(5), systemd-run(1) and loginctl(1).
"""

import pwd
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from qtui.session_end import control_group, system_files
from qtui.session_end.notice import Commands, Notice

_FOLDERS = ("etc/systemd", "run/systemd", "usr/local/lib/systemd", "usr/lib/systemd", "lib/systemd")
"""Of logind's configuration, the one that counts most first."""
_TRUE, _FALSE = ("1", "yes", "y", "true", "t", "on"), ("0", "no", "n", "false", "f", "off")
_LINGER = "loginctl enable-linger"
ROOT_UID = 0


@dataclass(frozen=True, slots=True)
class Settings:
    """What logind's configuration says of logouts. The defaults are those of the distributions."""

    kills: bool = False
    """`KillUserProcesses`"""
    only: tuple[str, ...] = ()
    """`KillOnlyUsers`"""
    excluded: tuple[str, ...] = ("root",)
    """`KillExcludeUsers`"""
    keeps_user_managers: bool = False
    """`UserStopDelaySec=infinity`"""

    def reason(self, user: str) -> str:
        """The setting because of which this user's session is ended at logout; empty where it is not.

        A list of users in `KillOnlyUsers` counts whatever `KillUserProcesses` says.
        """
        if user in self.excluded:
            return ""
        if self.only:
            return f"KillOnlyUsers={user}" if user in self.only else ""
        return "KillUserProcesses=yes" if self.kills else ""


def notice(environment: Mapping[str, str], root: Path, commands: Commands) -> Notice | None:
    """The notice for this process's login session or user manager; None where a logout ends nothing."""
    group = control_group.of_this_process(root)
    if group.session_of is not None:
        return _of_session(root, _user_name(root, group.session_of, environment), commands)
    if group.user_manager_of is not None:
        return _of_user_manager(root, _user_name(root, group.user_manager_of, environment))
    if not group.is_known and environment.get("XDG_SESSION_ID"):
        return _of_session(root, _user_name(root, None, environment), commands)
    return None


def settings(root: Path) -> Settings:
    """The configuration in effect. A setting that logind would not understand counts as little here as there."""
    found = Settings()
    excluded: tuple[str, ...] = ()
    for key, value in _assignments(root):
        words = tuple(value.replace('"', " ").replace("'", " ").split())
        if key == "KillUserProcesses" and value.lower() in (*_TRUE, *_FALSE):
            found = replace(found, kills=value.lower() in _TRUE)
        elif key == "KillOnlyUsers":
            found = replace(found, only=found.only + words if words else ())
        elif key == "KillExcludeUsers":
            # Any value takes root's place, which is the default; an empty one takes back what came before, too.
            excluded = excluded + words if words else ()
            found = replace(found, excluded=excluded)
        elif key == "UserStopDelaySec" and value:
            found = replace(found, keeps_user_managers=value == "infinity")
    return found


def _of_session(root: Path, user: str, commands: Commands) -> Notice | None:
    reason = settings(root).reason(user)
    if not reason:
        return None
    outside = f"systemd-run --user --scope {shlex.join(commands.detached)}"
    lines = (outside,) if _lingers(root, user) else (_LINGER, outside)
    ends = f"when you log out{_of_host(root)}"
    text = (
        f"The run ends {ends} or lose the connection: logind ends what a session leaves behind ({reason})."
        f" {commands.advice('start it outside of the session', ' && '.join(lines))}"
    )
    return Notice(ends, text, lines)


def _of_user_manager(root: Path, user: str) -> Notice | None:
    if _lingers(root, user) or settings(root).keeps_user_managers:
        return None
    ends = f"after your last logout{_of_host(root)}"
    text = (
        f"The run ends {ends}: it belongs to your user manager (user@.service), which ends then."
        f" Keep the user manager: {_LINGER}"
    )
    return Notice(ends, text, (_LINGER,))


def _of_host(root: Path) -> str:
    name = system_files.host_name(root)
    return f" of {name}" if name else ""


def _lingers(root: Path, user: str) -> bool:
    return bool(user) and "/" not in user and (root / "var/lib/systemd/linger" / user).exists()


def _user_name(root: Path, uid: int | None, environment: Mapping[str, str]) -> str:
    """By the system's list of users, else (of a user from a directory service, where that is not asked) by the environment."""
    if uid is not None:
        if name := _name_in_passwd(root, uid):
            return name
        if root == Path("/"):
            try:
                return pwd.getpwuid(uid).pw_name
            except KeyError:
                pass
        if uid == ROOT_UID:
            return "root"
    return environment.get("USER") or environment.get("LOGNAME") or ""


def _name_in_passwd(root: Path, uid: int) -> str:
    for line in system_files.read(root / "etc/passwd").splitlines():
        fields = line.split(":")
        if len(fields) > 2 and fields[2] == str(uid):
            return fields[0]
    return ""


def _assignments(root: Path) -> Iterator[tuple[str, str]]:
    """(key, value) of the section [Login], in the order in which logind reads them: a later one replaces an earlier one.

    The main file comes first, then the drop-ins by their names; each is taken from the first folder that has it.
    """
    main = next((path for folder in _FOLDERS if (path := root / folder / "logind.conf").exists()), None)
    if main is not None:
        yield from _of_login_section(system_files.read(main))
    drop_ins: dict[str, Path] = {}
    for folder in _FOLDERS:
        for path in sorted((root / folder / "logind.conf.d").glob("*.conf")):
            drop_ins.setdefault(path.name, path)
    for name in sorted(drop_ins):
        yield from _of_login_section(system_files.read(drop_ins[name]))


def _of_login_section(text: str) -> Iterator[tuple[str, str]]:
    section = ""
    for line in map(str.strip, text.replace("\\\n", " ").splitlines()):
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
        elif section == "Login" and "=" in line and not line.startswith(("#", ";")):
            key, _, value = line.partition("=")
            yield key.strip(), value.strip()
