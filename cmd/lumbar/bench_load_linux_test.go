package main

import (
	"fmt"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lumbar-health/lumbar/internal/load"
)

// What the load bench promises on two cores, the client among them.
const (
	promisedRate    = 5000 // single posts a second, each durable
	promisedAnswer  = 50 * time.Millisecond
	promisedVisible = time.Second
	visiblePace     = 2000
)

// BenchmarkLoad posts single answers over HTTP to a store that knows 20,000
// episodes: as fast as 64 clients go, then at a pace. Every acknowledged answer
// is looked for afterwards.
func BenchmarkLoad(b *testing.B) {
	const people, lasting = 20_000, 20 * time.Second
	for b.Loop() {
		v := newVictim(b)
		ledger := load.NewLedger(load.World{Name: "bench", Programme: "back-pain"})
		if _, err := load.Post(b.Context(), v.client, ledger, 2, load.Numbers(true, 0, people, 5000)...); err != nil {
			b.Fatal(err)
		}
		v.drained(b)

		// Half of the answers for each part.
		half := people * load.Slots / 2
		plan := load.Deal(load.Singles(1, 0, half))
		before := v.cpu(b)
		l := load.Start(b.Context(), v.client, load.Options{Plan: plan, Ledger: ledger, Workers: 64, Seed: 1})
		stop := time.AfterFunc(lasting, func() { plan.StopAfter(0) })
		posts, err := l.Wait()
		stop.Stop()
		if err != nil {
			b.Fatal(err)
		}
		begun := time.Now()
		v.drained(b)
		used := v.cpu(b)
		p99 := posts.Latency.Quantile(0.99)
		fmt.Printf("single posts, durable, 64 clients: %.0f a second (%.2f of the promised %d), %s (p99 %.2f of the promised %s); all visible %s later\n",
			posts.Rate(), posts.Rate()/promisedRate, promisedRate, &posts.Latency, p99.Seconds()/promisedAnswer.Seconds(), promisedAnswer, time.Since(begun).Round(time.Millisecond))
		fmt.Print("CPU of a post, until it is visible:")
		for i, who := range []string{"program", "engine", "client"} {
			fmt.Printf(" %s %d µs", who, (used[i]-before[i]).Microseconds()/int64(posts.Requests))
		}
		fmt.Println()

		store, asked := v.store(b), atomic.Int64{}
		plan = load.Deal(load.Singles(2, half, 2*half))
		plan.StopAfter(visiblePace * int(lasting/time.Second))
		paced, err := load.Start(b.Context(), v.client, load.Options{
			Plan: plan, Ledger: ledger, Workers: 96, Seed: 2, Pace: visiblePace, Visible: 15,
			Seen: func(p load.Parcel) error {
				if asked.Add(1)%20 != 0 {
					return nil
				}
				return visibleNow(b, v, store, ledger.World, p.Numbers[0])
			},
		}).Wait()
		if err != nil {
			b.Fatal(err)
		}
		visible := paced.Visible.Quantile(0.99)
		fmt.Printf("at %.0f answers a second: acknowledged %s; visible %s, %d not within 30s (p99 %.2f of the promised %s)\n",
			paced.Rate(), &paced.Latency, &paced.Visible, paced.Unseen, visible.Seconds()/promisedVisible.Seconds(), promisedVisible)

		balance := v.balanced(b, ledger)
		fmt.Printf("afterwards: %s\n", balance)
		if code := v.p.stop(b); code != 0 {
			b.Errorf("exit %d: %s", code, v.p.err)
		}
		b.ReportMetric(posts.Rate(), "posts/s")
		b.ReportMetric(p99.Seconds()*1e3, "ms-p99")
		b.ReportMetric(visible.Seconds()*1e3, "ms-visible-p99")
		b.ReportMetric(0, "ns/op")
	}
}

// cpu is what program, engine and this process have used so far.
func (v *victim) cpu(b *testing.B) (used [3]time.Duration) {
	b.Helper()
	for i, pid := range []int{v.p.cmd.Process.Pid, v.engine(b), os.Getpid()} {
		s := procStat(pid)
		if len(s) < 13 {
			b.Fatalf("process %d has ended", pid)
		}
		for _, field := range s[11:13] { // user and system, in hundredths of a second
			ticks, err := strconv.Atoi(field)
			if err != nil {
				b.Fatal(err)
			}
			used[i] += time.Duration(ticks) * 10 * time.Millisecond
		}
	}
	return used
}
