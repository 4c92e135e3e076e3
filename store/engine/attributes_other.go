//go:build !linux

package engine

import "syscall"

// serverAttributes is empty where the system has no parent-death signal: there
// the owner's pipe alone ends the server.
func serverAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{} }
