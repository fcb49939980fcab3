package media

import (
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"github.com/landlock-lsm/go-landlock/landlock"
	llsyscall "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// The decoder child is this same program, started again with one of these as its first argument. It takes away its own
// rights and then becomes ffmpeg (or, for the probe, tries what it must not be able to do and reports).
const (
	confineArgument = "confine-decoder"
	probeArgument   = "confine-probe"
)

// exitConfine is the decoder process's exit code if it cannot confine itself or start ffmpeg. That is an internal error. The
// program ffmpeg itself never exits with it.
const exitConfine = 125

// RunIfDecoderProcess must be the first call of main, and of TestMain in packages whose tests decode recordings. It returns at
// once, except in the decoder's child process, where it never returns.
func RunIfDecoderProcess() {
	if len(os.Args) < 2 {
		return
	}
	switch os.Args[1] {
	case confineArgument:
		err := confineAndExec(os.Args[2:])
		fmt.Fprintln(os.Stderr, "confine:", err)
		os.Exit(exitConfine)
	case probeArgument:
		if err := probeConfinement(); err != nil {
			fmt.Fprintln(os.Stderr, "confine:", err)
			os.Exit(exitConfine)
		}
		os.Exit(0)
	}
}

// confineAndExec takes MEMORY (bytes), CPU (seconds), FILES (the number of inherited file descriptors to keep) and a
// command, confines this process and becomes the command.
func confineAndExec(args []string) error {
	if len(args) < 4 {
		return errors.New("too few arguments")
	}
	var numbers [3]uint64
	for i := range numbers {
		n, err := strconv.ParseUint(args[i], 10, 63)
		if err != nil {
			return err
		}
		numbers[i] = n
	}
	command := args[3:]
	if err := closeFilesOnExec(uint(numbers[2])); err != nil {
		return err
	}
	if err := confine(command[0], numbers[0], numbers[1]); err != nil {
		return err
	}
	return fmt.Errorf("start of %s: %w", command[0], syscall.Exec(command[0], command, nil))
}

// closeFilesOnExec keeps what C libraries of the server may have opened without O_CLOEXEC from the child.
func closeFilesOnExec(first uint) error {
	err := unix.CloseRange(first, ^uint(0), unix.CLOSE_RANGE_CLOEXEC)
	if err == nil {
		return nil
	}
	files, err := os.ReadDir("/proc/self/fd") // a kernel before 5.11
	if err != nil {
		return err
	}
	for _, file := range files {
		if fd, err := strconv.Atoi(file.Name()); err == nil && fd >= int(first) {
			unix.CloseOnExec(fd)
		}
	}
	return nil
}

// confine takes every right from this thread that the program does not need to decode from one file descriptor to
// others. Landlock and seccomp hold only where the kernel has them; the resource limits always.
func confine(program string, memory, cpuSeconds uint64) error {
	runtime.LockOSThread() // no_new_privs and the filter are the thread's that calls exec
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("no_new_privs: %w", err)
	}
	if err := restrictFiles(program); err != nil {
		return fmt.Errorf("landlock: %w", err)
	}
	if err := restrictResources(memory, cpuSeconds); err != nil {
		return fmt.Errorf("resource limits: %w", err)
	}
	if !seccomp.Supported() {
		return nil
	}
	filter, err := decoderFilter()
	if err != nil {
		return fmt.Errorf("seccomp: %w", err)
	}
	if err := seccomp.LoadFilter(filter); err != nil {
		return fmt.Errorf("seccomp: %w", err)
	}
	return nil
}

func restrictResources(memory, cpuSeconds uint64) error {
	limits := []struct {
		resource int
		value    uint64
	}{
		// Not RLIMIT_AS: what Go has reserved until exec would count. With shared mappings refused by the filter, all
		// memory that can be filled counts here.
		{unix.RLIMIT_DATA, memory},
		{unix.RLIMIT_CPU, cpuSeconds},
		{unix.RLIMIT_FSIZE, 0},
		{unix.RLIMIT_NOFILE, 32},
		{unix.RLIMIT_CORE, 0},
		{unix.RLIMIT_MEMLOCK, 0},
	}
	for _, l := range limits {
		// Not unix.Prlimit: the syscall package must know of RLIMIT_NOFILE, or it restores the old one at exec.
		if err := syscall.Setrlimit(l.resource, &syscall.Rlimit{Cur: l.value, Max: l.value}); err != nil {
			return err
		}
	}
	return nil
}

// restrictFiles leaves nothing of the file system but reading libraries and executing the program, and no network.
func restrictFiles(program string) error {
	const read = landlock.AccessFSSet(llsyscall.AccessFSReadFile)
	const execute = read | llsyscall.AccessFSExecute
	executables := []string{program}
	if loader, err := dynamicLoader(program); err != nil {
		return err
	} else if loader != "" {
		executables = append(executables, loader)
	}
	return landlock.V9.BestEffort().Restrict(
		landlock.PathAccess(execute, executables...),
		landlock.PathAccess(read, "/etc/ld.so.cache", "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib").IgnoreIfMissing(),
	)
}

// dynamicLoader returns the path of the program's dynamic loader, "" for a static program.
func dynamicLoader(program string) (string, error) {
	file, err := elf.Open(program)
	if err != nil {
		return "", err
	}
	defer file.Close()
	for _, segment := range file.Progs {
		if segment.Type != elf.PT_INTERP {
			continue
		}
		name := make([]byte, min(segment.Filesz, unix.PathMax))
		if _, err := segment.ReadAt(name, 0); err != nil {
			return "", err
		}
		return unix.ByteSliceToString(name), nil
	}
	return "", nil
}

// decoderSyscalls is all that the dynamic loader, the C library and ffmpeg need to start and to decode. Names that an
// architecture lacks are left out there.
var decoderSyscalls = []string{
	// files that are open, and pipes
	"read", "readv", "pread64", "write", "writev", "lseek", "_llseek", "close", "fcntl", "fstat", "poll", "ppoll", "select", "pselect6",
	// looking for libraries; opening is below
	"access", "faccessat", "faccessat2", "stat", "lstat", "newfstatat", "statx", "readlink", "readlinkat", "getcwd",
	// memory
	"munmap", "mprotect", "mremap", "madvise", "brk",
	// threads and signals of its own
	"futex", "set_robust_list", "get_robust_list", "set_tid_address", "rseq", "arch_prctl", "sched_yield", "sched_getaffinity", "membarrier",
	"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "restart_syscall", "exit", "exit_group",
	// clocks and facts
	"clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time", "times", "getrusage", "getrandom",
	"getpid", "gettid", "getuid", "geteuid", "getgid", "getegid", "uname", "sysinfo",
	// once, to become ffmpeg; Landlock says that it can be nothing else
	"execve",
}

// decoderFilter refuses (EPERM) every system call that is not needed: sockets, processes, tracing, mounting, keys, and
// whatever a future kernel brings.
func decoderFilter() (seccomp.Filter, error) {
	info, err := arch.GetInfo("")
	if err != nil {
		return seccomp.Filter{}, err
	}
	allowed := seccomp.SyscallGroup{Action: seccomp.ActionAllow}
	for _, name := range decoderSyscalls {
		if _, ok := info.SyscallNames[name]; ok {
			allowed.Names = append(allowed.Names, name)
		}
	}
	when := func(name string, conditions ...seccomp.Condition) {
		if _, ok := info.SyscallNames[name]; ok {
			allowed.NamesWithCondtions = append(allowed.NamesWithCondtions, seccomp.NameWithConditions{Name: name, Conditions: conditions})
		}
	}
	const writes = unix.O_WRONLY | unix.O_RDWR | unix.O_CREAT | unix.O_TRUNC | unix.O_APPEND
	when("open", seccomp.Condition{Argument: 1, Operation: seccomp.BitsNotSet, Value: writes})
	when("openat", seccomp.Condition{Argument: 2, Operation: seccomp.BitsNotSet, Value: writes})
	when("mmap", seccomp.Condition{Argument: 3, Operation: seccomp.BitsNotSet, Value: unix.MAP_SHARED})
	when("clone", seccomp.Condition{Argument: 0, Operation: seccomp.BitsSet, Value: unix.CLONE_THREAD})
	when("prlimit64", seccomp.Condition{Argument: 2, Operation: seccomp.Equal, Value: 0})
	when("prctl", seccomp.Condition{Argument: 0, Operation: seccomp.Equal, Value: unix.PR_SET_NAME})
	return seccomp.Filter{
		NoNewPrivs: true,
		Policy: seccomp.Policy{
			DefaultAction: seccomp.ActionErrno,
			Syscalls: []seccomp.SyscallGroup{
				// Filters cannot look into clone3's arguments; told that there is none, the C library uses clone.
				{Names: []string{"clone3"}, Action: seccomp.ActionErrno | seccomp.Action(unix.ENOSYS)},
				allowed,
			},
		},
	}, nil
}

// Confinement says which layers hold the decoder's child. Each was tried, in a child, when the Decoder was made.
type Confinement struct {
	// Files: the child cannot open files (Landlock).
	Files bool `json:"files"`
	// Network: the child cannot make sockets (seccomp).
	Network bool `json:"network"`
	// Processes: the child cannot start processes (seccomp).
	Processes bool `json:"processes"`
	// Limits: memory, processor time and written bytes are limited (setrlimit).
	Limits bool `json:"limits"`
}

// Full reports whether every layer holds.
func (c Confinement) Full() bool { return c.Files && c.Network && c.Processes && c.Limits }

// String names the layers that hold, such as "files, network, processes, limits"; "none" where none does.
func (c Confinement) String() string {
	var layers []string
	for _, layer := range []struct {
		name  string
		holds bool
	}{{"files", c.Files}, {"network", c.Network}, {"processes", c.Processes}, {"limits", c.Limits}} {
		if layer.holds {
			layers = append(layers, layer.name)
		}
	}
	if len(layers) == 0 {
		return "none"
	}
	return strings.Join(layers, ", ")
}

// probeConfinement confines this process, tries what must fail, and prints a Confinement as JSON.
func probeConfinement() error {
	const memory = 1 << 30
	if err := confine("/proc/self/exe", memory, 10); err != nil {
		return err
	}
	var found Confinement
	file, err := unix.Open("/etc/passwd", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	found.Files = err != nil
	if err == nil {
		unix.Close(file)
	}
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	found.Network = err != nil
	if err == nil {
		unix.Close(socket)
	}
	found.Processes = !canFork()
	var limit syscall.Rlimit
	err = syscall.Getrlimit(unix.RLIMIT_DATA, &limit)
	found.Limits = err == nil && limit.Cur == memory
	return json.NewEncoder(os.Stdout).Encode(found)
}

// canFork reports whether this thread may start a process.
func canFork() bool {
	pid, _, errno := unix.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if errno != 0 {
		return false
	}
	if pid == 0 {
		unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
	}
	_, _ = unix.Wait4(int(pid), nil, 0, nil)
	return true
}
