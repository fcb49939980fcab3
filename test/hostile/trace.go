package hostile

import (
	"fmt"
	"regexp"
	"strings"
)

var (
	// becomes is the moment at which a child has become ffmpeg and reads what strangers sent.
	becomes = regexp.MustCompile(`^(\d+) +execve\("[^"]*/ffmpeg", `)
	resumed = regexp.MustCompile(`^\d+ +<\.\.\. \w+ resumed>`)
	call    = regexp.MustCompile(`^(\d+) +(\w+)(.*)$`)
	opened  = regexp.MustCompile(`^(?:\(AT_FDCWD, |\()"([^"]*)"`)
	// harmless are files that a program may open to start: libraries, the C library's list of character sets, and the
	// recording itself.
	harmless = regexp.MustCompile(`^(/etc/ld\.so\.cache|/(usr/)?(local/)?lib(64)?/.*(\.so(\.[0-9]+)*|/gconv-modules\.cache)|/proc/self/fd/3)$`)
	thread   = regexp.MustCompile(`CLONE_THREAD`)
)

// readTrace reads strace's output and returns how many decoders ran, and what they did that they must not.
func readTrace(text string) (children int, faults []string) {
	decoders := map[string]bool{}
	begun := map[string]string{} // by process, a call that another process's line stands in the middle of
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		pid, _, _ := strings.Cut(line, " ")
		if start, cut := strings.CutSuffix(line, "<unfinished ...>"); cut {
			begun[pid] = start
			continue
		}
		if strings.Contains(line, "+++ exited") || strings.Contains(line, "+++ killed") {
			delete(decoders, pid) // the number may come again
			continue
		}
		if m := resumed.FindString(line); m != "" {
			line = begun[pid] + strings.TrimPrefix(line, m)
		}
		if m := becomes.FindStringSubmatch(line); m != nil {
			decoders[m[1]] = true
			children++
			continue
		}
		m := call.FindStringSubmatch(line)
		if m == nil || !decoders[m[1]] {
			continue
		}
		if fault := judgeCall(decoders, m[2], m[3]); fault != "" {
			faults = append(faults, fmt.Sprintf("%s: %s", fault, line))
		}
	}
	return children, faults
}

var threadID = regexp.MustCompile(`= (\d+)$`)

// judgeCall returns what is wrong with a decoder's system call, "" where it is nothing. What the kernel refused is as it
// should be.
func judgeCall(decoders map[string]bool, name, rest string) string {
	done := !strings.Contains(rest, "= -1 ")
	switch name {
	case "open", "openat", "openat2", "creat":
		path := opened.FindStringSubmatch(rest)
		if done && (path == nil || !harmless.MatchString(path[1])) {
			return "opened a file"
		}
	case "socket", "socketpair", "connect", "bind", "listen", "accept", "accept4", "sendto", "sendmsg", "recvfrom", "recvmsg":
		if done {
			return "used the network"
		}
	case "fork", "vfork":
		if done {
			return "started a process"
		}
	case "clone", "clone3":
		if done && !thread.MatchString(rest) {
			return "started a process"
		}
		if id := threadID.FindStringSubmatch(rest); id != nil {
			decoders[id[1]] = true
		}
	case "execve", "execveat":
		if done {
			return "became another program"
		}
	case "unlink", "unlinkat", "rename", "renameat", "renameat2", "mkdir", "mkdirat", "link", "linkat", "symlink", "symlinkat", "chmod", "fchmodat", "truncate":
		if done {
			return "changed a file"
		}
	}
	return ""
}
