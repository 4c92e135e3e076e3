package engine

import "syscall"

// serverAttributes makes the server die with the thread that started it, for
// the case that our child is killed before it can stop the server.
func serverAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
