package process

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Held is what a process holds at one moment.
type Held struct {
	// Memory is what is resident of the server, in bytes; Peak the most that ever was.
	Memory, Peak int64
	Goroutines   int
	// Files are the server's open file descriptors, Children its child processes, Temporary the files in the
	// temporary folder that it was given.
	Files, Children, Temporary int
}

// String returns one line.
func (h Held) String() string {
	return fmt.Sprintf("%d MB of memory (%d at most), %d goroutines, %d file descriptors, %d children, %d temporary files",
		h.Memory>>20, h.Peak>>20, h.Goroutines, h.Files, h.Children, h.Temporary)
}

// Held looks at the process. It must not have been started under another command.
func (s *Server) Held() (h Held, err error) {
	pid := s.command.Process.Pid
	if h.Memory, err = statusBytes(pid, "VmRSS:"); err != nil {
		return h, err
	}
	if h.Peak, err = statusBytes(pid, "VmHWM:"); err != nil {
		return h, err
	}
	goroutines, err := s.Metric("go_goroutines")
	if err != nil {
		return h, err
	}
	h.Goroutines = int(goroutines)
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return h, err
	}
	temporary, err := os.ReadDir(s.temporary)
	h.Files, h.Children, h.Temporary = len(files), len(Children(pid)), len(temporary)
	return h, err
}

// clockTicks are what /proc counts processor time in: so many a second on every Linux that Go runs on.
const clockTicks = 100

// CPU returns the processor time of the server and of its children that have ended. It must not have been started under another
// command.
func (s *Server) CPU() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.command.Process.Pid))
	if err != nil {
		return 0, err
	}
	// The second field is a name in brackets; of those after it, the 12th to 15th are user, system, and both of children.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	return ticks(fields[11:15])
}

// AllCPU returns the processor time of everything on the machine.
func AllCPU() (time.Duration, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	fields := strings.Fields(line) // cpu, user, nice, system, idle, iowait, irq, softirq
	return ticks(append(fields[1:4:4], fields[6:8]...))
}

func ticks(fields []string) (sum time.Duration, err error) {
	for _, field := range fields {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, err
		}
		sum += time.Duration(n) * time.Second / clockTicks
	}
	return sum, nil
}

// statusBytes reads a line of /proc/PID/status that is in kB.
func statusBytes(pid int, name string) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, found := strings.CutPrefix(line, name); found {
			kilobytes, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return kilobytes << 10, err
		}
	}
	return 0, fmt.Errorf("process %d has no %s", pid, name)
}

// Children returns the processes that a process has started and that have not been waited for.
func Children(pid int) (pids []int) {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, task := range tasks {
		text, _ := os.ReadFile(task)
		for _, word := range strings.Fields(string(text)) {
			if child, err := strconv.Atoi(word); err == nil {
				pids = append(pids, child)
			}
		}
	}
	return pids
}

// Watch looks at a server's children until it is stopped.
type Watch struct {
	stop, done chan struct{}
	once       sync.Once

	// MaxChildren and MaxMemory are the maximum number of child processes, and the maximum memory of one in bytes.
	MaxChildren int
	MaxMemory   int64
}

// Watch begins to watch.
func (s *Server) Watch() *Watch {
	w := &Watch{stop: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(w.done)
		for {
			select {
			case <-w.stop:
				return
			case <-time.After(50 * time.Millisecond):
				w.sample(s.command.Process.Pid)
			}
		}
	}()
	return w
}

func (w *Watch) sample(pid int) {
	pids := Children(pid)
	w.MaxChildren = max(w.MaxChildren, len(pids))
	for _, child := range pids {
		if memory, err := statusBytes(child, "VmHWM:"); err == nil {
			w.MaxMemory = max(w.MaxMemory, memory)
		}
	}
}

// Stop ends the watch; what was seen may be read then.
func (w *Watch) Stop() {
	w.once.Do(func() { close(w.stop) })
	<-w.done
}

// Settle waits until the process holds no more than before plus what is allowed, or until a while has passed. It returns what the
// process holds then. Idle connections and the garbage collector take their time.
func (s *Server) Settle(before Held, within time.Duration) (after Held, err error) {
	for deadline := time.Now().Add(within); ; time.Sleep(200 * time.Millisecond) {
		if after, err = s.Held(); err != nil {
			return after, err
		}
		settled := after.Goroutines <= before.Goroutines && after.Files <= before.Files && after.Children <= before.Children
		if settled || time.Now().After(deadline) {
			return after, nil
		}
	}
}
