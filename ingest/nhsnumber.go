package ingest

import (
	"encoding/hex"
	"strings"

	"github.com/lumbar-health/lumbar/record"
)

// Subject returns the key of the patient whom a record names by NHS number or
// by pseudonym (32 hexadecimal digits), one of the two. The number is not kept.
// What is wrong is added to the record's reasons and ok is false.
func (s *Setting) Subject(r *Record, nhsNumber, pseudonym string) (id record.PatientID, ok bool) {
	if (nhsNumber == "") == (pseudonym == "") {
		rule := RuleRequired
		if nhsNumber != "" {
			rule = RuleOnePatient
		}
		r.Reject("patient", rule)
		return id, false
	}
	if pseudonym != "" {
		if len(pseudonym) != 2*len(id) {
			r.Reject("patient.pseudonym", RuleMalformed)
			return id, false
		}
		if _, err := hex.Decode(id[:], []byte(pseudonym)); err != nil {
			r.Reject("patient.pseudonym", RuleMalformed)
			return record.PatientID{}, false
		}
		return id, true
	}
	if len(s.Key) == 0 {
		r.Reject("patient.nhs_number", RuleNoKey)
		return id, false
	}
	digits, valid := NHSNumber(nhsNumber)
	switch {
	case !valid:
		r.Reject("patient.nhs_number", RuleNHSNumber)
		return id, false
	case strings.HasPrefix(digits, "999") != s.TestNumbers:
		r.Reject("patient.nhs_number", RuleTestNHSNumber)
		return id, false
	}
	return record.Pseudonym(s.Key, digits), true
}

// NHSNumber returns the ten digits of an NHS number without blanks and hyphens.
// ok is false where the length or the check digit (modulus 11, weights 10 to 2)
// is wrong, or all digits are alike, which the check does not see.
func NHSNumber(text string) (digits string, ok bool) {
	if len(text) > 32 {
		return "", false
	}
	digits = text
	if strings.ContainsAny(text, " -") {
		digits = strings.ReplaceAll(strings.ReplaceAll(text, " ", ""), "-", "")
	}
	if len(digits) != 10 || strings.Count(digits, digits[:1]) == 10 {
		return "", false
	}
	sum := 0
	for i, c := range []byte(digits) {
		if c < '0' || c > '9' {
			return "", false
		}
		if i < 9 {
			sum += int(c-'0') * (10 - i)
		}
	}
	check := 11 - sum%11
	if check == 11 {
		check = 0
	}
	return digits, check == int(digits[9]-'0')
}
