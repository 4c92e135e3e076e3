package ingest_test

import (
	"testing"

	"github.com/lumbar-health/lumbar/ingest"
)

func TestNHSNumber(t *testing.T) {
	for _, c := range []struct {
		text string
		ok   bool
	}{
		{"9434765919", true}, {"4010232137", true}, {"9000000009", true}, {"9449304130", true}, {"9449305552", true},
		{"9990000018", true}, {"9990000026", true}, {"9990000034", true}, {"9990000042", true}, {"9990000050", true},
		{"1234567881", true}, {"943 476 5919", true}, {"943-476-5919", true},
		{"9434765918", false}, {"1234567890", false}, {"4857773456", false},
		{"0000000000", false}, {"1111111111", false}, {"9999999999", false},
		{"943476591", false}, {"94347659I9", false}, {"", false}, {"   ", false}, {"94347659190", false}, {"９４３４７６５９１９", false},
	} {
		digits, ok := ingest.NHSNumber(c.text)
		if ok != c.ok || ok && len(digits) != 10 {
			t.Errorf("NHSNumber(%q) = %q, %v; want %v", c.text, digits, ok, c.ok)
		}
	}
	for last := '0'; last <= '9'; last++ {
		if _, ok := ingest.NHSNumber("999000000" + string(last)); ok {
			t.Errorf("999000000%c is accepted: this stem has no check digit", last)
		}
	}
}
