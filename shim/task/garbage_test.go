package task

import (
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"testing/synctest"
	"time"
)

// A shim collects garbage rarely for as long as it is asked for containers, and
// a while longer.
func TestGarbage(t *testing.T) {
	before := debug.SetGCPercent(idleGC)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	synctest.Test(t, func(t *testing.T) {
		expect := func(want uint64) {
			t.Helper()
			synctest.Wait()
			sample := []metrics.Sample{{Name: "/gc/gogc:percent"}}
			if metrics.Read(sample); sample[0].Value.Uint64() != want {
				t.Errorf("percent: %d, not %d", sample[0].Value.Uint64(), want)
			}
		}
		var g garbage
		expect(idleGC)
		for range 2 {
			for range 3 {
				g.busy()
				time.Sleep(busyFor / 2)
				expect(busyGC)
			}
			time.Sleep(busyFor)
			expect(idleGC)
		}
	})
}
