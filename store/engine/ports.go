package engine

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// loopback is the only address an engine of ours binds.
const loopback = "127.0.0.1"

// port is a loopback TCP port that stays ours for the life of the owner, so
// that a restarted engine comes back where its clients look for it. The socket
// is bound but never listens; the engine binds beside it with SO_REUSEPORT,
// which the kernel allows to the same user only.
type port struct {
	fd     int
	number int
}

// reservePort binds a port that the system chooses.
func reservePort() (*port, error) {
	syscall.ForkLock.RLock()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err == nil {
		unix.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, fmt.Errorf("engine: reserve a loopback port: %w", err)
	}
	p := &port{fd: fd}
	if p.number, err = bindLoopback(fd); err != nil {
		p.release()
		return nil, fmt.Errorf("engine: reserve a loopback port: %w", err)
	}
	return p, nil
}

// bindLoopback binds the socket and returns the port the system chose.
func bindLoopback(fd int) (int, error) {
	for _, option := range []int{unix.SO_REUSEADDR, unix.SO_REUSEPORT} {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, option, 1); err != nil {
			return 0, err
		}
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return 0, err
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		return 0, err
	}
	bound, ok := name.(*unix.SockaddrInet4)
	if !ok {
		return 0, errors.New("the bound address is not IPv4")
	}
	return bound.Port, nil
}

// addr is the port's address as clients dial it.
func (p *port) addr() string { return net.JoinHostPort(loopback, strconv.Itoa(p.number)) }

// release gives the port back to the system.
func (p *port) release() { _ = unix.Close(p.fd) }
