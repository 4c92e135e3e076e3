package fhir_test

import "testing"

func TestSmoke(t *testing.T) {
	r := kept(t, odi())
	t.Logf("%+v", r.Responses[0].Response)
}
