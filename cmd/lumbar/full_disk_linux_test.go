package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
)

// ownMounts in the environment says that this process sees mounts of its own.
const ownMounts = "LUMBAR_TEST_OWN_MOUNTS"

// TestFullDisk holds that a disk that is full is told in one line, that what was
// stored before stays, and that the same import completes once there is room.
// It runs in a process with mounts of its own, to have a small disk.
func TestFullDisk(t *testing.T) {
	if os.Getenv(ownMounts) == "" {
		withOwnMounts(t)
		return
	}
	in, small, large := newInstallation(t), simulatedFiles(t, 30, 1), simulatedFiles(t, 400, 2)
	// What is mounted here is nobody else's.
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", in.dir, "tmpfs", 0, "size=64m"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(in.dir, syscall.MNT_DETACH) })
	in.imported(t, 0, small)
	outcomes := func() []row { return in.ask(t, "outcomes", "--by", "region", "--undisclosed").Rows }
	before := outcomes()

	release := fillDisk(t, in.dir, 100<<10)
	refused(t, in.run(t, "import", large), 1, "the disk is full", "free some space", "import the same again")
	release()
	if after := outcomes(); !reflect.DeepEqual(before, after) {
		t.Error("an import that failed has changed the answers")
	}

	t.Run("beside an owner", func(t *testing.T) {
		in.hold(t)
		release := fillDisk(t, in.dir, 0)
		refused(t, in.run(t, "import", large), 1, "check the space in the data directory")
		release()
		in.imported(t, 0, large)
		if got := in.imported(t, 0, small, large); got.Stored != 0 {
			t.Errorf("%d records were stored twice", got.Stored)
		}
	})
	in.sound(t)
}

// withOwnMounts runs the calling test again, in a process that may mount.
func withOwnMounts(t *testing.T) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.v", "-test.run", "^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), ownMounts+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

// fillDisk leaves so many bytes free on the disk of a folder, until released.
func fillDisk(t *testing.T, dir string, free int64) (release func()) {
	t.Helper()
	name := filepath.Join(dir, "ballast")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	block := make([]byte, 4096)
	for err == nil {
		_, err = f.Write(block)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	size, err := f.Seek(0, 2)
	if err == nil {
		err = errors.Join(f.Truncate(size-free), f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(name); err != nil {
			t.Error(err)
		}
	}
}
