"""What logind.conf(5), systemd-run(1) and loginctl(1) say ends at a logout, on a machine whose files are the test's."""

import os

import pytest

from qtui.session_end import Commands, find_notices
from tests.session_end.system import HOST, SESSION, USER_SCOPE, System

COMMANDS = Commands(("qtui", "run", "calm2.toml"), ("qtui", "run", "calm2.toml", "--detach"))
OUTSIDE = "systemd-run --user --scope qtui run calm2.toml --detach"
MAIN = "etc/systemd/logind.conf"
YES, NO = "KillUserProcesses=yes", "KillUserProcesses=no"


def texts(system: System, environment: dict[str, str] | None = None) -> list[str]:
    return [found.text for found in find_notices(environment or {}, system.root, COMMANDS)]


def kills(system: System) -> bool:
    """Whether a logout ends the run, by the configuration alone."""
    system.is_in(SESSION)
    return bool(texts(system))


def test_session_that_logind_ends_is_told_both_commands(system: System) -> None:
    system.configure(MAIN, YES)
    system.is_in(SESSION)
    assert texts(system) == [
        f"The run ends when you log out of {HOST} or lose the connection: logind ends all processes of a session "
        f"(KillUserProcesses=yes). Start it outside of the session instead: loginctl enable-linger && {OUTSIDE}"
    ]


def test_lingering_does_not_save_what_is_in_the_session(system: System) -> None:
    system.configure(MAIN, YES)
    system.is_in(SESSION)
    system.let_linger("alice")
    [text] = texts(system)
    assert text.endswith(f"Start it outside of the session instead: {OUTSIDE}")
    assert "enable-linger" not in text


def test_scope_of_a_lingering_users_manager_outlives_every_logout(system: System) -> None:
    system.configure(MAIN, YES)
    system.is_in(USER_SCOPE)
    system.let_linger("alice")
    assert texts(system, {"XDG_SESSION_ID": "3"}) == []


@pytest.mark.parametrize("setting", [YES, NO])
def test_user_manager_ends_after_the_last_logout_unless_the_user_lingers(system: System, setting: str) -> None:
    system.configure(MAIN, setting)
    system.is_in(USER_SCOPE)
    system.let_linger("bob")
    [text] = texts(system, {"XDG_SESSION_ID": "3"})
    assert text.startswith(f"The run ends after your last logout of {HOST}: ")
    assert text.endswith(": loginctl enable-linger")


def test_user_manager_that_is_kept_for_ever_needs_no_lingering(system: System) -> None:
    system.configure(MAIN, "UserStopDelaySec=infinity")
    system.is_in(USER_SCOPE)
    assert texts(system) == []


@pytest.mark.parametrize("group", ["/system.slice/ssh.service", "/system.slice/run-r1f0.scope", "/init.scope"])
def test_service_of_the_system_is_in_no_session(system: System, group: str) -> None:
    system.configure(MAIN, YES)
    system.is_in(group)
    assert texts(system, {"XDG_SESSION_ID": "3", "USER": "alice"}) == []


@pytest.mark.parametrize("group", ["/", None])
def test_session_is_known_by_its_number_where_the_control_group_tells_nothing(
    system: System, group: str | None
) -> None:
    system.configure(MAIN, YES)
    if group:
        system.is_in(group)
    assert len(texts(system, {"XDG_SESSION_ID": "3", "USER": "alice"})) == 1
    assert texts(system, {"USER": "alice"}) == []


def test_session_of_version_1_control_groups_is_known_too(system: System) -> None:
    system.configure(MAIN, YES)
    system.write("proc/self/cgroup", f"12:memory:/user.slice\n1:name=systemd:{SESSION}\n0::/\n")
    assert len(texts(system)) == 1


def test_default_of_a_machine_without_configuration_ends_nothing(system: System) -> None:
    assert not kills(system)


def test_comments_and_other_sections_count_for_nothing(system: System) -> None:
    system.write(MAIN, "[Sleep]\nKillUserProcesses=yes\n[Login]\n#KillUserProcesses=yes\n; KillUserProcesses=yes\n")
    assert not kills(system)


@pytest.mark.parametrize("value", ["yes", "YES", "true", "1", "on", "y", "t"])
def test_every_word_for_yes_is_understood(system: System, value: str) -> None:
    system.configure(MAIN, f"  KillUserProcesses = {value}  ")
    assert kills(system)


@pytest.mark.parametrize("value", ["", "maybe"])
def test_value_that_logind_cannot_read_leaves_the_one_before(system: System, value: str) -> None:
    system.configure(MAIN, YES, f"KillUserProcesses={value}")
    assert kills(system)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"etc/systemd/logind.conf": NO, "usr/lib/systemd/logind.conf.d/10-a.conf": YES}, True),
        ({"usr/lib/systemd/logind.conf": YES}, True),
        ({"etc/systemd/logind.conf": NO, "usr/lib/systemd/logind.conf": YES}, False),
        ({"etc/systemd/logind.conf.d/10-a.conf": NO, "usr/lib/systemd/logind.conf.d/20-b.conf": YES}, True),
        ({"etc/systemd/logind.conf.d/20-b.conf": NO, "usr/lib/systemd/logind.conf.d/10-a.conf": YES}, False),
        ({"etc/systemd/logind.conf.d/10-a.conf": NO, "run/systemd/logind.conf.d/10-a.conf": YES}, False),
        ({"run/systemd/logind.conf.d/10-a.conf": NO, "usr/local/lib/systemd/logind.conf.d/10-a.conf": YES}, False),
        ({"usr/local/lib/systemd/logind.conf.d/10-a.conf": YES, "usr/lib/systemd/logind.conf.d/10-a.conf": NO}, True),
        ({"etc/systemd/logind.conf.d/10-a.conf.bak": YES, "etc/systemd/logind.conf.d/README": YES}, False),
    ],
)
def test_drop_ins_follow_by_name_and_the_first_folder_that_has_one_counts(
    system: System, files: dict[str, str], expected: bool
) -> None:
    for path, line in files.items():
        system.configure(path, line)
    assert kills(system) == expected


def test_drop_in_that_is_linked_to_nothing_is_out_of_effect(system: System) -> None:
    system.configure("usr/lib/systemd/logind.conf.d/10-a.conf", YES)
    masked = system.root / "etc/systemd/logind.conf.d/10-a.conf"
    masked.parent.mkdir(parents=True)
    masked.symlink_to(os.devnull)
    assert not kills(system)


def test_configuration_that_cannot_be_read_is_no_configuration(system: System) -> None:
    (system.root / "etc/systemd/logind.conf").mkdir(parents=True)
    (system.root / "etc/systemd/logind.conf.d").write_text("no folder")
    assert not kills(system)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ((YES, "KillExcludeUsers=root alice"), False),
        ((YES, "KillExcludeUsers=root", "KillExcludeUsers=alice"), False),
        ((YES, "KillExcludeUsers=alice", "KillExcludeUsers="), True),
        ((YES, "KillOnlyUsers=bob"), False),
        ((YES, "KillOnlyUsers=bob alice"), True),
        ((YES, "KillOnlyUsers=alice", "KillExcludeUsers=alice"), False),
        ((YES, "KillOnlyUsers=bob", "KillOnlyUsers="), True),
        ((NO, "KillOnlyUsers=alice"), True),
    ],
)
def test_lists_of_users_count_before_the_setting_for_all(
    system: System, lines: tuple[str, ...], expected: bool
) -> None:
    system.configure(MAIN, *lines)
    assert kills(system) == expected


@pytest.mark.parametrize(
    ("lines", "expected"), [((YES,), False), ((YES, "KillExcludeUsers="), True), ((YES, "KillExcludeUsers=bob"), True)]
)
def test_root_is_excluded_until_a_list_says_otherwise(system: System, lines: tuple[str, ...], expected: bool) -> None:
    system.configure(MAIN, *lines)
    system.is_in("/user.slice/user-0.slice/session-1.scope")
    assert bool(texts(system)) == expected


def test_session_belongs_to_who_logged_in_whatever_sudo_makes_of_the_environment(system: System) -> None:
    system.configure(MAIN, YES, "KillExcludeUsers=root")
    system.is_in(SESSION)
    system.let_linger("root")
    [text] = texts(system, {"USER": "root", "LOGNAME": "root"})
    assert "enable-linger" in text


def test_user_of_a_directory_service_is_known_by_the_environment(system: System) -> None:
    system.configure(MAIN, YES, "KillExcludeUsers=carol")
    system.is_in("/user.slice/user-70001.slice/session-3.scope")
    assert texts(system, {"USER": "carol"}) == []


def test_job_and_login_session_have_a_notice_each(system: System) -> None:
    system.configure(MAIN, YES)
    system.is_in(SESSION)
    found = find_notices({"JOB_ID": "12", "QUEUE": "q", "JOB_NAME": "QLOGIN"}, system.root)
    assert [each.when for each in found] == ["with Grid Engine job 12", f"when you log out of {HOST}"]
