"""Whether logind ends a run at a logout, and how to start a run that survives it.

A session's processes are in its scope, `session-N.scope`. With `KillUserProcesses=yes` logind ends all of them at logout, whether
the user lingers or not. Processes under the user manager, `user@UID.service`, are not in the scope, but the manager itself ends
after the user's last logout, unless the user lingers. So only a scope of the user manager (`systemd-run --user --scope`) of a user
who lingers survives every logout. See logind.conf(5), systemd-run(1) and loginctl(1).
"""

import pwd
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from qtui.session_end import control_group, system_files
from qtui.session_end.notice import Commands, Notice

_FOLDERS = ("etc/systemd", "run/systemd", "usr/local/lib/systemd", "usr/lib/systemd", "lib/systemd")
"""Folders of logind's configuration, highest priority first."""
_TRUE, _FALSE = ("1", "yes", "y", "true", "t", "on"), ("0", "no", "n", "false", "f", "off")
_LINGER = "loginctl enable-linger"
ROOT_UID = 0


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of logind about logouts. The defaults are those of the distributions."""

    kills: bool = False
    """`KillUserProcesses`"""
    only: tuple[str, ...] = ()
    """`KillOnlyUsers`"""
    excluded: tuple[str, ...] = ("root",)
    """`KillExcludeUsers`"""
    keeps_user_managers: bool = False
    """`UserStopDelaySec=infinity`"""

    def reason(self, user: str) -> str:
        """The setting that makes logind end this user's session at logout; empty if none does.

        A list of users in `KillOnlyUsers` overrides `KillUserProcesses`.
        """
        if user in self.excluded:
            return ""
        if self.only:
            return f"KillOnlyUsers={user}" if user in self.only else ""
        return "KillUserProcesses=yes" if self.kills else ""


def notice(environment: Mapping[str, str], root: Path, commands: Commands) -> Notice | None:
    """The notice for this process's login session or user manager; None if a logout ends nothing."""
    group = control_group.of_this_process(root)
    if group.session_of is not None:
        return _of_session(root, _user_name(root, group.session_of, environment), commands)
    if group.user_manager_of is not None:
        return _of_user_manager(root, _user_name(root, group.user_manager_of, environment))
    if not group.is_known and environment.get("XDG_SESSION_ID"):
        return _of_session(root, _user_name(root, None, environment), commands)
    return None


def read_settings(root: Path) -> Settings:
    """The configuration in effect. Values that logind does not understand are ignored, as logind does."""
    settings = Settings()
    excluded: tuple[str, ...] = ()
    for key, value in _assignments(root):
        words = tuple(value.replace('"', " ").replace("'", " ").split())
        if key == "KillUserProcesses" and value.lower() in (*_TRUE, *_FALSE):
            settings = replace(settings, kills=value.lower() in _TRUE)
        elif key == "KillOnlyUsers":
            settings = replace(settings, only=settings.only + words if words else ())
        elif key == "KillExcludeUsers":
            # Any value replaces the default, root; an empty value also clears the earlier ones.
            excluded = excluded + words if words else ()
            settings = replace(settings, excluded=excluded)
        elif key == "UserStopDelaySec" and value:
            settings = replace(settings, keeps_user_managers=value == "infinity")
    return settings


def _of_session(root: Path, user: str, commands: Commands) -> Notice | None:
    reason = read_settings(root).reason(user)
    if not reason:
        return None
    outside = f"systemd-run --user --scope {shlex.join(commands.detached)}"
    lines = (outside,) if _lingers(root, user) else (_LINGER, outside)
    when = f"when you log out{_of_host(root)}"
    text = (
        f"The run ends {when} or lose the connection: logind ends all processes of a session ({reason})."
        f" {commands.advice('start it outside of the session', ' && '.join(lines))}"
    )
    return Notice(when, text, lines)


def _of_user_manager(root: Path, user: str) -> Notice | None:
    if _lingers(root, user) or read_settings(root).keeps_user_managers:
        return None
    when = f"after your last logout{_of_host(root)}"
    text = (
        f"The run ends {when}: it belongs to your user manager (user@.service), which ends then."
        f" Keep the user manager: {_LINGER}"
    )
    return Notice(when, text, (_LINGER,))


def _of_host(root: Path) -> str:
    name = system_files.host_name(root)
    return f" of {name}" if name else ""


def _lingers(root: Path, user: str) -> bool:
    return bool(user) and "/" not in user and (root / "var/lib/systemd/linger" / user).exists()


def _user_name(root: Path, uid: int | None, environment: Mapping[str, str]) -> str:
    """The user's name: from the system's list of users, else from the environment (for users of a directory service)."""
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
    """(key, value) of the section [Login], in the order in which logind reads them: a later value replaces an earlier one.

    The main file comes first, then the drop-ins by name; each is read from the first folder that has it.
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
