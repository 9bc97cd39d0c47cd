"""A machine's files below a folder of the test, as far as `find_notices` reads them."""

from pathlib import Path

HOST = "gpu-2"
SESSION = "/user.slice/user-1000.slice/session-3.scope"
USER_SCOPE = "/user.slice/user-1000.slice/user@1000.service/app.slice/run-r1f0.scope"


class System:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.write("proc/sys/kernel/hostname", f"{HOST}\n")
        self.write("etc/passwd", "root:x:0:0:root:/root:/bin/bash\nalice:x:1000:1000::/home/alice:/bin/bash\n")

    def write(self, path: str, text: str) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def configure(self, path: str, *lines: str) -> None:
        """A file of logind's below systemd's folders, e.g. `etc/systemd/logind.conf`."""
        self.write(path, "\n".join(("[Login]", *lines, "")))

    def is_in(self, group: str) -> None:
        """Put this process in a control group."""
        self.write("proc/self/cgroup", f"0::{group}\n")

    def let_linger(self, user: str) -> None:
        self.write(f"var/lib/systemd/linger/{user}", "")
