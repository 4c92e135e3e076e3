package fhir

import (
	"strconv"
	"strings"

	"github.com/lumbar-health/lumbar/ingest/jsontext"
)

// Systems and extensions that are read.
const (
	systemNHSNumber    = "https://fhir.nhs.uk/Id/nhs-number"
	systemODS          = "https://fhir.nhs.uk/Id/ods-organization-code"
	systemPseudonym    = "urn:lumbar:pseudonym"
	systemCode         = "urn:lumbar:code"
	systemInstrument   = "urn:lumbar:instrument"
	systemIntervention = "urn:lumbar:intervention"
	tagProgramme       = "urn:lumbar:programme"
	tagTimepoint       = "urn:lumbar:timepoint"
	tagAdminMode       = "urn:lumbar:admin-mode"

	extensionScore    = "urn:lumbar:supplied-score"
	extensionAbsent   = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
	extensionOrdinal  = "http://hl7.org/fhir/StructureDefinition/ordinalValue"
	extensionWeight   = "http://hl7.org/fhir/StructureDefinition/itemWeight"
	extensionEthnic   = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-EthnicCategory"
	extensionVerified = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus"

	systemLOINC      = "http://loinc.org"
	systemSNOMED     = "http://snomed.info/sct"
	systemYesNo      = "http://terminology.hl7.org/CodeSystem/v2-0136"
	systemAbsent     = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
	systemNullFlavor = "http://terminology.hl7.org/CodeSystem/v3-NullFlavor"
)

// extension returns the value of the extension of that address, as JSON; nil
// where there is none.
func extension(list []byte, address string) (value []byte) {
	c := jsontext.Walk(list)
	if !c.Enter('[') {
		return nil
	}
	for c.More() {
		if !c.Enter('{') {
			continue
		}
		var url, v []byte
		for c.More() {
			name := c.Name()
			switch {
			case string(name) == "url":
				url, _ = c.String()
			case strings.HasPrefix(string(name), "value"):
				v = c.Raw()
			default:
				c.Raw()
			}
		}
		if string(url) == address {
			return v
		}
	}
	return nil
}

// coding is a code of a system.
type coding struct {
	system, code string
	extension    []byte
}

// codingOf reads a Coding.
func codingOf(raw []byte) (k coding, ok bool) {
	c := jsontext.Walk(raw)
	if len(raw) == 0 || !c.Enter('{') {
		return k, false
	}
	for c.More() {
		switch string(c.Name()) {
		case "system":
			s, _ := c.String()
			k.system = string(s)
		case "code":
			s, _ := c.String()
			k.code = string(s)
		case "extension":
			k.extension = c.Raw()
		default:
			c.Raw()
		}
	}
	return k, true
}

// codings reads the codings of a CodeableConcept, of a list of them, or a bare
// Coding.
func codings(raw []byte) []coding {
	var out []coding
	c := jsontext.Walk(raw)
	switch c.Kind() {
	case '[':
		for c.Enter('['); c.More(); {
			if c.Kind() == '{' { // a list in a list is nothing of FHIR's
				out = append(out, codings(c.Raw())...)
			} else {
				c.Raw()
			}
		}
	case '{':
		list := member(raw, "coding")
		if list == nil {
			if k, ok := codingOf(raw); ok && k.code != "" {
				out = append(out, k)
			}
			return out
		}
		inner := jsontext.Walk(list)
		if !inner.Enter('[') {
			return nil
		}
		for inner.More() {
			if k, ok := codingOf(inner.Raw()); ok && k.code != "" {
				out = append(out, k)
			}
		}
	}
	return out
}

// codeOf returns the code of that system among the codings.
func codeOf(list []coding, system string) string {
	for _, k := range list {
		if k.system == system {
			return k.code
		}
	}
	return ""
}

// member returns the value of an object's member, nil where it has none.
func member(raw []byte, name string) []byte {
	c := jsontext.Walk(raw)
	if len(raw) == 0 || !c.Enter('{') {
		return nil
	}
	for c.More() {
		if string(c.Name()) == name {
			return c.Raw()
		}
		c.Raw()
	}
	return nil
}

// text returns what a JSON string says, empty for anything else.
func text(raw []byte) string {
	if len(raw) == 0 {
		return ""
	}
	c := jsontext.Walk(raw)
	s, _ := c.String()
	return string(s)
}

// number returns a JSON number; ok is false for anything else.
func number(raw []byte) (x float64, ok bool) {
	x, err := strconv.ParseFloat(string(raw), 64)
	return x, err == nil && len(raw) > 0 && raw[0] != '"'
}
