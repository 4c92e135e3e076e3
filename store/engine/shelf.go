package engine

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"
)

// libraryFile is the library's name in the package and in the cache.
const libraryFile = "libchdb.so"

// errNoLibrary and errDamaged are what a look into the cache can find.
var (
	errNoLibrary = errors.New("the engine's library is missing")
	errDamaged   = errors.New("the engine's library is damaged")
)

// shelf is the cache folder of one version of the library.
type shelf string

// marker says what was unpacked; it is written last.
type marker struct {
	Package   string    `json:"package"`
	Integrity string    `json:"integrity"`
	Size      int64     `json:"size"`
	SHA256    string    `json:"sha256"`
	Modified  time.Time `json:"modified"`
}

func (s shelf) library() string { return filepath.Join(string(s), libraryFile) }
func (s shelf) marker() string  { return filepath.Join(string(s), "library.json") }

// check returns nil when the library is the one that was unpacked. Its contents
// are read again only when its time has changed, so a start costs no half
// gigabyte of reading.
func (s shelf) check(pin pinned) error {
	info, err := os.Stat(s.library())
	if errors.Is(err, fs.ErrNotExist) {
		return errNoLibrary
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errDamaged, err)
	}
	var m marker
	text, err := os.ReadFile(s.marker())
	if errors.Is(err, fs.ErrNotExist) {
		return errNoLibrary // a fetch was cut off between its two files
	}
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	if err != nil || m.Package != pin.Name+"@"+pin.Version || m.Integrity != pin.Integrity {
		return fmt.Errorf("%w: %s does not belong to %s@%s", errDamaged, s.marker(), pin.Name, pin.Version)
	}
	if info.Size() != m.Size {
		return fmt.Errorf("%w: %s has %d bytes, want %d", errDamaged, s.library(), info.Size(), m.Size)
	}
	if info.ModTime().Equal(m.Modified) {
		return nil
	}
	sum, err := fileSum(s.library())
	if err != nil {
		return fmt.Errorf("%w: %w", errDamaged, err)
	}
	if sum != m.SHA256 {
		return fmt.Errorf("%w: the contents of %s have changed", errDamaged, s.library())
	}
	m.Modified = info.ModTime()
	_ = s.writeMarker(m) // else the next start reads it again
	return nil
}

// fileSum returns the SHA-256 of a file in hexadecimal.
func fileSum(name string) (string, error) {
	file, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer file.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// checkIntegrity compares a file with npm's form of an integrity.
func checkIntegrity(name, want string) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	hash := sha512.New()
	if _, err := io.Copy(hash, file); err != nil {
		return err
	}
	if got := "sha512-" + base64.StdEncoding.EncodeToString(hash.Sum(nil)); got != want {
		return fmt.Errorf("integrity is %s, want %s", got, want)
	}
	return nil
}

// unpack takes the library out of the archive by way of a file beside it, and
// puts library and marker in place.
func (s shelf) unpack(archive, temporary string, pin pinned) error {
	sum, err := extract(archive, path.Join("package", libraryFile), temporary)
	if err != nil {
		return err
	}
	// Without its marker a library counts as absent, so a kill between the two
	// renames costs a fetch and never trusts a wrong pair.
	if err := os.Remove(s.marker()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Rename(temporary, s.library()); err != nil {
		return err
	}
	info, err := os.Stat(s.library())
	if err != nil {
		return err
	}
	return s.writeMarker(marker{Package: pin.Name + "@" + pin.Version, Integrity: pin.Integrity,
		Size: info.Size(), SHA256: sum, Modified: info.ModTime()})
}

func (s shelf) writeMarker(m marker) error {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return writePrivate(s.marker(), append(text, '\n'))
}

// extract writes one member of a tar.gz archive to a file, on disk when it
// returns, and returns its SHA-256.
func extract(archive, member, target string) (string, error) {
	file, err := os.Open(archive)
	if err != nil {
		return "", err
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		return "", err
	}
	for members := tar.NewReader(unzipped); ; {
		header, err := members.Next()
		if errors.Is(err, io.EOF) {
			return "", fmt.Errorf("the archive has no %s", member)
		}
		if err != nil {
			return "", err
		}
		if path.Clean(header.Name) == member && header.Typeflag == tar.TypeReg {
			return writeSummed(target, members)
		}
	}
}

// writeSummed writes a file to disk and returns its SHA-256.
func writeSummed(target string, from io.Reader) (string, error) {
	out, err := os.OpenFile(target, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return "", err
	}
	defer out.Close()
	hash := sha256.New()
	if _, err := io.Copy(io.MultiWriter(out, hash), from); err != nil {
		return "", err
	}
	if err := out.Sync(); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), out.Close()
}
