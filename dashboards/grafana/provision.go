package grafana

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/goccy/go-yaml"
)

// files are what a Grafana reads on its start, by path.
type files map[string][]byte

// WriteProvisioning writes into dir what a Grafana needs to show the boards:
// start it with GF_PATHS_PROVISIONING=dir/provisioning. dataSourceURL is the address of the
// read protocol as Grafana's server sees it: this server's own and BasePath.
func WriteProvisioning(dir, dataSourceURL string) error {
	u, err := url.Parse(dataSourceURL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return fmt.Errorf("provisioning: %q is no address of the read protocol; it looks like http://127.0.0.1:8080%s", dataSourceURL, BasePath)
	}
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("provisioning: %w", err)
	}
	all, err := provisioning(dataSourceURL, filepath.Join(absolute, "boards"))
	if err != nil {
		return fmt.Errorf("provisioning: %w", err)
	}
	for name, content := range all {
		path := filepath.Join(absolute, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("provisioning: %w", err)
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return fmt.Errorf("provisioning: %w", err)
		}
	}
	return nil
}

type sourcesFile struct {
	APIVersion  int           `yaml:"apiVersion"`
	Datasources []sourceEntry `yaml:"datasources"`
}

type sourceEntry struct {
	Name      string         `yaml:"name"`
	UID       string         `yaml:"uid"`
	Type      string         `yaml:"type"`
	Access    string         `yaml:"access"`
	URL       string         `yaml:"url"`
	IsDefault bool           `yaml:"isDefault"`
	Editable  bool           `yaml:"editable"`
	JSONData  sourceSettings `yaml:"jsonData"`
}

type sourceSettings struct {
	HTTPMethod        string `yaml:"httpMethod"`
	ManageAlerts      bool   `yaml:"manageAlerts"`
	PrometheusType    string `yaml:"prometheusType"`
	PrometheusVersion string `yaml:"prometheusVersion"`
	CacheLevel        string `yaml:"cacheLevel"`
	DisableRecording  bool   `yaml:"disableRecordingRules"`
	TimeInterval      string `yaml:"timeInterval"`
}

type providersFile struct {
	APIVersion int             `yaml:"apiVersion"`
	Providers  []providerEntry `yaml:"providers"`
}

type providerEntry struct {
	Name            string            `yaml:"name"`
	Type            string            `yaml:"type"`
	DisableDeletion bool              `yaml:"disableDeletion"`
	AllowUIUpdates  bool              `yaml:"allowUiUpdates"`
	Options         map[string]string `yaml:"options"`
}

// provisioning makes every file; boardsDir is where Grafana finds the boards.
func provisioning(dataSourceURL, boardsDir string) (files, error) {
	out := files{}
	sources, err := yaml.Marshal(sourcesFile{1, []sourceEntry{{
		Name: "Lumbar", UID: DataSourceUID, Type: source.Type, Access: "proxy", URL: dataSourceURL, IsDefault: true,
		JSONData: sourceSettings{
			HTTPMethod: "POST", PrometheusType: "Prometheus", PrometheusVersion: protocolVersion,
			CacheLevel: "None", DisableRecording: true, TimeInterval: "15s",
		},
	}}})
	if err != nil {
		return nil, err
	}
	providers, err := yaml.Marshal(providersFile{1, []providerEntry{{
		Name: "lumbar", Type: "file", Options: map[string]string{"path": boardsDir},
	}}})
	if err != nil {
		return nil, err
	}
	out["provisioning/datasources/lumbar.yaml"] = sources
	out["provisioning/dashboards/lumbar.yaml"] = providers
	for _, b := range Boards() {
		text, err := json.MarshalIndent(b, "", "  ")
		if err != nil {
			return nil, err
		}
		out["boards/"+b.UID+".json"] = append(text, '\n')
	}
	return out, nil
}
