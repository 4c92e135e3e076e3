package engine

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
	"unsafe"

	"github.com/ebitengine/purego"
)

// ChildCommand is the hidden subcommand under which our binary acts as the
// engine's process. Only Start runs it.
const ChildCommand = "engine-child"

// ownerPipe is the child's descriptor of the pipe whose other end its owner
// holds. The kernel closes that end however the owner dies, kill -9 included.
const ownerPipe = 3

// exitUnloadable is the child's exit code when starting it again is in vain.
const exitUnloadable = 3

// errUnloadable is wrapped when the library is not one.
var errUnloadable = errors.New("load library")

// stopByte on the owner's pipe asks a server process to stop cleanly.
const stopByte = 's'

// MaybeRunChild turns this process into the engine's child when it was started
// as one, and then never returns. main and every TestMain that starts an
// engine call it first.
func MaybeRunChild() {
	if len(os.Args) >= 2 && os.Args[1] == ChildCommand {
		os.Exit(RunChild(os.Args[2:]))
	}
}

// RunChild is the body of the hidden subcommand. Its arguments are the kind of
// process, the file to load or run, and the configuration file. It serves until
// its owner is gone or stops it, and returns the exit code.
func RunChild(args []string) int {
	if len(args) != 3 {
		fmt.Fprintf(os.Stderr, "%s is started by lumbar itself and has no use on its own\n", ChildCommand)
		return 2
	}
	// A signal to the whole group (Ctrl-C, a service manager) is for the owner,
	// which stops the engine once its own writes are done.
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	owner := os.NewFile(ownerPipe, "owner")
	if owner == nil {
		fmt.Fprintf(os.Stderr, "%s needs the pipe its owner passes\n", ChildCommand)
		return 2
	}
	var err error
	switch Kind(args[0]) {
	case Embedded:
		err = serveLibrary(args[1], args[2], owner)
	case Binary:
		err = serveBinary(args[1], args[2], owner)
	default:
		err = fmt.Errorf("unknown kind of engine %q", args[0])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		if errors.Is(err, errUnloadable) {
			return exitUnloadable
		}
		return 1
	}
	return 0
}

// serveLibrary loads the library and runs clickhouse-local's command line in
// this process until its owner types exit or is gone. It runs interactively, at
// the terminal that launch gave it: otherwise the library ends the process when
// a client logs in wrongly or drops its connection (ClickHouse issue 115666).
func serveLibrary(library, config string, owner io.Reader) error {
	// The library must not outlive the owner by a merge or a query: leave at once.
	go func() {
		_, _ = io.Copy(io.Discard, owner)
		os.Exit(0)
	}()
	runtime.LockOSThread()
	handle, err := purego.Dlopen(library, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return fmt.Errorf("%w: %w: delete it, then \"lumbar engine fetch\" brings it anew", errUnloadable, err)
	}
	for _, name := range []string{"chdb_query_cmdline", "chdb_result_error"} {
		if _, err := purego.Dlsym(handle, name); err != nil {
			return fmt.Errorf("%w: %w: delete it, then \"lumbar engine fetch\" brings it anew", errUnloadable, err)
		}
	}
	var cmdline func(argc int32, argv unsafe.Pointer) uintptr
	var resultError func(result uintptr) string
	purego.RegisterLibFunc(&cmdline, handle, "chdb_query_cmdline")
	purego.RegisterLibFunc(&resultError, handle, "chdb_result_error")

	args := []string{"clickhouse", "--config-file", config,
		"--interactive", "--disable_suggestion",
		"--query", "SYSTEM START LISTEN TCP; SYSTEM START LISTEN HTTP"}
	argv := make([]*byte, len(args)+1)
	for i, arg := range args {
		argv[i] = &append([]byte(arg), 0)[0]
	}
	result := cmdline(int32(len(args)), unsafe.Pointer(&argv[0]))
	runtime.KeepAlive(argv)
	if result == 0 {
		return errors.New("the library returned no result")
	}
	if text := resultError(result); text != "" {
		return errors.New(text)
	}
	return nil
}

// serveBinary runs a clickhouse server and stays beside it, so that it too is
// gone when the owner is.
func serveBinary(binary, config string, owner io.Reader) error {
	// The parent-death signal of serverAttributes is bound to this thread.
	runtime.LockOSThread()
	server := exec.Command(binary, "server", "--config-file="+config)
	server.Stdout, server.Stderr = os.Stderr, os.Stderr
	server.SysProcAttr = serverAttributes()
	if err := server.Start(); err != nil {
		return fmt.Errorf("start %s: %w", binary, err)
	}
	go func() {
		reader := bufio.NewReader(owner)
		for {
			b, err := reader.ReadByte()
			if err != nil {
				_ = server.Process.Kill()
				return
			}
			if b == stopByte {
				_ = server.Process.Signal(syscall.SIGTERM)
			}
		}
	}()
	return server.Wait()
}
