package http

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/ingest/fhir"
	"github.com/lumbar-health/lumbar/instruments"
)

// ruleSystem is the code system of our rules and flags.
const ruleSystem = "urn:lumbar:rule"

// outcome is a FHIR OperationOutcome.
type outcome struct {
	ResourceType string  `json:"resourceType"`
	Issues       []issue `json:"issue"`
}

// issue is one thing that an outcome says.
type issue struct {
	Severity    string   `json:"severity"`
	Code        string   `json:"code"`
	Details     concept  `json:"details"`
	Diagnostics string   `json:"diagnostics,omitempty"`
	Expression  []string `json:"expression,omitempty"`
}

type concept struct {
	Coding []coding `json:"coding,omitempty"`
	Text   string   `json:"text"`
}

type coding struct {
	System string `json:"system"`
	Code   string `json:"code"`
}

// issueTypes are FHIR's types of issue for our rules; any other is invalid.
var issueTypes = map[string]string{
	ingest.RuleRequired: "required", ingest.RuleMalformed: "structure", ingest.RuleEncoding: "structure",
	ingest.RuleType: "structure", ingest.RuleRepeated: "structure", ingest.RuleUnknownField: "code-invalid",
	ingest.RuleNotAllowed: "value", ingest.RuleOutOfRange: "value", ingest.RuleCodeOutOfRange: "value",
	ingest.RuleCodeNotInteger: "value", ingest.RuleSumOutOfRange: "value", ingest.RuleInFuture: "value",
	ingest.RuleNHSNumber: "value", ingest.RuleTestNHSNumber: "business-rule", fhir.RuleUnverified: "business-rule",
	ingest.RuleTooLong: "too-long", ingest.RuleUnknownInstrument: "not-supported", ingest.RuleUnknownVersion: "not-supported",
	ingest.RuleUnknownProgramme: "code-invalid", ingest.RuleUnknownTimepoint: "code-invalid", ingest.RuleUnknownKey: "code-invalid",
	ingest.RuleNotAcceptedHere: "not-supported", fhir.RuleUnresolved: "not-found", ingest.RuleContradiction: "business-rule",
	ingest.RuleDateOrder: "business-rule", ingest.RulePrecision: "value", ingest.RuleNoKey: "processing",
}

// outcomeOf says what became of a resource. where is the FHIRPath of it.
func outcomeOf(row *RowReply, where string) *outcome {
	o := &outcome{ResourceType: "OperationOutcome"}
	if row.Result != ingest.ResultRejected {
		code := "informational"
		if row.Result == ingest.ResultDuplicate {
			code = "duplicate"
		}
		o.Issues = append(o.Issues, issue{Severity: "information", Code: code, Details: said(string(row.Result))})
	}
	for _, why := range row.Reasons {
		one := refusedFor(why)
		path := where
		if element := fhir.Element(why.Field); element != "" {
			path += "." + element
		}
		one.Expression = []string{path}
		o.Issues = append(o.Issues, one)
	}
	for _, flag := range row.Flags {
		code := "informational"
		if flag == instruments.FlagSuppliedDiffers {
			code = "business-rule"
		}
		o.Issues = append(o.Issues, issue{Severity: "warning", Code: code, Details: said(flag)})
	}
	return o
}

func refusedFor(why ingest.Reason) issue {
	code, ok := issueTypes[why.Rule]
	if !ok {
		code = "invalid"
	}
	return issue{Severity: "error", Code: code, Details: said(why.Rule), Diagnostics: why.Field + ": " + why.Rule}
}

func said(word string) concept {
	return concept{Coding: []coding{{ruleSystem, word}}, Text: strings.ReplaceAll(word, "_", " ")}
}

// writeFHIR answers with a resource.
func writeFHIR(w http.ResponseWriter, status int, resource any) {
	w.Header().Set("Content-Type", mediaFHIR)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// A client that has gone away will ask again and be told: duplicate.
	_ = json.NewEncoder(w).Encode(resource)
}

// bundleReply is the Bundle that answers a Bundle.
type bundleReply struct {
	ResourceType string       `json:"resourceType"`
	Type         string       `json:"type"`
	Entries      []entryReply `json:"entry"`
}

type entryReply struct {
	Response struct {
		Status  string   `json:"status"`
		Outcome *outcome `json:"outcome"`
	} `json:"response"`
}

// replyTo answers a Bundle, entry by entry in its order.
func replyTo(rows []RowReply) bundleReply {
	out := bundleReply{ResourceType: "Bundle", Type: "batch-response"}
	for i := range rows {
		var e entryReply
		status := statusOf(&rows[i])
		e.Response.Status = fmt.Sprintf("%d %s", status, http.StatusText(status))
		e.Response.Outcome = outcomeOf(&rows[i], fmt.Sprintf("Bundle.entry[%d].resource", rows[i].line-1))
		out.Entries = append(out.Entries, e)
	}
	return out
}

// statusOf is the status of one resource.
func statusOf(row *RowReply) int {
	switch row.Result {
	case ingest.ResultStored:
		return http.StatusCreated
	case ingest.ResultDuplicate:
		return http.StatusOK
	}
	return http.StatusUnprocessableEntity
}
