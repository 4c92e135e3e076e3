package http

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
)

// Limits of a manifest.
const (
	maxManifest = 4 << 20 // bytes
	maxInputs   = 10_000  // files
)

// input is a file that an import fetches. Its address may hold a secret: it
// stands in no reply, error or log.
type input struct {
	Type string `json:"type"`
	URL  string `json:"url"`
}

// asked is an input as a manifest has it, with the mode of other servers.
type asked struct {
	input
	Mode     string `json:"mode"`
	SaveMode string `json:"saveMode"`
}

// manifest is what names the files of an import: SMART's bulk import manifest,
// or a FHIR Parameters resource that says the same.
type manifest struct {
	ResourceType  string                 `json:"resourceType"`
	InputFormat   string                 `json:"inputFormat"`
	StorageDetail *struct{ Type string } `json:"storageDetail"`
	Mode          string                 `json:"mode"`
	SaveMode      string                 `json:"saveMode"`
	Input         []asked                `json:"input"`
	Parameter     []manifestPart         `json:"parameter"`
}

// manifestPart is a parameter, or a part of one.
type manifestPart struct {
	Name  string         `json:"name"`
	URL   string         `json:"valueUrl"`
	URI   string         `json:"valueUri"`
	Code  string         `json:"valueCode"`
	Text  string         `json:"valueString"`
	Parts []manifestPart `json:"part"`
}

func (p *manifestPart) value() string {
	for _, v := range []string{p.URL, p.URI, p.Code, p.Text} {
		if v != "" {
			return v
		}
	}
	return ""
}

// modes are the ways of other servers that mean what an import here does: what
// is new is added, an older version stays known. None of them deletes.
var modes = []string{"", "merge", "append", "initialload", "incrementalload"}

// readManifest reads the inputs of an import, each of a listed address.
func (s *sources) readManifest(body io.Reader) ([]input, *refusal) {
	unclear := func(detail string) *refusal {
		return &refusal{status: http.StatusUnprocessableEntity, detail: detail}
	}
	text, err := io.ReadAll(&capped{r: body, left: maxManifest})
	if err != nil {
		return nil, problemOf(err, nil)
	}
	var m manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, &refusal{status: http.StatusBadRequest, detail: "the body is no manifest: send one, or a Parameters resource, with the addresses of NDJSON files, or the resources themselves as " + mediaFHIRNDJSON}
	}
	if m.ResourceType != "" {
		if m.ResourceType != "Parameters" {
			return nil, unclear("a resource of this type names no files: send Parameters, or resources one a line as " + mediaFHIRNDJSON)
		}
		m.fromParameters()
	}
	switch {
	case !m.onlyAdds():
		return nil, unclear("the mode is not known here: an import adds what is new and never deletes; leave mode out")
	case m.InputFormat != "" && !strings.Contains(m.InputFormat, "ndjson"):
		return nil, unclear("inputFormat must be " + mediaFHIRNDJSON)
	case m.StorageDetail != nil && m.StorageDetail.Type != "" && m.StorageDetail.Type != "https":
		return nil, unclear("storageDetail.type must be https")
	case len(m.Input) == 0:
		return nil, unclear("the body names no input: give each file as input with type and url")
	case len(m.Input) > maxInputs:
		return nil, unclear("the body names too many files: 10,000 at most")
	case len(s.prefixes) == 0:
		return nil, unclear("this server fetches no files: list the beginnings of their addresses in fhir.import_sources, or send the resources themselves as " + mediaFHIRNDJSON)
	}
	inputs := make([]input, len(m.Input))
	for i, in := range m.Input {
		if _, err := s.parse(in.URL); err != nil {
			return nil, unclear("an address of the body is not allowed: it must be https and begin with one of fhir.import_sources")
		}
		inputs[i] = in.input
	}
	return inputs, nil
}

// onlyAdds reports whether no mode asks for something else than an import here
// does.
func (m *manifest) onlyAdds() bool {
	if !knownMode(m.Mode) || !knownMode(m.SaveMode) {
		return false
	}
	for _, in := range m.Input {
		if !knownMode(in.Mode) || !knownMode(in.SaveMode) {
			return false
		}
	}
	return true
}

// fromParameters takes the inputs of a Parameters resource.
func (m *manifest) fromParameters() {
	for _, p := range m.Parameter {
		switch strings.ToLower(p.Name) {
		case "inputformat":
			m.InputFormat = p.value()
		case "storagedetail":
			for _, part := range p.Parts {
				if part.Name == "type" {
					m.StorageDetail = &struct{ Type string }{part.value()}
				}
			}
		case "mode":
			m.Mode = p.value()
		case "savemode":
			m.SaveMode = p.value()
		case "input", "source":
			var in asked
			for _, part := range p.Parts {
				switch strings.ToLower(part.Name) {
				case "type", "resourcetype":
					in.Type = part.value()
				case "url":
					in.URL = part.value()
				case "mode":
					in.Mode = part.value()
				case "savemode":
					in.SaveMode = part.value()
				}
			}
			m.Input = append(m.Input, in)
		}
	}
}

func knownMode(mode string) bool {
	for _, known := range modes {
		if strings.EqualFold(mode, known) {
			return true
		}
	}
	return false
}
