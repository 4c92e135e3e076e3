package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func acquire(t *testing.T, dir string) *Owner {
	t.Helper()
	owner, err := Acquire(dir, "lumbar serve")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = owner.Release() })
	return owner
}

func TestSecondOwnerIsRefusedInOneLine(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "not", "there", "yet")
	acquire(t, dir)
	_, err := Acquire(dir, "lumbar demo")
	var owned *OwnedError
	if !errors.Is(err, ErrOwned) || !errors.As(err, &owned) {
		t.Fatalf("second Acquire = %v, want an OwnedError", err)
	}
	if owned.Owner.PID != os.Getpid() || owned.Owner.Command != "lumbar serve" {
		t.Errorf("the error names %v, want this process", owned.Owner)
	}
	for _, part := range []string{dir, `"lumbar serve"`, fmt.Sprint(os.Getpid()), "LUMBAR_DATA"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q lacks %q", err, part)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("%q is not one line", err)
	}
}

func TestOwnershipIsGoneWithTheKilledProcess(t *testing.T) {
	dir := t.TempDir()
	owner, _ := play(t, "owner", dir)
	if _, err := Acquire(dir, "lumbar demo"); !errors.Is(err, ErrOwned) || !strings.Contains(err.Error(), fmt.Sprint(owner.Process.Pid)) {
		t.Fatalf("Acquire of an owned directory = %v, want ErrOwned by process %d", err, owner.Process.Pid)
	}
	a, err := Attach(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	a.Close()
	owner.kill()
	if _, err := Attach(t.Context(), dir); !errors.Is(err, ErrNoOwner) {
		t.Errorf("Attach after kill -9 = %v, want ErrNoOwner", err)
	}
	acquire(t, dir)
	if fields := decodeOwner(t, dir); fields["clickhouse_addr"] != nil {
		t.Errorf("the new owner still publishes %v", fields["clickhouse_addr"])
	}
}

func TestPublishedAddressesArePrivate(t *testing.T) {
	dir := t.TempDir()
	owner := acquire(t, dir)
	info := OwnerInfo{Addr: "127.0.0.1:1", HTTPAddr: "127.0.0.1:2", User: "u", Password: "secret", Database: "d",
		IngestURL: "http://127.0.0.1:3", IngestToken: "token"}
	if err := owner.Publish(info); err != nil {
		t.Fatal(err)
	}
	stat, err := os.Stat(filepath.Join(dir, ownerFile))
	if err != nil {
		t.Fatal(err)
	}
	if stat.Mode().Perm() != 0o600 {
		t.Errorf("mode = %v, want 0600", stat.Mode())
	}
	a, err := Attach(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	info.PID, info.Command, info.Started = os.Getpid(), "lumbar serve", a.Owner.Started
	if a.Owner != info {
		t.Error("Attach does not return what the owner published")
	}
	for _, text := range []string{fmt.Sprint(a.Owner), fmt.Sprintf("%+v", a.Owner), fmt.Sprintf("%#v", a.Owner), fmt.Sprintf("%+v", a)} {
		if strings.Contains(text, "secret") || strings.Contains(text, "token") {
			t.Errorf("printed owner holds a secret: %s", text)
		}
	}
}

func TestOwnerWaitsForAttachedCommands(t *testing.T) {
	dir := t.TempDir()
	owner := acquire(t, dir)
	if err := owner.Publish(OwnerInfo{Addr: "127.0.0.1:1"}); err != nil {
		t.Fatal(err)
	}
	attached, addr := play(t, "attached", dir)
	if addr != "127.0.0.1:1" {
		t.Errorf("the attached process sees %q", addr)
	}
	brief, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := owner.WaitForAttached(brief); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("WaitForAttached with a command attached = %v, want it to wait", err)
	}
	attached.kill() // its registration goes with it
	if err := owner.WaitForAttached(t.Context()); err != nil {
		t.Fatal(err)
	}

	// Who comes while the owner leaves becomes the owner after it.
	joined := make(chan error, 1)
	go func() {
		next, a, err := Join(t.Context(), dir, "lumbar import")
		if err == nil && (next == nil || a != nil) {
			err = errors.New("joined an owner that was leaving")
		}
		if next != nil {
			err = errors.Join(err, next.Release())
		}
		joined <- err
	}()
	select {
	case err := <-joined:
		t.Fatalf("Join returned before the owner had left: %v", err)
	case <-time.After(200 * time.Millisecond):
	}
	if err := owner.Release(); err != nil {
		t.Fatal(err)
	}
	if err := <-joined; err != nil {
		t.Error(err)
	}
}

func TestAttachWaitsForAnOwnerThatStarts(t *testing.T) {
	dir := t.TempDir()
	owner := acquire(t, dir)
	got := make(chan string, 1)
	go func() {
		a, err := Attach(t.Context(), dir)
		if err != nil {
			got <- err.Error()
			return
		}
		got <- a.Owner.Addr
		a.Close()
	}()
	select {
	case early := <-got:
		t.Fatalf("Attach returned %q before the owner had published", early)
	case <-time.After(200 * time.Millisecond):
	}
	if err := owner.Publish(OwnerInfo{Addr: "127.0.0.1:7"}); err != nil {
		t.Fatal(err)
	}
	if addr := <-got; addr != "127.0.0.1:7" {
		t.Errorf("Attach returned %q, want 127.0.0.1:7", addr)
	}
}

func TestManyJoinOneOwns(t *testing.T) {
	dir := t.TempDir()
	var owners, attachments int
	var mu sync.Mutex
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			owner, a, err := Join(t.Context(), dir, "lumbar import")
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			if owner != nil {
				owners++
				t.Cleanup(func() { _ = owner.Release() })
				if err := owner.Publish(OwnerInfo{Addr: "127.0.0.1:1"}); err != nil {
					t.Error(err)
				}
				return
			}
			attachments++
			a.Close()
		})
	}
	all.Wait()
	if owners != 1 || attachments != 7 {
		t.Errorf("%d owners and %d attached, want 1 and 7", owners, attachments)
	}
}

func TestAttachToNothing(t *testing.T) {
	if _, err := Attach(t.Context(), filepath.Join(t.TempDir(), "absent")); !errors.Is(err, ErrNoOwner) {
		t.Errorf("Attach to an absent directory = %v, want ErrNoOwner", err)
	}
}

func TestAcquireSaysWhatToDoAboutAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Acquire(file, "lumbar serve"); err == nil || !strings.Contains(err.Error(), "LUMBAR_DATA") {
		t.Errorf("Acquire of a file = %v, want an error that names LUMBAR_DATA", err)
	}
}
