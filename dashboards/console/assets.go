package console

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"

	"github.com/gorilla/mux"
)

// static holds our own style sheet, script and icon; static/vendor what the
// asset build copies from npm packages. A bare go build finds only the
// placeholder there, and the page is then plain but readable.
//
//go:embed all:static
var embedded embed.FS

//go:embed pages
var embeddedPages embed.FS

// frontend is the style sheet of the NHS design system, where it was built in.
const frontend = "vendor/nhsuk-frontend.css"

// asset is one static file.
type asset struct {
	content []byte
	kind    string
	hash    string
}

func readAssets(files fs.FS) (map[string]asset, error) {
	assets := map[string]asset{}
	err := fs.WalkDir(files, "static", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(path.Base(name), ".") {
			return err
		}
		content, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(content)
		assets[strings.TrimPrefix(name, "static/")] = asset{content, kindOf(name), hex.EncodeToString(sum[:8])}
		return nil
	})
	return assets, err
}

// kindOf is the media type of a file, whatever the machine's own table says.
func kindOf(name string) string {
	switch path.Ext(name) {
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".txt":
		return "text/plain; charset=utf-8"
	}
	if kind := mime.TypeByExtension(path.Ext(name)); kind != "" {
		return kind
	}
	return "application/octet-stream"
}

// assetURL is the address of a static file with its hash, so that it can be
// kept for ever; empty for a file that was not built in.
func (c *Console) assetURL(name string) string {
	a, ok := c.assets[name]
	if !ok {
		return ""
	}
	return "/static/" + name + "?v=" + a.hash
}

func (c *Console) static(w http.ResponseWriter, r *http.Request) {
	a, ok := c.assets[mux.Vars(r)["name"]]
	if !ok {
		http.NotFound(w, r)
		return
	}
	tag := `"` + a.hash + `"`
	w.Header().Set("ETag", tag)
	w.Header().Set("Cache-Control", "no-cache")
	if r.URL.Query().Get("v") == a.hash {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	if r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.Header().Set("Content-Type", a.kind)
	_, _ = w.Write(a.content) // a reader that has gone away is no error of ours
}

func (c *Console) execute(name string, data any) ([]byte, error) {
	var b bytes.Buffer
	err := c.templates.ExecuteTemplate(&b, name, data)
	return b.Bytes(), err
}
