//go:build azurerm

package azurerm_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"unsafe"
)

// namespaces counts, so that no two of one process have one name.
var namespaces atomic.Int32

func namespace(t *testing.T, kind string) string {
	t.Helper()
	name := fmt.Sprintf("ostiary-%s%d-%d", kind, namespaces.Add(1), os.Getpid())
	ip(t, "netns", "add", name)
	t.Cleanup(func() { _ = exec.Command("ip", "netns", "delete", name).Run() })
	ip(t, "-n", name, "link", "set", "lo", "up")
	return name
}

func ip(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(context.WithoutCancel(t.Context()), "ip", args...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %s", strings.Join(args, " "), out)
	}
}

// in does something in a network namespace, which must end well.
func (x *wire) in(ns string, do func() error) {
	x.t.Helper()
	if err := x.within(ns, do); err != nil {
		x.t.Fatal(err)
	}
}

// within does something in a network namespace, on a thread that ends with it.
// What is opened there stays there.
func (x *wire) within(ns string, do func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		f, err := os.Open("/run/netns/" + ns)
		if err == nil {
			defer f.Close()
			if _, _, no := syscall.RawSyscall(setns, f.Fd(), syscall.CLONE_NEWNET, 0); no != 0 {
				err = no
			}
		}
		if err == nil {
			err = do()
		}
		done <- err
	}()
	return <-done
}

// setns is the system call's number, which syscall lacks.
var setns = map[string]uintptr{"amd64": 308, "arm64": 268}[runtime.GOARCH]

// meant is where a redirected connection was going (SO_ORIGINAL_DST).
func meant(c *net.TCPConn) (string, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return "", err
	}
	var to syscall.RawSockaddrInet4
	var failed error
	err = raw.Control(func(fd uintptr) {
		size := uint32(unsafe.Sizeof(to))
		const originalDestination = 80
		if _, _, no := syscall.Syscall6(syscall.SYS_GETSOCKOPT, fd, syscall.SOL_IP, originalDestination, uintptr(unsafe.Pointer(&to)), uintptr(unsafe.Pointer(&size)), 0); no != 0 {
			failed = no
		}
	})
	if err := errors.Join(err, failed); err != nil {
		return "", err
	}
	port := binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(&to.Port))[:])
	return netip.AddrPortFrom(netip.AddrFrom4(to.Addr), port).String(), nil
}
