package statistics

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/lumbar-health/lumbar/internal/bench/nation"
	"github.com/lumbar-health/lumbar/internal/chtest"
)

var devN = flag.Int("n", 1000000, "")

func TestMain(m *testing.M) { chtest.Main(m) }

func TestDev(t *testing.T) {
	start := time.Now()
	n := nation.Open(t, *devN)
	fmt.Println("filled", time.Since(start))
	n.Dev()
	for {
		if _, err := os.Stat("/tmp/b1/stop"); err == nil {
			return
		}
		time.Sleep(time.Second)
	}
}
