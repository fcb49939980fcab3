package hostile

import (
	"strings"
	"testing"
)

func TestTraceIsRead(t *testing.T) {
	const before = "7 execve(\"/proc/self/exe\", [\"x\"], 0x1) = 0\n7 openat(AT_FDCWD, \"/etc/passwd\", O_RDONLY) = 3\n7 execve(\"/usr/bin/ffmpeg\", [\"x\"], 0x1 <unfinished ...>\n8 openat(AT_FDCWD, \"/etc/passwd\", O_RDONLY) = 3\n7 <... execve resumed>) = 0\n"
	for line, fault := range map[string]string{
		`7 openat(AT_FDCWD, "/usr/lib/libz.so.1", O_RDONLY) = 3`:                                             "",
		`7 openat(AT_FDCWD, "/proc/self/fd/3", O_RDONLY) = 8`:                                                "",
		`7 openat(AT_FDCWD, "/etc/passwd", O_RDONLY) = -1 EACCES`:                                            "",
		`7 openat(AT_FDCWD, "/etc/passwd", O_RDONLY) = 3`:                                                    "opened a file",
		`7 openat(AT_FDCWD, "/usr/lib/os-release", O_RDONLY) = 3`:                                            "opened a file",
		`7 socket(AF_INET, SOCK_STREAM, 0) = -1 EPERM`:                                                       "",
		`7 socket(AF_INET, SOCK_STREAM, 0) = 3`:                                                              "used the network",
		`7 clone(child_stack=NULL, flags=SIGCHLD) = 9`:                                                       "started a process",
		`7 clone(child_stack=0x1, flags=CLONE_VM|CLONE_THREAD) = 9`:                                          "",
		`7 execve("/bin/sh", ["sh"], 0x1) = 0`:                                                               "became another program",
		`9 execve("/bin/sh", ["sh"], 0x1) = 0`:                                                               "",
		"7 openat(AT_FDCWD, \"/etc/passwd\", O_RDONLY <unfinished ...>\n7 <... openat resumed>) = 3":         "opened a file",
		"7 openat(AT_FDCWD, \"/etc/passwd\", O_RDONLY <unfinished ...>\n7 <... openat resumed>) = -1 EACCES": "",
		"7 clone(flags=CLONE_VM|CLONE_THREAD) = 9\n9 openat(AT_FDCWD, \"/etc/passwd\", O_RDONLY) = 3":        "opened a file",
	} {
		children, faults := readTrace(before + line + "\n")
		if children != 1 || len(faults) > 1 || (fault == "") != (len(faults) == 0) || !strings.HasPrefix(strings.Join(faults, ""), fault) {
			t.Errorf("%s: %d children, %q, want %q", line, children, faults, fault)
		}
	}
}
